//! Any batch, through the whole function.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::generators::{ALL_ON, json_value, message};
use crate::support::answers::counts;
use crate::support::klaviyo::Klaviyo;
use crate::support::people::person;
use crate::support::shop::Shop;

/// The events, profiles and consents of an account, by the attributes that tell one from another.
type Holdings = [BTreeSet<String>; 3];

fn holdings(klaviyo: &Klaviyo) -> Holdings {
    let profiles = klaviyo.profiles();
    let mut events = BTreeSet::new();
    for event in klaviyo.events() {
        let profile = &profiles[event.profile];
        let person = profile.get("email").or(profile.get("external_id"));
        let (metric, unique_id, properties) = (event.metric, event.unique_id, event.properties);
        events.insert(format!("{metric} {unique_id} {person:?} {properties}"));
    }
    let mut consents = BTreeSet::new();
    for consent in klaviyo.consents() {
        let person = (consent.email, consent.phone_number);
        let (list_id, subscribed) = (consent.list_id, consent.subscribed);
        consents.insert(format!("{person:?} {list_id} {subscribed}"));
    }
    let profiles = profiles
        .iter()
        .map(|profile| without_nulls(&json!(profile)).to_string())
        .collect();
    [events, profiles, consents]
}

/// Returns a profile without what is cleared: it makes no difference to Klaviyo whether a field is
/// `null` or not there.
fn without_nulls(value: &Value) -> Value {
    let Value::Object(object) = value else {
        return value.clone();
    };
    let mut kept = Map::new();
    for (key, value) in object {
        let value = without_nulls(value);
        if !value.is_null() && value != json!({}) {
            kept.insert(key.clone(), value);
        }
    }
    Value::Object(kept)
}

/// Returns one of a few messages by one of a few people, so that repeats and merges happen.
fn some_message(seed: u64, person_number: u8) -> Value {
    let email = person(person_number.into());
    let n = seed % 7;
    match seed % 4 {
        0 => json!({
            "type": "identify",
            "messageId": n,
            "userId": email,
            "traits": {
                "n": seed,
                (format!("only{n}")): true,
                "plan": some_or_null(seed / 7, "gold"),
                "firstName": some_or_null(seed / 11, "Sarah"),
                "city": some_or_null(seed / 13, "Boston"),
            },
        }),
        1 => json!({
            "type": "track",
            "event": "Seen",
            "messageId": n,
            "userId": email,
            "properties": {"n": n},
        }),
        2 => json!({
            "type": "track",
            "event": "Order Completed",
            "messageId": n,
            "userId": email,
            "properties": {"order_id": n, "products": [{"sku": n}, {"sku": n}]},
        }),
        _ => {
            let user_id = if n == 0 { json!(null) } else { json!(email) };
            json!({"type": "page", "name": "Cart", "messageId": n, "userId": user_id})
        }
    }
}

/// Returns the text in two of three cases, and else `null`, which clears a field.
fn some_or_null(seed: u64, text: &str) -> Value {
    if seed.is_multiple_of(3) {
        json!(null)
    } else {
        json!(text)
    }
}

async fn check_that_a_batch_equals_its_messages(messages: Vec<Value>) {
    let together = Shop::open(ALL_ON).await;
    let apart = Shop::open(ALL_ON).await;
    let answer = together.send_all(messages.clone()).await;
    let mut sum = [0; 3];
    for message in &messages {
        let [delivered, ignored, rejected] = counts(&apart.send(message).await);
        sum = [sum[0] + delivered, sum[1] + ignored, sum[2] + rejected];
    }
    assert_eq!(counts(&answer), sum);
    assert_eq!(holdings(&together.klaviyo()), holdings(&apart.klaviyo()));
}

async fn check_that_the_answer_keeps_the_contract(messages: Vec<Value>) {
    let shop = Shop::open(ALL_ON).await;
    let count = messages.len();
    let answer = shop.send_all(messages).await;
    assert!([200, 400].contains(&answer.status), "{answer:?}");
    assert_eq!(answer.body.received, count);
    assert_eq!(counts(&answer).iter().sum::<usize>(), count, "{answer:?}");
}

proptest! {
    // Each case is one or two functions with a Klaviyo of their own.
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_batch_gives_what_its_messages_give_one_by_one(
        people in vec(0..5_u8, 1..40),
        seed in any::<u64>(),
    ) {
        let messages = (0_u64..)
            .zip(people)
            .map(|(n, person)| some_message(seed.wrapping_add(n), person))
            .collect();
        let runtime = Runtime::new().unwrap();
        runtime.block_on(check_that_a_batch_equals_its_messages(messages));
    }

    #[test]
    fn any_batch_gets_an_answer_of_the_contract(
        messages in vec(prop_oneof![3 => message(), 1 => json_value()], 0..20),
    ) {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(check_that_the_answer_keeps_the_contract(messages));
    }
}
