//! What holds for every input, whatever it is.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use segment_klaviyo::klaviyo::{Operation, build_requests, build_requests_by_id};
use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::{self, Message};
use segment_klaviyo::settings::{RuleSettings, Settings};
use segment_klaviyo::signature::{Credentials, sign, verify};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::runtime::Runtime;

use crate::support::Shop;

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

/// Everything on, so that every rule is reached.
const ALL_ON: &[(&str, &str)] = &[
    ("ENFORCE_EMAIL", "false"),
    ("FALLBACK_ON_ANONYMOUS_ID", "true"),
    ("LIST_ID", "Y6nRLr"),
    ("CONSENT_CHANNELS", "email,sms"),
    ("DEFAULT_COUNTRY", "US"),
    ("METRIC_NAMES", "klaviyo"),
    ("SEND_PAGES", "true"),
    ("SEND_SCREENS", "true"),
    ("GROUP_LISTS", "true"),
    ("AUDIENCE_LISTS", "true"),
    ("HONOR_DELETIONS", "true"),
    ("BACKFILL_AFTER_HOURS", "1"),
    ("DELIVERY_BUDGET_MS", "60000"),
];

fn rules(settings: &[(&str, &str)]) -> RuleSettings {
    let get = |name: &str| match name {
        "SECRET_ID" => Some("test".to_owned()),
        _ => settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned()),
    };
    Settings::from_env(get).unwrap().rules
}

/// Values that are nearly what a rule looks for.
fn leaf() -> impl Strategy<Value = Value> {
    let telling = select(vec![
        json!(null),
        json!(true),
        json!("false"),
        json!(""),
        json!(" "),
        json!("1e3"),
        json!("$1,234.50"),
        json!(-1),
        json!(39.95),
        json!(1e300),
        json!(12_345),
        json!("sarah@klaviyo-demo.com"),
        json!("Li@Klaviyo-Demo.com "),
        json!("a@b"),
        json!("+15005550006"),
        json!("(650) 253-0000"),
        json!("2026-11-20T10:00:00Z"),
        json!(1_795_169_730),
        json!("1795169730412"),
        json!("USD"),
        json!("Y6nRLr"),
        json!("../../x"),
        json!("\u{0}"),
        json!("🦀"),
        json!("Order Completed"),
        json!("a\"b\\c"),
    ]);
    prop_oneof![3 => telling, 1 => any::<i64>().prop_map(|n| json!(n)), 1 => any::<f64>().prop_map(|n| json!(n)), 1 => ".{0,20}".prop_map(|s| json!(s))]
}

fn json_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(key(), inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Names that some rule reads, and others.
fn key() -> impl Strategy<Value = String> {
    let known = select(vec![
        "email",
        "phone",
        "firstName",
        "last_name",
        "name",
        "address",
        "city",
        "company",
        "order_id",
        "orderId",
        "refund_id",
        "products",
        "product_id",
        "sku",
        "price",
        "quantity",
        "revenue",
        "total",
        "currency",
        "category",
        "categories",
        "url",
        "traits",
        "personas",
        "external_audience_id",
        "subscribe",
        "Klaviyo",
        "All",
        "listId",
        "confirmOptin",
        "fieldsToAppend",
        "fieldsToUnset",
        "coupon",
        "brand",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

/// Something like a message: the right names, often with the right kind of value.
fn message() -> impl Strategy<Value = Value> {
    let kind = select(vec![
        json!("identify"),
        json!("track"),
        json!("page"),
        json!("screen"),
        json!("group"),
        json!("delete"),
        json!("alias"),
        json!(7),
    ]);
    let event = select(vec![
        "Order Completed",
        "Order Refunded",
        "Order Cancelled",
        "Product Viewed",
        "Product Added",
        "Checkout Started",
        "Audience Entered",
        "Audience Exited",
        "Seen",
        "",
    ]);
    let fields =
        || btree_map(key(), json_value(), 0..8).prop_map(|map| map.into_iter().collect::<Value>());
    let lines = || vec(fields(), 0..4);
    let ids = (leaf(), leaf(), 0..6_u8);
    (kind, event, ids, fields(), fields(), fields(), fields(), lines()).prop_map(
        |(kind, event, (user, time, id), traits, mut properties, context, integrations, lines)| {
            if !lines.is_empty() {
                properties["products"] = lines.into();
            }
            json!({
                "type": kind, "event": event, "name": event, "userId": user, "anonymousId": "anon", "messageId": format!("m{id}"),
                "groupId": "Y6nRLr", "timestamp": time, "traits": traits, "properties": properties, "context": context,
                "integrations": integrations,
            })
        },
    )
}

/// Reads a body that Segment signed, as the handler does, and hands on what the rules make of it.
fn with_operations<T>(
    body: &str,
    rules: &RuleSettings,
    check: impl FnOnce(&[Operation]) -> T,
) -> Option<T> {
    let secret =
        Secret::parse(r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": "s"}"#).unwrap();
    let signature = sign(body.as_bytes(), "s").unwrap();
    let claimed = Credentials {
        signature: Some(&signature),
        authorization: None,
    };
    let verified = verify(body.as_bytes(), claimed, &secret).unwrap();
    let messages: Vec<_> = segment::raw_messages(&verified)
        .ok()?
        .into_iter()
        .map(Message::parse)
        .collect();
    let of = |message: &Message<'_>| match decide(message, rules, NOW) {
        Decision::Send(_) => true,
        Decision::Ignore(_) | Decision::Reject(_) => false,
    };
    let read: Vec<_> = messages.iter().flatten().collect();
    let operations: Vec<_> = read
        .iter()
        .filter(|message| of(message))
        .flat_map(|message| match decide(message, rules, NOW) {
            Decision::Send(plan) => plan.into_parts().0,
            Decision::Ignore(_) | Decision::Reject(_) => Vec::new(),
        })
        .collect();
    Some(check(&operations))
}

/// Each operation is in exactly one call, and every call is within Klaviyo's limits.
fn check_packing(operations: &[Operation]) {
    let operations: Vec<_> = operations.iter().collect();
    let packed = build_requests(&operations);
    let by_id = build_requests_by_id(&operations, |_| Some("42"));
    let direct: Vec<_> = packed
        .iter()
        .flat_map(|packed| packed.operation_indexes())
        .collect();
    let looked_up: Vec<_> = by_id
        .iter()
        .flat_map(|packed| packed.operation_indexes())
        .collect();
    let mut members: Vec<_> = direct.iter().chain(&looked_up).copied().collect();
    members.sort_unstable();
    assert_eq!(members, (0..operations.len()).collect::<Vec<_>>());
    assert_eq!(direct.len(), direct.iter().collect::<BTreeSet<_>>().len());
    for packed in packed.iter().chain(&by_id) {
        let call = &packed.request;
        let body: Value = serde_json::from_slice(&call.body).expect("every body is JSON");
        let at = |pointer: &str| {
            body.pointer(pointer)
                .and_then(Value::as_array)
                .map_or(0, Vec::len)
        };
        assert!(call.body.len() <= 5_000_000 || packed.operation_indexes().count() == 1);
        assert!(at("/data/attributes/profiles/data") <= 10_000);
        let events = body
            .pointer("/data/attributes/events-bulk-create/data")
            .and_then(Value::as_array);
        let count = |place: &Value| {
            place["attributes"]["events"]["data"]
                .as_array()
                .unwrap()
                .len()
        };
        let events = events.map(|places| places.iter().map(count).sum::<usize>());
        assert!(events.unwrap_or(0) <= 1_000);
        if let Some(events) = events {
            assert_eq!(events, packed.operation_indexes().count());
        }
        match call.path.as_ref() {
            "/api/profile-subscription-bulk-create-jobs" => {
                assert!(at("/data/attributes/profiles/data") <= 1_000)
            }
            "/api/profile-subscription-bulk-delete-jobs" => {
                assert!(at("/data/attributes/profiles/data") <= 100)
            }
            path => assert!(!path.contains("..")),
        }
    }
}

fn bodies(operations: &[Operation]) -> Vec<Vec<u8>> {
    build_requests(&operations.iter().collect::<Vec<_>>())
        .into_iter()
        .map(|packed| packed.request.body.to_vec())
        .collect()
}

/// What Klaviyo holds, by what tells one thing from another.
fn held(shop: &Shop) -> [BTreeSet<String>; 3] {
    let held = shop.stand_in.state();
    let email = |profile: usize| {
        held.account.profiles[profile]
            .get("email")
            .or(held.account.profiles[profile].get("external_id"))
    };
    let event = |event: &segment_klaviyo_stand_in::EventRecord| {
        format!(
            "{} {} {:?} {}",
            event.metric,
            event.unique_id,
            email(event.profile),
            event.properties
        )
    };
    let profile =
        |profile: &serde_json::Map<String, Value>| serde_json::to_string(profile).unwrap();
    let consent = |it: &segment_klaviyo_stand_in::ConsentRecord| {
        format!(
            "{:?} {:?} {} {}",
            it.email, it.phone_number, it.list_id, it.subscribed
        )
    };
    [
        held.account.events.iter().map(event).collect(),
        held.account.profiles.iter().map(profile).collect(),
        held.account.consents.iter().map(consent).collect(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_read_and_packed_without_a_panic(value in json_value()) {
        for settings in [ALL_ON, &[]] {
            with_operations(&value.to_string(), &rules(settings), check_packing);
        }
    }

    #[test]
    fn any_message_is_packed_within_every_limit(messages in vec(message(), 0..40)) {
        for settings in [ALL_ON, &[]] {
            with_operations(&Value::from(messages.clone()).to_string(), &rules(settings), check_packing);
        }
    }

    #[test]
    fn the_same_message_twice_gives_the_same_ids(message in message()) {
        let body = message.to_string();
        let rules = rules(ALL_ON);
        let once = with_operations(&body, &rules, bodies);
        prop_assert_eq!(once, with_operations(&body, &rules, bodies));
    }

    #[test]
    fn with_enforced_email_no_other_id_leaves(messages in vec(message(), 1..10)) {
        let mut messages = messages;
        for message in &mut messages {
            message["userId"] = json!("secret-user");
            message["traits"]["email"] = json!("sarah@klaviyo-demo.com");
            message["anonymousId"] = json!("secret-anonymous");
        }
        let sent = messages.iter().filter(|message| ["identify", "track"].contains(&message["type"].as_str().unwrap_or("")));
        let sent = sent.filter(|message| message["integrations"].as_object().is_some_and(|it| !it.contains_key("Klaviyo") && !it.contains_key("All")));
        let sent = sent.filter(|message| message["event"] != "").count();
        with_operations(&Value::from(messages).to_string(), &rules(&[]), |operations| {
            assert!(operations.len() >= sent.min(1), "there is something to look at");
            for body in bodies(operations) {
                let body = String::from_utf8(body).unwrap();
                assert!(!body.contains("secret-") && !body.contains("\"external_id\":"), "{body}");
            }
        });
    }
}

proptest! {
    // Each case is two functions with a Klaviyo of their own.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_gives_what_its_messages_give_one_by_one(emails in vec(0..5_u8, 1..40), seed in any::<u64>()) {
        let messages: Vec<_> = (0_u64..).zip(&emails).map(|(n, email)| some_message(seed.wrapping_add(n), *email)).collect();
        Runtime::new().unwrap().block_on(async {
            let (together, apart) = (Shop::open(ALL_ON).await, Shop::open(ALL_ON).await);
            let answer = together.send(&messages.clone().into()).await;
            let mut ends = Vec::new();
            for message in &messages {
                let answer = apart.send(message).await;
                ends.push((answer.body.delivered, answer.body.ignored, answer.body.rejected));
            }
            let sum = |of: fn(&(usize, usize, usize)) -> usize| ends.iter().map(of).sum::<usize>();
            let report = &answer.body;
            assert_eq!([report.delivered, report.ignored, report.rejected], [sum(|it| it.0), sum(|it| it.1), sum(|it| it.2)]);
            assert_eq!(held(&together), held(&apart));
        });
    }

    #[test]
    fn any_batch_gets_an_answer_of_the_contract(messages in vec(prop_oneof![3 => message(), 1 => json_value()], 0..20)) {
        Runtime::new().unwrap().block_on(async {
            let shop = Shop::open(ALL_ON).await;
            let count = messages.len();
            let answer = shop.send(&messages.into()).await;
            let report = &answer.body;
            assert!([200, 400].contains(&answer.status), "{answer:?}");
            assert_eq!(report.received, count);
            assert_eq!(report.delivered + report.ignored + report.rejected, count, "{answer:?}");
        });
    }
}

/// One of a few messages by one of a few people, so that repeats and merges happen.
fn some_message(seed: u64, person: u8) -> Value {
    let email = format!("p{person}@klaviyo-demo.com");
    let n = seed % 7;
    match seed % 4 {
        0 => {
            json!({"type": "identify", "messageId": n, "userId": email, "traits": {"n": seed, (format!("only{n}")): true}})
        }
        1 => {
            json!({"type": "track", "event": "Seen", "messageId": n, "userId": email, "properties": {"n": n}})
        }
        2 => json!({"type": "track", "event": "Order Completed", "messageId": n, "userId": email,
            "properties": {"order_id": n, "products": [{"sku": n}, {"sku": n}]}}),
        _ => {
            json!({"type": "page", "name": "Cart", "messageId": n, "userId": if n == 0 { json!(null) } else { json!(email) }})
        }
    }
}
