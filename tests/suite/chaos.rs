//! A long run through a Klaviyo that throttles, errs, hangs, drops and loses acknowledgements at random, with
//! redelivery from the queue until it is empty. In the end every message is accounted for exactly once.
//!
//! `CHAOS_MESSAGES` and `CHAOS_SEED` choose another run.

use std::collections::{BTreeMap, BTreeSet};

use segment_klaviyo_stand_in::Chaos;
use serde_json::{Value, json};

use crate::support::{RETRY_QUEUE, Shop, order};

/// Of a hundred requests to Klaviyo, so many go wrong.
const FAULTS: u8 = 30;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .map_or(default, |text| text.parse().unwrap())
}

/// The message of this number: mostly events, some orders of two lines, some people who subscribe.
fn message(n: usize) -> Value {
    let email = format!("p{n}@klaviyo-demo.com");
    match n % 10 {
        0 | 1 => {
            json!({"type": "identify", "messageId": format!("m{n}"), "timestamp": "2026-11-20T10:00:00Z",
            "traits": {"email": email, "n": n}})
        }
        2 => order(&format!("R{n}"), 2),
        _ => {
            json!({"type": "track", "event": "Seen", "messageId": format!("m{n}"), "userId": email, "properties": {"n": n}})
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_in_chaos() {
    let (count, seed) = (
        number("CHAOS_MESSAGES", 1_000),
        number("CHAOS_SEED", 1) as u64,
    );
    let shop =
        Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "3000"), ("LIST_ID", "Y6nRLr")]).await;
    shop.stand_in.state().chaos = Some(Chaos::new(seed, FAULTS));

    let mut random = fastrand::Rng::with_seed(seed);
    let (mut n, mut deliveries, mut rounds) = (0, 0, 0);
    while n < count {
        let size = [1, 1, 3, 30, 300][random.usize(0..5)].min(count - n);
        let batch: Value = (n..n + size).map(message).collect();
        let answer = shop.send(&batch).await;
        assert_eq!(
            (answer.status, answer.body.rejected),
            (200, 0),
            "what cannot be delivered now is queued"
        );
        n += size;
        deliveries += 1;
        shop.stand_in.state().requests.clear();
    }
    let queued = shop.waiting().len();
    while !shop.waiting().is_empty() {
        shop.redeliver(RETRY_QUEUE).await;
        shop.stand_in.state().requests.clear();
        rounds += 1;
        assert!(rounds < 200, "the queue does not empty");
    }

    assert_eq!(shop.dead_letters().len(), 0);
    let held = shop.stand_in.state();
    let found: BTreeSet<_> = held
        .account
        .events
        .iter()
        .map(|event| event.unique_id.clone())
        .collect();
    let expected: BTreeSet<_> = (0..count)
        .flat_map(|n| match n % 10 {
            0 | 1 => Vec::new(),
            2 => vec![format!("R{n}"), format!("R{n}_p0"), format!("R{n}_p1")],
            _ => vec![format!("m{n}")],
        })
        .collect();
    assert_eq!(found, expected, "every event is there");
    assert_eq!(held.account.events.len(), expected.len(), "and none twice");

    let people: Vec<_> = (0..count).filter(|n| n % 10 < 2).collect();
    let traits: BTreeMap<_, _> = held
        .account
        .profiles
        .iter()
        .map(|it| (it["email"].as_str().unwrap(), it.get("properties")))
        .collect();
    let mut consents: BTreeMap<&str, usize> = BTreeMap::new();
    for consent in &held.account.consents {
        *consents
            .entry(consent.email.as_deref().unwrap())
            .or_default() += 1;
    }
    for n in &people {
        let email = format!("p{n}@klaviyo-demo.com");
        assert_eq!(
            traits[email.as_str()].unwrap()["n"],
            *n,
            "every profile is as told"
        );
        assert!(
            consents.contains_key(email.as_str()),
            "everybody is subscribed"
        );
    }
    assert_eq!(consents.len(), people.len());
    let (sent, most) = (
        held.account.consents.len(),
        people.len() + held.unacknowledged_consents,
    );
    assert!(
        sent <= most,
        "{sent} subscriptions for {} people, {} unacknowledged",
        people.len(),
        held.unacknowledged_consents
    );
    println!(
        "seed {seed}: {count} messages in {deliveries} deliveries, {queued} queued, {rounds} rounds of redelivery; {} events, \
         {sent} subscriptions for {} people ({} unacknowledged)",
        found.len(),
        people.len(),
        held.unacknowledged_consents
    );
}
