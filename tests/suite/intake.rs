//! Intake by queue: Segment gets its answer when its messages are in the queue, and from there they
//! are sent in jobs.

use serde_json::{Value, json};

use crate::support::answers::{counts, reasons};
use crate::support::messages::{identify, nameless, sarah, track, tracks};
use crate::support::paths::{EVENT_JOBS, IMPORT_JOBS, SUBSCRIBE};
use crate::support::people::person;
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL, Setting};
use crate::support::shop::Shop;

const QUEUED: Setting = ("INTAKE", "Queued");

#[tokio::test]
async fn a_message_is_answered_before_anything_is_sent_and_becomes_a_job() {
    let shop = Shop::open_with_queues(&[QUEUED, PATIENT, SUBSCRIBE_ALL]).await;
    for number in 0..5 {
        for message in [
            track(&format!("m{number}")),
            identify(&person(number), json!({})),
        ] {
            let answer = shop.send(&message).await;
            assert_eq!((answer.status, answer.body.queued), (200, 1));
            assert_eq!(reasons(&answer), [(0, "intake")]);
        }
    }
    assert_eq!(shop.klaviyo().requests().len(), 0);
    assert_eq!(shop.log().last().unwrap().get("Queued"), None, "no alarm");

    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS, EVENT_JOBS, SUBSCRIBE]);
    assert_eq!(shop.klaviyo().consents().len(), 5);
    assert_eq!(shop.klaviyo().events().len(), 5);
}

#[tokio::test]
async fn rules_are_applied_before_the_answer() {
    let shop = Shop::open_with_queues(&[QUEUED]).await;
    let batch = json!([track("m1"), nameless(), {"type": "alias"}]);
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, counts(&answer)), (200, [0, 1, 1]));
    assert_eq!(answer.body.queued, 1);
    assert_eq!(shop.retry_queue().len(), 1);
    assert_eq!(shop.dead_letters().len(), 1);
    assert_eq!(shop.send(&nameless()).await.status, 400);
    let unsigned = crate::support::http::http_event("{}", &json!({}));
    assert_eq!(shop.handle(&unsigned).await.status, 401);
}

#[tokio::test]
async fn a_delivery_of_thousands_is_one_request_to_sqs() {
    let shop = Shop::open_with_queues(&[QUEUED, PATIENT]).await;
    let answer = shop.send_all(tracks(2_000)).await;
    assert_eq!((answer.status, answer.body.queued), (200, 2_000));
    assert_eq!(shop.queue_requests().len(), 1);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 2_000);
}

#[tokio::test]
async fn segment_keeps_a_delivery_that_the_queue_does_not_take() {
    let shop = Shop::open_with_queues(&[QUEUED, BRIEF, SUBSCRIBE_ALL]).await;
    let batch: Value = [sarah(), nameless()].into_iter().collect();
    for is_dead_letter_queue in [false, true] {
        if is_dead_letter_queue {
            shop.break_dead_letter_queue();
        } else {
            shop.break_queues();
        }
        let answer = shop.send(&batch).await;
        assert_eq!((answer.status, answer.retry), (503, 2));
        assert_eq!(shop.retry_queue().len(), 0, "Segment has them");
        shop.repair_queues();
    }
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn an_order_of_thousands_of_lines_waits_whole() {
    let shop = Shop::open_with_queues(&[QUEUED, PATIENT]).await;
    let orders: Vec<Value> = (0..8)
        .map(|number| crate::support::messages::order(&format!("R{number}"), 2_000))
        .collect();
    let answer = shop.send_all(orders).await;
    assert_eq!((answer.status, answer.body.queued), (200, 8));
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 8 * 2_001);
}
