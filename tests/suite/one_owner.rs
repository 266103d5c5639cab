//! Whatever is answered 5xx is in no queue, if it would ask somebody, and the other way round: a
//! subscription that both Segment and a queue repeat asks twice. Without a ledger, which would tell.

use serde_json::{Value, json};

use crate::support::messages::{identify, nameless, noise, sarah};
use crate::support::paths::{IMPORT, IMPORT_JOBS};
use crate::support::people::{LI, person};
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

/// Returns the operations that the retry queue is to do and that would ask somebody.
fn queued_questions(shop: &Shop) -> usize {
    let mut questions = 0;
    for entry in shop.retry_queue() {
        let pending = entry["to_do"].as_array().unwrap().iter();
        questions += pending
            .filter(|id| id.as_str().unwrap().starts_with("subscribe"))
            .count();
    }
    questions
}

/// Sends a delivery as often as Segment would, then lets everything recover. Everybody is asked once.
async fn check_one_owner(shop: &Shop, batch: &Value, people: usize) {
    for _ in 0..3 {
        let status = shop.send(batch).await.status;
        assert_eq!(status, 503);
        assert_eq!(queued_questions(shop), 0, "Segment has them");
    }
    shop.klaviyo().recover();
    shop.repair_queues();
    assert_eq!(shop.send(batch).await.status, 200);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), people);
}

#[tokio::test]
async fn a_dead_letter_queue_that_cannot_be_written() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.break_dead_letter_queue();
    check_one_owner(&shop, &json!([nameless(), sarah()]), 1).await;
}

#[tokio::test]
async fn a_refused_profile_whose_dead_letter_cannot_be_written() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.break_dead_letter_queue();
    shop.klaviyo().refuse_bodies_with("refused");
    let refused = identify(LI, json!({"note": "refused"}));
    check_one_owner(&shop, &json!([refused, sarah()]), 2).await;
}

#[tokio::test]
async fn a_retry_queue_that_cannot_be_written() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.break_queues();
    shop.klaviyo().throttle(IMPORT).always();
    check_one_owner(&shop, &json!([sarah(), identify(LI, json!({}))]), 2).await;
}

#[tokio::test]
async fn a_neighbor_whose_entry_outgrows_sqs() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().fail(IMPORT, 503).always();
    let mut large = identify(LI, json!({}));
    large["context"]["text"] = noise(3_000_000).into();
    check_one_owner(&shop, &json!([large, sarah()]), 2).await;
}

#[tokio::test]
async fn a_first_write_that_fails_leaves_everything_to_segment() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.break_queues_after(0);
    shop.klaviyo().throttle(IMPORT_JOBS).always();
    let batch: Value = (0..60)
        .map(|number| identify(&person(number), json!({})))
        .collect();
    check_one_owner(&shop, &batch, 60).await;
}

#[tokio::test]
async fn a_queue_that_fails_half_way_asks_nobody_twice_with_a_ledger() {
    let shop = Shop::open_with_ledger(&[PATIENT, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(IMPORT_JOBS).always();
    // 60 of them are two messages of SQS, each of which needs a request.
    shop.break_queues_after(1);
    let batch: Value = (0..60)
        .map(|number| {
            let mut large = identify(&person(number), json!({}));
            large["context"]["text"] = noise(30_000 + number).into();
            large
        })
        .collect();
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.body.queued), (503, 32));
    shop.klaviyo().recover();
    shop.repair_queues();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 60);
}
