//! Every rule as a table: a message and its settings on one side, whole Klaviyo requests on the other.

use std::collections::BTreeMap;

use segment_klaviyo::klaviyo::{ApiRequest, Operation, build_requests, build_requests_by_id};
use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::segment::Message;
use segment_klaviyo::settings::Settings;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::support::{identify, order, track};

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

/// A table: the name of a case, the settings it differs in, the message.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], Value);

/// Compares what the rules make of each case, the requests or why there are none, with the snapshot.
fn approve(rule: &str, cases: &[Case]) {
    let table: BTreeMap<_, _> = cases
        .iter()
        .map(|(name, settings, message)| (*name, outcome(settings, message)))
        .collect();
    assert_eq!(table.len(), cases.len(), "each case has a name of its own");
    insta::with_settings!({omit_expression => true}, { insta::assert_json_snapshot!(rule, table) });
}

fn outcome(settings: &[(&str, &str)], message: &Value) -> Value {
    let get = |name: &str| match name {
        "SECRET_ID" => Some("test".to_owned()),
        _ => settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned()),
    };
    let rules = Settings::from_env(get).unwrap().rules;
    let json = message.to_string();
    let raw: &RawValue = serde_json::from_str(&json).unwrap();
    match decide(&Message::parse(raw).unwrap(), &rules, NOW) {
        Decision::Ignore(why) => json!({"ignored": why.reason()}),
        Decision::Reject(why) => json!({"rejected": why.reason()}),
        Decision::Send(plan) => {
            let (operations, warnings) = plan.into_parts();
            let calls: Vec<Value> = operations
                .iter()
                .map(|operation| shown(&call(operation)))
                .collect();
            let warnings: Vec<_> = warnings.iter().map(|note| note.reason()).collect();
            if warnings.is_empty() {
                calls.into()
            } else {
                json!({"calls": calls, "warnings": warnings})
            }
        }
    }
}

/// The one request of an operation; where a profile's id has to be looked up, that of profile `42`.
fn call(operation: &Operation) -> ApiRequest {
    let packed = build_requests(&[operation])
        .into_iter()
        .chain(build_requests_by_id(&[operation], |_| Some("42")));
    packed.map(|packed| packed.request).next().unwrap()
}

fn shown(call: &ApiRequest) -> Value {
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    json!({ format!("{} {}", call.method, call.path): body["data"] })
}

/// The requests of a message that is sent.
fn calls(settings: &[(&str, &str)], message: &Value) -> Vec<Value> {
    match outcome(settings, message) {
        Value::Array(calls) => calls,
        other => panic!("not sent: {other}"),
    }
}

/// The attributes of the first event that a track gives.
fn event(message: &Value) -> Value {
    calls(&[], message)[0]["POST /api/events"]["attributes"].clone()
}

fn with(mut message: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}

const OPEN: &[(&str, &str)] = &[("ENFORCE_EMAIL", "false")];
const FALLBACK: &[(&str, &str)] = &[
    ("ENFORCE_EMAIL", "false"),
    ("FALLBACK_ON_ANONYMOUS_ID", "true"),
];

#[test]
fn identity() {
    let person = |fields: Value| {
        with(
            json!({"type": "track", "event": "Seen", "messageId": "m"}),
            fields,
        )
    };
    let known = json!({"userId": "usr_1", "anonymousId": "anon_1", "properties": {"email": " Sarah@Klaviyo-Demo.com "}});
    approve(
        "identity",
        &[
            (
                "enforced: the email is the only identifier",
                &[],
                person(known.clone()),
            ),
            (
                "enforced: no email",
                &[],
                person(json!({"userId": "usr_1", "anonymousId": "anon_1"})),
            ),
            (
                "enforced: no email, fallback on",
                &[("FALLBACK_ON_ANONYMOUS_ID", "true")],
                person(json!({"anonymousId": "anon_1"})),
            ),
            (
                "enforced: userId is the email",
                &[],
                person(json!({"userId": "Sarah@klaviyo-demo.com"})),
            ),
            (
                "enforced: traits come before properties",
                &[],
                person(json!({
            "traits": {"email": "traits@klaviyo-demo.com"}, "properties": {"email": "properties@klaviyo-demo.com"}})),
            ),
            (
                "enforced: properties come before context",
                &[],
                person(json!({
            "properties": {"email": "properties@klaviyo-demo.com"}, "context": {"traits": {"email": "context@klaviyo-demo.com"}}})),
            ),
            (
                "enforced: an address that is none is passed over",
                &[],
                person(json!({
            "properties": {"email": "sarah at home"}, "context": {"traits": {"email": "context@klaviyo-demo.com"}}})),
            ),
            ("open: external_id beside the email", OPEN, person(known)),
            (
                "open: userId is the email",
                OPEN,
                person(json!({"userId": "SARAH@klaviyo-demo.com"})),
            ),
            (
                "open: a numeric userId",
                OPEN,
                person(json!({"userId": 12345})),
            ),
            (
                "open: the phone goes along",
                OPEN,
                person(
                    json!({"userId": "usr_1", "context": {"traits": {"phone": "+1 500 555 0006"}}}),
                ),
            ),
            (
                "open: only an anonymous id",
                OPEN,
                person(json!({"anonymousId": "anon_1"})),
            ),
            (
                "fallback: only an anonymous id",
                FALLBACK,
                person(json!({"anonymousId": "anon_1"})),
            ),
            (
                "fallback: a userId comes first",
                FALLBACK,
                person(json!({"userId": "usr_1", "anonymousId": "anon_1"})),
            ),
            (
                "fallback: an email comes first",
                FALLBACK,
                person(json!({
            "anonymousId": "anon_1", "properties": {"email": "sarah@klaviyo-demo.com"}})),
            ),
            ("fallback: nobody", FALLBACK, person(json!({}))),
            (
                "open: an id of 255 characters",
                OPEN,
                person(json!({"userId": "é".repeat(255)})),
            ),
            (
                "open: an id of 256 characters",
                OPEN,
                person(json!({"userId": "é".repeat(256)})),
            ),
        ],
    );
}

#[test]
fn integrations() {
    let say = |integrations: Value| {
        with(
            track("m", &json!({})),
            json!({"integrations": integrations}),
        )
    };
    for (integrations, sent) in [
        (json!({}), true),
        (json!(null), true),
        (json!({"All": true}), true),
        (json!({"All": false}), false),
        (json!({"All": false, "Klaviyo": true}), true),
        (json!({"All": false, "Klaviyo": {"listId": "L"}}), true),
        (json!({"All": false, "Klaviyo (Actions)": true}), true),
        (json!({"All": false, "Klaviyo": null}), false),
        (json!({"Klaviyo": false}), false),
        (json!({"Klaviyo (Actions)": false}), false),
        (json!({"All": true, "Klaviyo": false}), false),
        (json!({"All": false, "Mixpanel": true}), false),
    ] {
        let outcome = outcome(&[], &say(integrations.clone()));
        let expected = if sent {
            Value::Null
        } else {
            json!("integration_off")
        };
        assert_eq!(
            outcome.get("ignored").cloned().unwrap_or_default(),
            expected,
            "{integrations}"
        );
    }
}

#[test]
fn identify_becomes_a_profile() {
    let of = |traits: Value| identify(&traits, &json!({}));
    let address = json!({"street": "89 E 42nd St", "street2": "Floor 1", "city": "New York", "state": "NY",
        "postalCode": 10017, "country": "United States"});
    approve(
        "identify",
        &[
            (
                "camelCase",
                &[],
                of(json!({
            "email": "Sarah@Klaviyo-Demo.com", "firstName": "Sarah", "lastName": "Mason", "phone": "+1 (500) 555-0006",
            "title": "Head Baker", "company": {"name": "Fable & Oat"}, "avatar": "https://klaviyo-demo.com/s.png",
            "locale": "en-US", "timezone": "America/New_York", "address": address,
            "loyaltyPoints": 420, "vip": true, "tags": ["a", {"b": 1}]})),
            ),
            (
                "snake_case and a flat address",
                &[],
                of(json!({
            "email": "sarah@klaviyo-demo.com", "first_name": "Sarah", "last_name": "Mason", "phone_number": "+15005550006",
            "organization": "Fable & Oat", "street": "89 E 42nd St", "city": "New York", "region": "NY",
            "postal_code": "10017", "country": "US"})),
            ),
            (
                "a name to split",
                &[],
                of(json!({"email": "s@klaviyo-demo.com", "name": "Sarah Jane Mason"})),
            ),
            (
                "a name of one word",
                &[],
                of(json!({"email": "s@klaviyo-demo.com", "name": "Sarah"})),
            ),
            (
                "a name beside a first name",
                &[],
                of(
                    json!({"email": "s@klaviyo-demo.com", "name": "S. Mason", "firstName": "Sarah"}),
                ),
            ),
            (
                "null clears",
                &[],
                of(json!({
            "email": "s@klaviyo-demo.com", "firstName": null, "phone": null, "address": {"city": null}, "plan": null})),
            ),
            (
                "a bad field costs the field",
                &[],
                of(json!({
            "email": "s@klaviyo-demo.com", "firstName": {"odd": true}, "title": 5, "address": "89 E 42nd St",
            "phone": "call me", "company": ["A", "B"]})),
            ),
            (
                "what Klaviyo has no field for is kept",
                &[],
                of(json!({
            "email": "s@klaviyo-demo.com", "company": {"name": "Fable", "plan": "pro"}, "address": {"city": "Rome", "doorbell": "SM"}})),
            ),
            (
                "no traits at all",
                &[],
                with(
                    identify(&json!(null), &json!({})),
                    json!({"userId": "sarah@klaviyo-demo.com"}),
                ),
            ),
            (
                "open: external_id",
                OPEN,
                of(json!({"email": "s@klaviyo-demo.com"})),
            ),
            (
                "changes to properties",
                &[],
                identify(
                    &json!({"email": "s@klaviyo-demo.com"}),
                    &json!({"Klaviyo": {
            "fieldsToUnset": ["old", 5, null], "fieldsToAppend": {"skus": ["A"]}, "fieldsToUnappend": {"skus": "B"}}}),
                ),
            ),
            (
                "changes named by traits",
                &[],
                identify(
                    &json!({"email": "s@klaviyo-demo.com", "skus": "A", "kept": 1}),
                    &json!({"Klaviyo": {
            "fieldsToAppend": ["skus", "missing"], "fieldsToUnappend": "nothing"}}),
                ),
            ),
            (
                "one property to unset",
                &[],
                identify(
                    &json!({"email": "s@klaviyo-demo.com"}),
                    &json!({"Klaviyo": {"fieldsToUnset": "old"}}),
                ),
            ),
        ],
    );
}

#[test]
fn identify_subscribes_to_a_list() {
    let sarah = json!({"email": "sarah@klaviyo-demo.com", "phone": "+15005550006"});
    let plain = identify(&sarah, &json!({}));
    let choose = |options: Value| identify(&sarah, &json!({"Klaviyo": options}));
    const LIST: (&str, &str) = ("LIST_ID", "Y6nRLr");
    const SURE: (&str, &str) = ("CONFIRM_OPTIN", "false");
    let no_email = with(identify(&json!({}), &json!({})), json!({"userId": "usr_1"}));
    approve(
        "lists",
        &[
            ("no list", &[], plain.clone()),
            (
                "the list of the settings, confirmed",
                &[LIST],
                plain.clone(),
            ),
            ("not confirmed", &[LIST, SURE], plain.clone()),
            (
                "the message's list",
                &[LIST],
                choose(json!({"listId": "Other1"})),
            ),
            ("a numeric list", &[], choose(json!({"listId": 123_456}))),
            (
                "the message's confirmOptin false",
                &[LIST],
                choose(json!({"confirmOptin": false})),
            ),
            (
                "the message's confirmOptin true",
                &[LIST, SURE],
                choose(json!({"confirmOptin": "true"})),
            ),
            (
                "a confirmOptin that cannot be read asks",
                &[LIST, SURE],
                choose(json!({"confirmOptin": "maybe"})),
            ),
            (
                "consent is never in the future",
                &[LIST, SURE],
                with(plain.clone(), json!({"timestamp": "2027-01-01T00:00:00Z"})),
            ),
            (
                "consent without a time is from now",
                &[LIST, SURE],
                with(plain.clone(), json!({"timestamp": "soon"})),
            ),
            (
                "both channels",
                &[LIST, ("CONSENT_CHANNELS", "email,sms")],
                plain.clone(),
            ),
            (
                "SMS alone",
                &[LIST, SURE, ("CONSENT_CHANNELS", "sms")],
                plain,
            ),
            (
                "SMS without a number",
                &[LIST, ("CONSENT_CHANNELS", "sms")],
                identify(&json!({"email": "s@klaviyo-demo.com"}), &json!({})),
            ),
            (
                "nobody to write to",
                &[LIST, ("ENFORCE_EMAIL", "false")],
                no_email,
            ),
        ],
    );
}

#[test]
fn track_becomes_an_event() {
    let full = json!({"revenue": 39.95, "currency": "usd", "nested": {"kept": [1, 2.50, "3"]}, "big": 12_345_678_901_234_567_890_u64});
    approve(
        "track",
        &[
            (
                "whole",
                &[],
                with(
                    track("m-1", &full),
                    json!({"context": {"traits": {
            "email": "sarah@klaviyo-demo.com", "firstName": "Sarah", "last_name": "Mason", "phone": "+15005550006"}}}),
                ),
            ),
            (
                "open: the phone goes along",
                OPEN,
                with(
                    track("m-1", &json!({})),
                    json!({"context": {"traits": {
            "email": "sarah@klaviyo-demo.com", "phone": "+15005550006"}}}),
                ),
            ),
            (
                "no properties",
                &[],
                with(track("m-1", &json!(null)), json!({})),
            ),
            (
                "properties that are no object",
                &[],
                track("m-1", &json!([1])),
            ),
            (
                "an address that Klaviyo drops",
                &[],
                with(
                    track("m-1", &json!({})),
                    json!({"userId": "x@example.com", "context": {}}),
                ),
            ),
        ],
    );
}

#[test]
fn names_of_metrics() {
    for (name, rejected) in [
        (json!("A"), false),
        (json!("é".repeat(127)), false),
        (json!("é".repeat(128)), true),
        (json!(""), true),
        (json!("  "), true),
        (json!(null), true),
        (json!({"name": "A"}), true),
    ] {
        let outcome = outcome(&[], &with(track("m", &json!({})), json!({"event": name})));
        let expected = if rejected {
            json!("invalid_event_name")
        } else {
            Value::Null
        };
        assert_eq!(
            outcome.get("rejected").cloned().unwrap_or_default(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn the_time_of_an_event() {
    for (timestamp, time) in [
        (
            json!("2026-11-20T10:00:00.123456Z"),
            json!("2026-11-20T10:00:00.123Z"),
        ),
        (
            json!("2026-11-20T12:00:00+02:00"),
            json!("2026-11-20T10:00:00.000Z"),
        ),
        (
            json!(1_795_169_730_412_i64),
            json!("2026-11-20T10:15:30.412Z"),
        ),
        (json!("1795169730"), json!("2026-11-20T10:15:30.000Z")),
        (json!("1999-12-31T23:59:59Z"), Value::Null),
        (json!(0), Value::Null),
        (
            json!("2027-11-20T11:00:00Z"),
            json!("2027-11-20T11:00:00.000Z"),
        ),
        (json!("2027-11-21T00:00:00Z"), Value::Null),
        (json!("last week"), Value::Null),
        (json!(null), Value::Null),
    ] {
        let event = event(&with(
            track("m", &json!({})),
            json!({"timestamp": timestamp}),
        ));
        assert_eq!(event["time"], time, "{timestamp}");
    }
}

#[test]
fn the_value_of_an_event() {
    for (properties, value, currency) in [
        (
            json!({"revenue": 10, "value": 20, "total": 30}),
            json!(10),
            Value::Null,
        ),
        (
            json!({"value": "20.5", "total": 30}),
            json!(20.5),
            Value::Null,
        ),
        (
            json!({"revenue": "$1,234.50", "value": 20}),
            json!(20),
            Value::Null,
        ),
        (json!({"revenue": "12,50"}), Value::Null, Value::Null),
        (
            json!({"revenue": "1e3", "currency": "eur"}),
            json!(1000),
            json!("EUR"),
        ),
        (
            json!({"total": 30, "currency": "Euro"}),
            Value::Null,
            Value::Null,
        ),
        (
            json!({"value": {"amount": 1}, "currency": 978}),
            Value::Null,
            Value::Null,
        ),
    ] {
        let event = event(&track("m", &properties));
        assert_eq!(
            (&event["value"], &event["value_currency"]),
            (&value, &currency),
            "{properties}"
        );
    }
}

#[test]
fn the_id_of_an_event() {
    let id = |message: &Value| event(message)["unique_id"].as_str().unwrap().to_owned();
    assert_eq!(id(&track("m-1", &json!({}))), "m-1");
    assert_eq!(id(&track(&"x".repeat(255), &json!({}))), "x".repeat(255));
    let hashed = id(&track(&"x".repeat(256), &json!({})));
    assert_eq!(hashed.len(), 64);
    assert_ne!(hashed, id(&track(&"x".repeat(257), &json!({}))));

    let nameless = |price: i64| {
        with(
            track("", &json!({"price": price})),
            json!({"messageId": null}),
        )
    };
    assert_eq!(
        id(&nameless(1)),
        id(&nameless(1)),
        "a resend is the same event"
    );
    assert_ne!(id(&nameless(1)), id(&nameless(2)));
}

#[test]
fn limits_of_properties() {
    let keys = |count: usize| {
        (0..count)
            .map(|n| (n.to_string(), json!(n)))
            .collect::<Value>()
    };
    let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "in": inner }));
    let long = |bytes: usize| json!({"text": "a".repeat(bytes)});
    // Each é is written as it is: two bytes.
    let accented = |characters: usize| json!({"text": "é".repeat(characters)});
    let array = |elements: usize| json!({"items": vec![0; elements]});
    let big = |strings: usize| json!({"texts": vec!["b".repeat(99_000); strings]});
    for (what, properties, rejected) in [
        ("400 keys", keys(400), None),
        ("401 keys", keys(401), Some("too_many_properties")),
        ("10 levels", nested(10), None),
        ("11 levels", nested(11), Some("nested_too_deeply")),
        (
            "11 brackets in a text",
            json!({"text": "[{[{[{[{[{[{"}),
            None,
        ),
        ("a text of 100 KB", long(100_000), None),
        ("a longer text", long(100_001), Some("string_too_long")),
        ("100 KB of accents", accented(50_000), None),
        ("more accents", accented(50_001), Some("string_too_long")),
        (
            "100 KB of escapes",
            json!({"text": "\n".repeat(100_000)}),
            None,
        ),
        ("4,000 elements", array(4_000), None),
        ("4,001 elements", array(4_001), Some("array_too_long")),
        ("under 5 MB", big(50), None),
        ("over 5 MB", big(51), Some("event_too_large")),
    ] {
        let outcome = outcome(&[], &track("m", &properties));
        assert_eq!(
            outcome.get("rejected").and_then(Value::as_str),
            rejected,
            "{what}"
        );
    }
}

#[test]
fn orders() {
    let lines = json!({
    "email": "sarah@klaviyo-demo.com", "order_id": "R1", "total": "59.97", "currency": "USD", "coupon": "FALL10", "name": "order",
    "products": [
        {"product_id": "p1", "sku": "s1", "name": "Jam", "price": 19.99, "quantity": 3, "url": "https://klaviyo-demo.com/jam",
         "image_url": "https://klaviyo-demo.com/jam.png"},
        {"name": "No id", "price": "2.50", "currency": "cad"}
    ]});
    let placed = |properties: Value| with(order("R1", 0), json!({"properties": properties}));
    approve(
        "orders",
        &[
            (
                "one event for the order, one for each line",
                &[],
                placed(lines.clone()),
            ),
            (
                "as Placed Order",
                &[("SEND_PLACED_ORDER_AS_ORDER_COMPLETED", "false")],
                order("R1", 1),
            ),
            (
                "lines that are none",
                &[],
                placed(
                    json!({"email": "s@klaviyo-demo.com", "order_id": 1, "products": [null, 5, {"sku": "s"}]}),
                ),
            ),
            (
                "products that are no list",
                &[],
                placed(json!({"email": "s@klaviyo-demo.com", "order_id": 1, "products": "two"})),
            ),
            (
                "not an order",
                &[],
                with(placed(lines), json!({"event": "Checkout Started"})),
            ),
        ],
    );
}

#[test]
fn ids_of_orders_and_lines() {
    let ids = |event: &str, properties: Value| {
        let mut properties = properties;
        properties["email"] = json!("sarah@klaviyo-demo.com");
        let message = with(
            order("x", 0),
            json!({"event": event, "messageId": "m-1", "properties": properties}),
        );
        let ids = calls(&[], &message)
            .iter()
            .map(|call| {
                call["POST /api/events"]["attributes"]["unique_id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect::<Vec<_>>();
        ids.join(" ")
    };
    for (event, properties, expected) in [
        ("Order Completed", json!({"order_id": "991"}), "991"),
        ("Order Completed", json!({"orderId": 991}), "991"),
        ("Order Completed", json!({"event_id": "e1"}), "e1"),
        ("Order Completed", json!({"eventId": "e1"}), "e1"),
        (
            "Order Completed",
            json!({"order_id": "", "orderId": "991"}),
            "991",
        ),
        ("Order Completed", json!({}), "m-1"),
        (
            "Order Completed",
            json!({"order_id": 1, "products": [{"product_id": "a"}, {"productId": "b"}, {"id": 3}, {"sku": "d"}, {}]}),
            "1 1_a 1_b 1_3 1_d 1_4",
        ),
        (
            "Order Completed",
            json!({"order_id": 1, "products": [{"sku": "a"}, {"sku": "a"}, {"sku": "a"}]}),
            "1 1_a 1_a_1 1_a_2",
        ),
        (
            "Order Completed",
            json!({"order_id": 1, "products": [{"id": "1"}, {}, {"id": "1_1"}]}),
            "1 1_1 1_1_1 1_1_1_2",
        ),
        ("Order Refunded", json!({"order_id": 1}), "1"),
        (
            "Order Refunded",
            json!({"order_id": 1, "refund_id": 7}),
            "1_7",
        ),
        (
            "Order Cancelled",
            json!({"orderId": "1", "products": [{"id": 1}]}),
            "1",
        ),
        ("Product Viewed", json!({"order_id": 1}), "m-1"),
    ] {
        assert_eq!(
            ids(event, properties.clone()),
            expected,
            "{event} {properties}"
        );
    }
    let long = ids(
        "Order Completed",
        json!({"order_id": "o".repeat(250), "products": [{"id": "abcdef"}, {"id": "abcdeg"}]}),
    );
    let lengths: Vec<_> = long.split(' ').map(str::len).collect();
    assert_eq!(lengths, [250, 64, 64]);
}

#[test]
fn the_website_and_the_server_tell_of_one_order() {
    let website =
        json!({"orderId": 991, "email": "sarah@klaviyo-demo.com", "products": [{"product_id": 5}]});
    let server = json!({"order_id": "991", "email": "Sarah@klaviyo-demo.com", "products": [{"productId": "5"}]});
    let ids = |message_id: &str, properties: &Value| {
        let message = with(
            order("x", 0),
            json!({"messageId": message_id, "properties": properties}),
        );
        let calls = calls(&[], &message);
        let id = |call: &Value| call["POST /api/events"]["attributes"]["unique_id"].clone();
        calls.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids("m-website", &website), ids("m-server", &server));
}

#[test]
fn an_ordered_product_has_no_more_properties_than_klaviyo_takes() {
    let mut properties: Value = (0..390).map(|n| (format!("o{n}"), json!(n))).collect();
    properties["email"] = json!("sarah@klaviyo-demo.com");
    properties["products"] = json!([(0..50)
        .map(|n| (format!("l{n}"), json!(n)))
        .collect::<Value>()]);
    let calls = calls(&[], &with(order("x", 0), json!({"properties": properties})));
    let line = calls[1]["POST /api/events"]["attributes"]["properties"]
        .as_object()
        .unwrap();
    assert_eq!(line.len(), 400);
    assert!(
        (0..50).all(|n| line.contains_key(&format!("l{n}"))),
        "the line's own come first"
    );
}

#[test]
fn other_types_are_ignored() {
    for kind in [
        json!("page"),
        json!("screen"),
        json!("group"),
        json!("alias"),
        json!("delete"),
        json!("TRACK"),
        json!(null),
    ] {
        let message = with(track("m", &json!({})), json!({"type": kind}));
        assert_eq!(
            outcome(&[], &message),
            json!({"ignored": "unsupported_type"}),
            "{kind}"
        );
    }
}

const PAGES: &[(&str, &str)] = &[("SEND_PAGES", "true"), ("SEND_SCREENS", "true")];
const GROUPS: &[(&str, &str)] = &[("GROUP_LISTS", "true")];
const AUDIENCES: &[(&str, &str)] = &[("AUDIENCE_LISTS", "true")];
const DELETIONS: &[(&str, &str)] = &[("HONOR_DELETIONS", "true")];

#[test]
fn pages_and_screens() {
    let seen = |kind: &str, name: Value| {
        let context = json!({"traits": {"email": "s@klaviyo-demo.com"}});
        json!({"type": kind, "name": name, "messageId": "m", "context": context, "properties": {"path": "/cart"}})
    };
    approve(
        "pages",
        &[
            ("a page", PAGES, seen("page", json!("Cart"))),
            ("a page without a name", PAGES, seen("page", json!(null))),
            ("a screen", PAGES, seen("screen", json!("Home"))),
            (
                "a name that is too long",
                PAGES,
                seen("page", json!("x".repeat(116))),
            ),
            ("a page when they are off", &[], seen("page", json!("Cart"))),
            (
                "a blocked page",
                &[PAGES[0], ("EVENTS_BLOCKED", "Viewed Cart Page")],
                seen("page", json!("Cart")),
            ),
        ],
    );
}

#[test]
fn groups_subscribe_and_unsubscribe() {
    let group = |id: Value, subscribe: Value| {
        json!({"type": "group", "messageId": "m", "groupId": id, "timestamp": "2026-11-20T10:00:00Z",
            "userId": "sarah@klaviyo-demo.com", "traits": {"subscribe": subscribe}})
    };
    approve(
        "groups",
        &[
            ("subscribe", GROUPS, group(json!("Y6nRLr"), json!(true))),
            (
                "subscribe, not confirmed",
                &[GROUPS[0], ("CONFIRM_OPTIN", "false")],
                group(json!("Y6nRLr"), json!(true)),
            ),
            (
                "unsubscribe",
                GROUPS,
                group(json!("Y6nRLr"), json!("false")),
            ),
            ("no wish", GROUPS, group(json!("Y6nRLr"), json!(null))),
            ("no list", GROUPS, group(json!("our team"), json!(true))),
            (
                "nobody to write to",
                &[GROUPS[0], ("CONSENT_CHANNELS", "sms")],
                group(json!("Y6nRLr"), json!(true)),
            ),
            (
                "when they are off",
                &[],
                group(json!("Y6nRLr"), json!(true)),
            ),
        ],
    );
}

#[test]
fn audiences_add_to_and_remove_from_lists() {
    let audience = |event: &str, personas: Value| {
        json!({"type": "track", "event": event, "messageId": "m", "userId": "sarah@klaviyo-demo.com",
            "context": {"personas": personas}, "properties": {"audience_key": "vip", "vip": true}})
    };
    let list = json!({"computation_class": "audience", "external_audience_id": "Y6nRLr"});
    approve(
        "audiences",
        &[
            (
                "entered",
                AUDIENCES,
                audience("Audience Entered", list.clone()),
            ),
            (
                "exited",
                AUDIENCES,
                audience("Audience Exited", list.clone()),
            ),
            (
                "connected to no list",
                AUDIENCES,
                audience("Audience Entered", json!({"computation_key": "vip"})),
            ),
            ("another event", AUDIENCES, audience("Seen", list.clone())),
            ("when they are off", &[], audience("Audience Entered", list)),
        ],
    );
}

#[test]
fn deletions() {
    let delete = |user_id: Value| json!({"type": "delete", "userId": user_id});
    approve(
        "deletions",
        &[
            (
                "by address",
                DELETIONS,
                delete(json!("Sarah@klaviyo-demo.com")),
            ),
            ("by the merchant's id", DELETIONS, delete(json!("usr_1"))),
            ("of nobody", DELETIONS, delete(json!(null))),
            ("when they are off", &[], delete(json!("usr_1"))),
        ],
    );
}

#[test]
fn klaviyo_s_own_property_names() {
    let product = json!({"product_id": "p1", "sku": "s1", "name": "Jam", "brand": "Fable", "category": "Pantry", "price": "9.95",
        "compare_at_price": 12, "quantity": 2, "url": "https://klaviyo-demo.com/jam", "image_url": "https://klaviyo-demo.com/jam.png"});
    let cart = json!({"email": "s@klaviyo-demo.com", "order_id": 991, "coupon": "FALL10", "discount": 3.5, "checkout_url": "https://klaviyo-demo.com/c",
        "billing_address": {"city": "New York"}, "products": [product, {"productId": 2, "categories": ["Pantry", "Gifts"]}]});
    let named = |event: &str, properties: &Value| {
        with(
            order("x", 0),
            json!({"event": event, "properties": properties}),
        )
    };
    let alone = with(json!({"email": "s@klaviyo-demo.com"}), product.clone());
    let kept = with(alone.clone(), json!({"ProductName": "mine", "Price": null}));
    approve(
        "klaviyo-names",
        &[
            ("Product Viewed", &[], named("Product Viewed", &alone)),
            ("Product Clicked", &[], named("Product Clicked", &alone)),
            (
                "Product Added",
                &[],
                named(
                    "Product Added",
                    &with(alone.clone(), json!({"products": [product]})),
                ),
            ),
            ("Checkout Started", &[], named("Checkout Started", &cart)),
            ("Order Completed", &[], named("Order Completed", &cart)),
            ("Order Refunded", &[], named("Order Refunded", &cart)),
            ("another event", &[], named("Cart Viewed", &cart)),
            (
                "what is there is not replaced",
                &[],
                named("Product Viewed", &kept),
            ),
            (
                "off",
                &[("KLAVIYO_PROPERTY_NAMES", "false")],
                named("Order Completed", &cart),
            ),
        ],
    );
}

#[test]
fn names_of_metrics_in_klaviyo() {
    for (event, expected) in [
        ("Product Viewed", "Viewed Product"),
        ("Product Added", "Added to Cart"),
        ("Checkout Started", "Started Checkout"),
        ("Order Cancelled", "Canceled Order"),
        ("Order Refunded", "Refunded Order"),
        ("Order Completed", "Order Completed"),
        ("Cart Viewed", "Cart Viewed"),
    ] {
        let message = with(order("R1", 0), json!({"event": event}));
        let metric = |settings: &[(&str, &str)]| {
            let attributes = &calls(settings, &message)[0]["POST /api/events"]["attributes"];
            attributes["metric"]["data"]["attributes"]["name"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(metric(&[("METRIC_NAMES", "klaviyo")]), expected);
        assert_eq!(metric(&[]), event);
    }
}

#[test]
fn events_allowed_and_blocked() {
    let count = |settings: &[(&str, &str)], event: &str| match outcome(
        settings,
        &with(order("R1", 2), json!({"event": event})),
    ) {
        Value::Array(calls) => calls.len(),
        other => {
            assert_eq!(other["ignored"], "event_filtered");
            0
        }
    };
    let allowed = [("EVENTS_ALLOWED", "Order Completed, Product Viewed")];
    assert_eq!(
        [
            count(&allowed, "Order Completed"),
            count(&allowed, "Product Viewed"),
            count(&allowed, "Cart Viewed")
        ],
        [3, 1, 0]
    );
    let blocked = [("EVENTS_BLOCKED", "Product Viewed,Ordered Product")];
    assert_eq!(
        [
            count(&blocked, "Order Completed"),
            count(&blocked, "Product Viewed"),
            count(&blocked, "Cart Viewed")
        ],
        [1, 0, 1]
    );
    let both = [
        ("EVENTS_ALLOWED", "Cart Viewed"),
        ("EVENTS_BLOCKED", "Cart Viewed"),
    ];
    assert_eq!(count(&both, "Cart Viewed"), 0, "never means never");
}

#[test]
fn old_events_fire_no_flows() {
    let backfill = |settings: &[(&str, &str)], timestamp: &str| {
        let calls = calls(
            settings,
            &with(order("R1", 1), json!({"timestamp": timestamp})),
        );
        let flags = calls.iter().map(|call| {
            call["POST /api/events"]["attributes"]
                .get("backfill")
                .cloned()
        });
        flags
            .collect::<Option<Vec<_>>>()
            .is_some_and(|flags| flags.iter().all(|flag| flag == true))
    };
    let day = [("BACKFILL_AFTER_HOURS", "24")];
    assert!(
        backfill(&day, "2026-11-19T11:59:59Z"),
        "a day and a second old"
    );
    assert!(!backfill(&day, "2026-11-19T12:00:01Z"));
    assert!(!backfill(&day, "no time"));
    assert!(!backfill(&[], "2020-01-01T00:00:00Z"));
}

#[test]
fn national_phone_numbers() {
    let phone = |settings: &[(&str, &str)], number: Value| {
        let calls = calls(
            settings,
            &identify(
                &json!({"email": "s@klaviyo-demo.com", "phone": number}),
                &json!({}),
            ),
        );
        calls[0]["POST /api/profile-import"]["attributes"].clone()
    };
    let us = [("DEFAULT_COUNTRY", "US")];
    assert_eq!(
        phone(&us, json!("(650) 253-0000"))["phone_number"],
        "+16502530000"
    );
    assert_eq!(
        phone(&us, json!(6_502_530_000_i64))["phone_number"],
        "+16502530000"
    );
    assert_eq!(
        phone(&us, json!("+44 20 7031 3000"))["phone_number"],
        "+442070313000"
    );
    let without = phone(&[], json!("(650) 253-0000"));
    assert_eq!(
        (&without["phone_number"], &without["properties"]["phone"]),
        (&Value::Null, &json!("(650) 253-0000"))
    );
}

#[test]
fn of_several_spellings_the_one_with_something_in_it_counts() {
    let import = |traits: Value| {
        let traits = with(json!({"email": "s@klaviyo-demo.com"}), traits);
        calls(&[], &identify(&traits, &json!({})))[0]["POST /api/profile-import"]["attributes"]
            .clone()
    };
    let good = json!("+15005550006");
    for traits in [
        json!({"phone": null, "phone_number": good}),
        json!({"phone": "call me", "phoneNumber": good}),
    ] {
        assert_eq!(
            import(traits.clone()),
            json!({"email": "s@klaviyo-demo.com", "phone_number": good}),
            "{traits}"
        );
    }
    let names =
        import(json!({"firstName": null, "first_name": "Sarah", "lastName": "", "title": " "}));
    assert_eq!(
        names,
        json!({"email": "s@klaviyo-demo.com", "first_name": "Sarah"}),
        "empty fields of forms say nothing"
    );
}

#[test]
fn a_profile_over_100_kb_is_rejected() {
    let of = |bytes: usize| {
        outcome(
            &[],
            &identify(
                &json!({"email": "s@klaviyo-demo.com", "bio": "x".repeat(bytes)}),
                &json!({}),
            ),
        )
    };
    assert!(of(99_000).is_array());
    assert_eq!(of(100_000), json!({"rejected": "profile_too_large"}));
}

#[test]
fn a_quantity_that_cannot_be_read_is_not_guessed() {
    let value = |line: Value| {
        let message = with(
            order("R1", 0),
            json!({"properties": {"email": "s@klaviyo-demo.com", "products": [line]}}),
        );
        calls(&[], &message)[1]["POST /api/events"]["attributes"]["value"].clone()
    };
    assert_eq!(value(json!({"price": "2.5"})), 2.5);
    assert_eq!(value(json!({"price": 2.5, "quantity": "2"})), 5.0);
    assert_eq!(value(json!({"price": 2.5, "quantity": "1,5"})), Value::Null);
    assert_eq!(value(json!({"quantity": 2})), Value::Null);
}
