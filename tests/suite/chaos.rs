//! A long run through a Klaviyo that throttles, fails, closes connections, loses acknowledgements and
//! does not accept all profiles of import jobs at random, with redelivery from the queue until it is
//! empty. In the end every message is accounted for exactly once. It is done by one function with an SQS
//! that works, and by six with an SQS that fails and repeats itself, and a common ledger of consents.
//!
//! `CHAOS_MESSAGES` and `CHAOS_SEED` choose another run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use segment_klaviyo_stand_in::Chaos;
use serde_json::{Value, json};

use crate::support::klaviyo::Klaviyo;
use crate::support::messages::{identify, order};
use crate::support::people::{PHONE, person};
use crate::support::settings::{LIST, SUBSCRIBE_ALL, Setting};
use crate::support::shop::Shop;

/// Somebody whose phone number others claim.
const OWNER: &str = "owner@klaviyo-demo.com";

/// The percentage of requests to Klaviyo that fail.
const FAULT_PERCENT: u8 = 30;

/// The percentage of import jobs that do not accept a profile.
const IMPORT_FAILURE_PERCENT: u8 = 30;

/// The percentage of requests whose phone numbers Klaviyo leaves out.
const PARTIAL_FAILURE_PERCENT: u8 = 10;

/// The number of instances that share a Klaviyo, an SQS and a ledger.
const INSTANCES: usize = 6;

const SETTINGS: [Setting<'_>; 2] = [("DELIVERY_BUDGET_MS", "3000"), SUBSCRIBE_ALL];

/// A while after which instances have forgotten that Klaviyo throttled them: chaos asks for no longer
/// pauses. Rounds in which everything waits for that would otherwise take no time.
const THROTTLE: Duration = Duration::from_secs(1);

/// The most times that the queue is delivered again.
const MAX_REDELIVERIES: usize = 200;

fn number_from_env(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

/// Whether this message is an identify. Each of them is about another person.
fn is_identify(number: usize) -> bool {
    number % 10 < 2
}

/// Whether the person claims a phone number that belongs to somebody else.
fn has_conflict(number: usize) -> bool {
    number % 100 == 11
}

/// Whether this message is an order of two lines.
fn is_order(number: usize) -> bool {
    number % 10 == 2
}

fn message(number: usize) -> Value {
    if is_identify(number) {
        let mut traits = json!({"n": number});
        if has_conflict(number) {
            traits["phone"] = json!(PHONE);
        }
        let mut identify = identify(&person(number), traits);
        identify["messageId"] = json!(format!("m{number}"));
        identify
    } else if is_order(number) {
        order(&format!("R{number}"), 2)
    } else {
        json!({
            "type": "track",
            "event": "Seen",
            "messageId": format!("m{number}"),
            "userId": person(number),
            "properties": {"n": number},
        })
    }
}

/// Returns the unique ids of the events that a message becomes.
fn event_ids(number: usize) -> Vec<String> {
    if is_identify(number) {
        Vec::new()
    } else if is_order(number) {
        ["", "_p0", "_p1"]
            .map(|line| format!("R{number}{line}"))
            .to_vec()
    } else {
        vec![format!("m{number}")]
    }
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_in_chaos() {
    let shop = Shop::open_with_queues(&SETTINGS).await;
    run(&shop, 1, 0).await;
}

#[tokio::test]
async fn six_instances_ask_nobody_twice_without_a_lost_answer() {
    for percent in [1, 10] {
        let shop = Shop::open_with_instances(INSTANCES, &SETTINGS).await;
        run(&shop, INSTANCES, percent).await;
    }
}

/// Delivers everything while `queue_fault_percent` of the requests to SQS fail, and checks the end.
async fn run(shop: &Shop, instances: usize, queue_fault_percent: u8) {
    let count = number_from_env("CHAOS_MESSAGES", 1_000);
    let seed = number_from_env("CHAOS_SEED", 1) as u64;
    shop.klaviyo().switch(|switches| switches.import_ms = 0);
    shop.klaviyo().add_profile(OWNER, Some(PHONE));
    for number in (0..count).filter(|number| has_conflict(*number)) {
        shop.klaviyo().add_profile(&person(number), None);
    }
    let chaos = Chaos::new(seed, FAULT_PERCENT)
        .with_import_failures(IMPORT_FAILURE_PERCENT)
        .with_partial_failures(PARTIAL_FAILURE_PERCENT);
    shop.klaviyo().start_chaos(chaos);
    shop.break_queues_at_random(seed, queue_fault_percent);

    let deliveries = deliver_all(shop, instances, count, seed).await;
    let queued = shop.retry_queue().len();
    let duplicate_percent = if queue_fault_percent > 0 { 2 } else { 0 };
    let redeliveries = redeliver_all(shop, seed, duplicate_percent).await;

    let given_up = given_up(shop);
    check_events(&shop.klaviyo(), count);
    check_profiles(&shop.klaviyo(), count);
    check_consents(&shop.klaviyo(), count, &given_up);
    let consents = shop.klaviyo().consents().len();
    println!(
        "seed {seed}, {instances} instances, SQS fails at {queue_fault_percent} %: {count} messages \
         in {deliveries} deliveries, {queued} queued, {redeliveries} redeliveries, \
         {consents} subscriptions of {}, {} unacknowledged, {} given up",
        identified(count).len(),
        shop.klaviyo().unacknowledged_consents(),
        given_up.len()
    );
}

/// Sends the messages in deliveries of random size, to all instances side by side. Returns how many
/// there were.
async fn deliver_all(shop: &Shop, instances: usize, count: usize, seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut sent = 0;
    let mut deliveries = 0;
    while sent < count {
        let mut answers = Vec::new();
        for instance in 0..instances {
            let size = [1, 1, 3, 30, 300][random.usize(0..5)].min(count - sent);
            if size > 0 {
                let messages = (sent..sent + size).map(message).collect();
                answers.push(shop.send_until_taken(instance, messages));
                sent += size;
                deliveries += 1;
            }
        }
        for answer in join_all(answers).await {
            assert_eq!(
                (answer.status, answer.body.rejected),
                (200, 0),
                "a message that cannot be delivered now is queued"
            );
        }
        shop.klaviyo().forget_requests();
    }
    deliveries
}

/// Delivers the queue again until it is empty. SQS hands over `duplicate_percent` of the records twice.
/// Returns how often.
async fn redeliver_all(shop: &Shop, seed: u64, duplicate_percent: u8) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut redeliveries = 0;
    while !shop.retry_queue().is_empty() {
        shop.let_half_an_hour_pass();
        shop.duplicate_records(|| random.u8(0..100) < duplicate_percent);
        let before = shop.retry_queue().len();
        shop.redeliver().await;
        if shop.retry_queue().len() >= before {
            tokio::time::sleep(THROTTLE).await;
        }
        shop.klaviyo().forget_requests();
        redeliveries += 1;
        let is_progress = redeliveries < MAX_REDELIVERIES;
        assert!(is_progress, "the queue does not become empty");
    }
    redeliveries
}

fn check_events(klaviyo: &Klaviyo, count: usize) {
    let found = klaviyo.event_ids();
    let expected: BTreeSet<_> = (0..count).flat_map(event_ids).collect();
    assert_eq!(found.len(), expected.len(), "no event is there twice");
    assert_eq!(BTreeSet::from_iter(found), expected, "every event is there");
}

/// Returns the people whose subscription Klaviyo did not answer twice: the only dead letters.
fn given_up(shop: &Shop) -> BTreeSet<String> {
    let mut given_up = BTreeSet::new();
    for letter in shop.dead_letters() {
        assert_eq!(letter["reason"], "subscription_unanswered");
        assert_eq!(letter["to_do"], json!([format!("subscribe to {LIST}")]));
        let email = letter["message"]["traits"]["email"].as_str().unwrap();
        given_up.insert(email.to_owned());
    }
    given_up
}

fn identified(count: usize) -> BTreeMap<String, usize> {
    (0..count)
        .filter(|number| is_identify(*number))
        .map(|number| (person(number), number))
        .collect()
}

fn check_profiles(klaviyo: &Klaviyo, count: usize) {
    let mut profiles = BTreeMap::new();
    for profile in klaviyo.profiles() {
        profiles.insert(profile["email"].as_str().unwrap().to_owned(), profile);
    }
    for (email, number) in identified(count) {
        let profile = &profiles[&email];
        assert_eq!(profile["properties"]["n"], json!(number), "{email}");
        assert_eq!(profile.get("phone_number"), None, "{email}");
    }
    assert_eq!(profiles[OWNER]["phone_number"], PHONE);
}

fn check_consents(klaviyo: &Klaviyo, count: usize, given_up: &BTreeSet<String>) {
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for consent in klaviyo.consents() {
        *asked.entry(consent.email.unwrap()).or_default() += 1;
    }
    for email in identified(count).keys() {
        let times = asked.get(email).copied().unwrap_or(0);
        assert!(times <= 2, "{email} is asked {times} times");
        assert!(
            times > 0 || given_up.contains(email),
            "{email} is never asked"
        );
    }
    // Only a lost acknowledgement is worth asking a person twice.
    let (total, unacknowledged) = (klaviyo.consents().len(), klaviyo.unacknowledged_consents());
    assert!(
        total <= identified(count).len() + unacknowledged,
        "{total} subscriptions, {unacknowledged} unacknowledged"
    );
}
