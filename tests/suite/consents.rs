//! Nobody is subscribed against their will: subscribing lifts what keeps a person from being written
//! to, so only a wish of the person may do that.

use proptest::prelude::*;
use segment_klaviyo_stand_in::{Consent, ConsentState};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::answers::reasons;
use crate::support::messages::{group, identify, identify_with, sarah, to_list, track};
use crate::support::paths::{IMPORT, PROFILES, SUBSCRIBE};
use crate::support::people::{LI, SARAH, person};
use crate::support::settings::{LIST, PATIENT, SUBSCRIBE_ALL, Setting};
use crate::support::shop::Shop;

const AGREED: Setting = ("CONFIRM_OPTIN", "false");
const TRAIT: Setting = ("CONSENT_TRAIT", "agreed");

/// Opens a shop in which Sarah is in this state, and sends a message about her.
async fn sent(settings: &[Setting<'_>], state: ConsentState, message: &Value) -> Shop {
    let shop = Shop::open(&[&[PATIENT, AGREED, SUBSCRIBE_ALL], settings].concat()).await;
    shop.klaviyo().create_list(LIST, "single_opt_in");
    shop.klaviyo().set_consent(state, SARAH);
    let answer = shop.send(message).await;
    assert_eq!(answer.body.delivered, 1, "{answer:?}");
    shop
}

fn with_trait(value: Value) -> Value {
    identify(SARAH, json!({"agreed": value}))
}

#[tokio::test]
async fn the_list_of_the_settings_takes_nobody_back() {
    use ConsentState::{NeverSubscribed, Subscribed, Suppressed, Unsubscribed};
    for (state, subscribes, is_member) in [
        (NeverSubscribed, true, true),
        (Subscribed, false, true),
        (Unsubscribed, false, false),
        (Suppressed, false, false),
    ] {
        let shop = sent(&[], state, &sarah()).await;
        let klaviyo = shop.klaviyo();
        let is_subscribed = klaviyo.paths().contains(&SUBSCRIBE.to_owned());
        assert_eq!(is_subscribed, subscribes, "{state:?}");
        assert_eq!(klaviyo.members(LIST) == [SARAH], is_member, "{state:?}");
        assert_eq!(klaviyo.lifted(), [""; 0], "{state:?}");
    }
}

#[tokio::test]
async fn only_a_wish_takes_somebody_back() {
    let named = to_list(LIST, sarah());
    let in_an_hour = "2126-11-20T10:00:00Z";
    for (settings, message, comes_back) in [
        (vec![], sarah(), false),
        (vec![], named.clone(), true),
        (vec![("RESUBSCRIBE", "never")], named.clone(), false),
        (vec![("RESUBSCRIBE", "always")], sarah(), true),
        (vec![("GROUP_LISTS", "true")], group(SARAH, true), true),
        (vec![TRAIT], with_trait(json!(true)), false),
        (
            vec![TRAIT],
            with_trait(json!("2026-01-01T00:00:00Z")),
            false,
        ),
        (vec![TRAIT], with_trait(json!(in_an_hour)), false),
        (vec![TRAIT], sarah(), false),
    ] {
        let shop = sent(&settings, ConsentState::Unsubscribed, &message).await;
        let lifted = shop.klaviyo().lifted();
        assert_eq!(!lifted.is_empty(), comes_back, "{settings:?} {message}");
    }
}

#[tokio::test]
async fn a_time_of_consent_after_the_person_left_is_a_wish() {
    let shop = Shop::open(&[PATIENT, AGREED, SUBSCRIBE_ALL, TRAIT]).await;
    shop.klaviyo()
        .set_consent_at(ConsentState::Unsubscribed, SARAH, "2026-05-01T00:00:00Z");
    for (time, comes_back) in [
        ("2026-04-30T00:00:00Z", false),
        ("2026-05-02T00:00:00Z", true),
    ] {
        shop.send(&with_trait(json!(time))).await;
        assert_eq!(!shop.klaviyo().lifted().is_empty(), comes_back, "{time}");
    }
}

#[tokio::test]
async fn the_consent_trait_decides() {
    for (value, expected) in [
        (json!(true), Consent::Subscribed),
        (json!("true"), Consent::Subscribed),
        (json!("2026-05-02T00:00:00Z"), Consent::Subscribed),
        (json!(1_777_680_000), Consent::Subscribed),
        (json!(false), Consent::Unsubscribed),
        (json!(null), Consent::NeverSubscribed),
        (json!(""), Consent::NeverSubscribed),
        (json!("perhaps"), Consent::NeverSubscribed),
    ] {
        let message = with_trait(value.clone());
        let shop = sent(&[TRAIT], ConsentState::NeverSubscribed, &message).await;
        assert_eq!(shop.klaviyo().email_consent(SARAH), expected, "{value}");
    }
}

#[tokio::test]
async fn a_message_may_name_no_list() {
    for (list_id, warning) in [
        (json!(null), None),
        (json!(false), None),
        (json!(""), None),
        (json!(["LISTA1"]), Some("invalid_list_id")),
        (json!("not a list"), Some("invalid_list_id")),
    ] {
        let shop = Shop::open(&[PATIENT, SUBSCRIBE_ALL]).await;
        let integrations = json!({"Klaviyo": {"listId": list_id}});
        let message = identify_with(json!({"email": SARAH}), integrations);
        let answer = shop.send(&message).await;
        let found: Vec<_> = reasons(&answer)
            .into_iter()
            .map(|(_, reason)| reason)
            .collect();
        assert_eq!(found, Vec::from_iter(warning), "{list_id}");
        assert_eq!(shop.klaviyo().paths(), [IMPORT], "{list_id}");
    }
}

#[tokio::test]
async fn engage_subscribes_nobody_by_the_list_of_the_settings() {
    let mut computed = sarah();
    computed["context"] = json!({"personas": {"computation_class": "trait"}});
    let shop = sent(&[], ConsentState::NeverSubscribed, &computed).await;
    assert_eq!(shop.klaviyo().paths(), [IMPORT]);
}

#[tokio::test]
async fn a_key_that_may_not_look_subscribes_nobody() {
    let shop = Shop::open(&[PATIENT, SUBSCRIBE_ALL]).await;
    shop.klaviyo().fail(PROFILES, 403).always();
    let answer = shop.send(&sarah()).await;
    assert_eq!(reasons(&answer), [(0, "consent_unknown")]);
    assert_eq!(shop.klaviyo().paths(), [IMPORT]);
}

#[tokio::test]
async fn a_look_up_that_fails_is_no_answer() {
    let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "1500"), SUBSCRIBE_ALL]).await;
    shop.klaviyo()
        .set_consent(ConsentState::Unsubscribed, SARAH);
    shop.klaviyo().fail(PROFILES, 503).times(30);
    assert_eq!(shop.send(&sarah()).await.body.queued, 1);
    assert_eq!(shop.klaviyo().paths(), [IMPORT]);
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().lifted(), [""; 0]);
}

#[tokio::test]
async fn a_list_whose_process_is_unknown_is_asked_for_again() {
    const LIST_PATH: &str = "/api/lists/Y6nRLr";
    let shop = Shop::open(&[PATIENT, AGREED, SUBSCRIBE_ALL]).await;
    shop.klaviyo().create_list(LIST, "single_opt_in");
    shop.klaviyo().fail(LIST_PATH, 200).body(json!({})).once();
    for (email, is_historical) in [(SARAH, true), (LI, false)] {
        shop.send(&identify(email, json!({}))).await;
        let consents = shop.klaviyo().consents();
        let consent = consents.last().unwrap();
        assert_eq!(consent.consented_at.is_some(), is_historical, "{email}");
    }
}

#[tokio::test]
async fn a_queued_wish_does_not_outlive_a_later_unsubscription() {
    let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "1500"), AGREED]).await;
    shop.klaviyo().throttle(SUBSCRIBE).once();
    assert_eq!(shop.send(&to_list(LIST, sarah())).await.body.queued, 1);
    shop.klaviyo()
        .set_consent(ConsentState::Unsubscribed, SARAH);
    shop.age_retry_queue(120);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().lifted(), [""; 0]);
    assert_eq!(shop.klaviyo().email_consent(SARAH), Consent::Unsubscribed);
}

#[tokio::test]
async fn of_several_consents_in_a_delivery_the_latest_message_counts() {
    let at = |mut message: Value, time: &str| {
        message["timestamp"] = json!(format!("2026-11-20T{time}Z"));
        message
    };
    for (messages, expected) in [
        (
            [
                at(group(LI, true), "10:00:00"),
                at(group(LI, false), "11:00:00"),
            ],
            Consent::Unsubscribed,
        ),
        (
            [
                at(group(LI, false), "11:00:00"),
                at(group(LI, true), "10:00:00"),
            ],
            Consent::Unsubscribed,
        ),
        (
            [
                at(group(LI, true), "11:00:00"),
                at(group(LI, false), "10:00:00"),
            ],
            Consent::Subscribed,
        ),
        (
            [
                at(group(LI, false), "10:00:00"),
                at(identify(LI, json!({})), "11:00:00"),
            ],
            Consent::Unsubscribed,
        ),
    ] {
        let settings = [PATIENT, AGREED, SUBSCRIBE_ALL, ("GROUP_LISTS", "true")];
        let shop = Shop::open(&settings).await;
        shop.klaviyo().create_list(LIST, "single_opt_in");
        shop.send_all(messages.to_vec()).await;
        assert_eq!(shop.klaviyo().email_consent(LI), expected, "{messages:?}");
    }
}

#[tokio::test]
async fn a_browser_may_not_switch_the_confirmation_off() {
    let unconfirmed = json!({"Klaviyo": {"listId": LIST, "confirmOptin": false}});
    for (setting, sender, is_asked) in [
        ("server", json!({"channel": "server"}), false),
        ("server", json!({"channel": "client"}), true),
        (
            "server",
            json!({"context": {"library": {"name": "analytics.js"}}}),
            true,
        ),
        (
            "server",
            json!({"context": {"library": {"name": "analytics-node"}}}),
            false,
        ),
        ("any", json!({"channel": "client"}), false),
        ("never", json!({"channel": "server"}), true),
    ] {
        let shop = Shop::open(&[PATIENT, ("CONFIRM_OPTIN_OVERRIDE", setting)]).await;
        let mut message = identify_with(json!({"email": SARAH}), unconfirmed.clone());
        for (key, value) in sender.as_object().unwrap() {
            message[key] = value.clone();
        }
        let answer = shop.send(&message).await;
        let consents = shop.klaviyo().consents();
        assert_eq!(
            consents[0].consented_at.is_none(),
            is_asked,
            "{setting} {sender}"
        );
        let warned = reasons(&answer) == [(0, "confirmation_kept")];
        assert_eq!(warned, is_asked, "{setting} {sender}");
    }
}

#[tokio::test]
async fn purposes_that_are_required_must_be_agreed_to() {
    let agreed = |purposes: Value| json!({"consent": {"categoryPreferences": purposes}});
    for (context, missing, is_sent) in [
        (agreed(json!({"Ads": true, "Email": true})), "allow", true),
        (agreed(json!({"Ads": true, "Email": false})), "allow", false),
        (agreed(json!({"Ads": true})), "allow", false),
        (agreed(json!({})), "allow", false),
        (json!({"consent": {}}), "allow", false),
        (json!({}), "allow", true),
        (json!({}), "deny", false),
        (json!({"consent": null}), "deny", false),
    ] {
        let settings = [
            ("CONSENT_REQUIRED", "Ads, Email"),
            ("CONSENT_MISSING", missing),
        ];
        let shop = Shop::open(&[&[PATIENT], settings.as_slice()].concat()).await;
        let mut message = track("m1");
        message["userId"] = json!(SARAH);
        message["context"] = context.clone();
        let answer = shop.send(&message).await;
        assert_eq!(answer.body.delivered == 1, is_sent, "{context} {missing}");
        if !is_sent {
            assert_eq!(reasons(&answer), [(0, "no_consent")]);
        }
    }
}

/// One thing that happens: a person leaves in Klaviyo, or messages arrive that are no wish.
#[derive(Debug, Clone)]
enum Step {
    Leave(usize),
    Deliver(Vec<(usize, u8)>),
}

fn step() -> impl Strategy<Value = Step> {
    let message = (0..4_usize, 0..4_u8);
    prop_oneof![
        1 => (0..4_usize).prop_map(Step::Leave),
        3 => prop::collection::vec(message, 1..12).prop_map(Step::Deliver),
    ]
}

fn no_wish(number: usize, kind: u8) -> Value {
    let email = person(number);
    match kind {
        0 => identify(&email, json!({"n": kind})),
        1 => identify(&email, json!({"agreed": true})),
        2 => identify(&email, json!({"agreed": "2026-01-01T00:00:00Z"})),
        _ => identify_with(
            json!({"email": email}),
            json!({"Klaviyo": {"listId": null}}),
        ),
    }
}

async fn check_that_nobody_comes_back(settings: &[Setting<'_>], steps: &[Step]) {
    let shop = Shop::open(&[&[PATIENT, AGREED, SUBSCRIBE_ALL], settings].concat()).await;
    shop.klaviyo().create_list(LIST, "single_opt_in");
    let mut left = std::collections::BTreeSet::new();
    for step in steps {
        match step {
            Step::Leave(number) => {
                let email = person(*number);
                shop.klaviyo()
                    .set_consent(ConsentState::Unsubscribed, &email);
                left.insert(email);
            }
            Step::Deliver(messages) => {
                let messages = messages
                    .iter()
                    .map(|(number, kind)| no_wish(*number, *kind));
                shop.send_all(messages.collect()).await;
            }
        }
        for email in &left {
            let consent = shop.klaviyo().email_consent(email);
            assert_eq!(consent, Consent::Unsubscribed, "{email}");
        }
    }
    assert_eq!(shop.klaviyo().lifted(), [""; 0]);
}

proptest! {
    // CONSENT_CASES=500 takes some 10,000 steps.
    #![proptest_config(ProptestConfig {
        cases: std::env::var("CONSENT_CASES").map_or(12, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn without_a_wish_nobody_who_left_is_a_subscriber_again(
        steps in prop::collection::vec(step(), 20),
        has_trait in any::<bool>(),
    ) {
        let settings = if has_trait { vec![TRAIT] } else { Vec::new() };
        let runtime = Runtime::new().unwrap();
        runtime.block_on(check_that_nobody_comes_back(&settings, &steps));
    }
}
