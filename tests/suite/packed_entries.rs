//! Packed entries: what is left of a delivery is few messages of SQS, and each message in them keeps its
//! own fate.

use serde_json::{Value, json};

use crate::support::messages::{identify, nameless, tracks};
use crate::support::paths::{EVENT_JOBS, EVENTS, IMPORT_JOBS, SUBSCRIBE};
use crate::support::people::person;
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

/// Returns the bodies as text.
fn texts(bodies: &[String]) -> Vec<&str> {
    bodies.iter().map(String::as_str).collect()
}

fn people(count: usize) -> Vec<Value> {
    let of = |number| identify(&person(number), json!({"n": number}));
    (0..count).map(of).collect()
}

#[tokio::test]
async fn four_thousand_messages_are_put_aside_in_two_requests() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENT_JOBS).always();
    let answer = shop.send_all(tracks(4_000)).await;
    assert_eq!((answer.status, answer.body.queued), (200, 4_000));
    let requests = shop.queue_requests();
    assert!(requests.len() <= 2, "{requests:?}");
    assert_eq!(shop.retry_queue().len(), 4_000);

    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 4_000);
    assert_eq!(shop.retry_queue_bodies().len(), 0);
}

#[tokio::test]
async fn ten_messages_can_be_read_and_each_is_as_it_always_was() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().throttle_after(0);
    shop.send_all(tracks(10)).await;
    let bodies = shop.retry_queue_bodies();
    assert_eq!(bodies.len(), 10);
    assert!(
        bodies
            .iter()
            .all(|body| body.starts_with(r#"{"version":1,"#))
    );
    assert_eq!(shop.queue_requests().len(), 1);

    shop.fill_retry_queue(&[]);
    shop.send_all(tracks(11)).await;
    let bodies = shop.retry_queue_bodies();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].starts_with(r#"{"entries":[{"version":1,"#));
}

#[tokio::test]
async fn a_bad_message_of_an_entry_costs_itself() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENT_JOBS).always();
    shop.send_all(tracks(40)).await;
    assert_eq!(shop.retry_queue_bodies().len(), 1);

    shop.klaviyo().recover();
    shop.klaviyo().refuse_bodies_with("\"m7\"");
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 39);
    assert_eq!(shop.dead_letters().len(), 1);
    assert_eq!(shop.dead_letters()[0]["message"]["messageId"], "m7");
    assert_eq!(shop.retry_queue_bodies().len(), 0);
}

#[tokio::test]
async fn what_is_left_of_an_entry_is_a_new_one() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle_after(0);
    shop.send_all([tracks(30), people(20)].concat()).await;
    assert_eq!(shop.retry_queue_bodies().len(), 1);

    shop.klaviyo().throttle_path_after(IMPORT_JOBS, 0);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 30);
    let left = shop.retry_queue();
    assert_eq!(left.len(), 20);
    assert!(
        left.iter()
            .all(|entry| entry["to_do"] == json!(["profile"]))
    );

    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().profiles().len(), 21);
    assert_eq!(shop.klaviyo().events().len(), 30);
}

#[tokio::test]
async fn an_entry_that_stays_asks_nobody_and_then_everybody_once() {
    let shop = Shop::open_with_queues(&[PATIENT, SUBSCRIBE_ALL]).await;
    shop.klaviyo().switch(|switches| switches.import_ms = 0);
    shop.klaviyo().throttle_after(0);
    shop.send_all([people(20), tracks(30)].concat()).await;

    // The events cannot go, and nothing can be written about that: the entries are still the owners.
    // Those of subscriptions are written by themselves, all or none.
    assert_eq!(shop.retry_queue_bodies().len(), 2);
    shop.klaviyo().throttle_path_after(EVENT_JOBS, 0);
    shop.break_queues();
    assert_eq!(shop.redeliver().await, 2);
    assert_eq!(shop.klaviyo().consents().len(), 0);

    shop.klaviyo().recover();
    shop.repair_queues();
    while !shop.retry_queue_bodies().is_empty() {
        assert_eq!(shop.redeliver().await, 0);
    }
    assert_eq!(shop.klaviyo().consents().len(), 20);
    assert_eq!(shop.klaviyo().events().len(), 30);
}

#[tokio::test]
async fn a_kill_between_the_new_entry_and_the_end_of_the_old_one_doubles_nothing() {
    let shop = Shop::open_with_ledger(&[PATIENT, SUBSCRIBE_ALL]).await;
    shop.klaviyo().switch(|switches| switches.import_ms = 0);
    shop.klaviyo().throttle_after(0);
    shop.send_all([people(20), tracks(30)].concat()).await;
    let before = shop.retry_queue_bodies();
    shop.klaviyo().throttle_path_after(SUBSCRIBE, 0);
    assert_eq!(shop.redeliver().await, 0);
    let after = shop.retry_queue_bodies();
    assert_eq!(shop.klaviyo().events().len(), 30);

    shop.klaviyo().recover();
    shop.fill_retry_queue(&texts(&[before, after].concat()));
    while !shop.retry_queue_bodies().is_empty() {
        assert_eq!(shop.redeliver().await, 0);
    }
    assert_eq!(shop.klaviyo().consents().len(), 20);
    assert_eq!(shop.klaviyo().events().len(), 30);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_leaves_its_neighbors() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().throttle_after(0);
    shop.send_all(tracks(11)).await;
    shop.klaviyo().recover();
    let bundle = shop.retry_queue_bodies().remove(0);
    let of_version_9 = bundle.replacen("\"version\":1", "\"version\":9", 1);
    shop.fill_retry_queue(&[&of_version_9]);

    assert_eq!(shop.redeliver().await, 0);
    let found = shop.klaviyo().event_ids();
    assert!(found.len() == 10 && !found.contains(&"m0".to_owned()));
    let left = shop.retry_queue();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (&left[0]["version"], &left[0]["message"]["messageId"]),
        (&json!(9), &json!("m0"))
    );
    assert_eq!(shop.redeliver().await, 1, "it waits by itself");
}

#[tokio::test]
async fn dead_letters_are_one_message_each_and_are_redriven_together() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().fail(EVENT_JOBS, 400).always();
    shop.klaviyo().fail(EVENTS, 400).always();
    let answer = shop.send_all([tracks(30), vec![nameless()]].concat()).await;
    assert_eq!(answer.body.rejected, 31);
    assert_eq!(shop.dead_letters().len(), 31);

    shop.klaviyo().recover();
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redrive_dead_letters().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 30);
    assert_eq!(shop.dead_letters().len(), 1);
}
