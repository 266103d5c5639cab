//! The dead-letter queue: messages that can never succeed, with the reason.

use serde_json::json;

use crate::support::answers::{counts, reasons};
use crate::support::messages::{identify, nameless, noise, sarah, track};
use crate::support::paths::{EVENTS, IMPORT};
use crate::support::people::LI;
use crate::support::settings::{PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

#[tokio::test]
async fn rejected_messages_of_a_batch_become_dead_letters() {
    let shop = Shop::open_with_queues(&[]).await;
    let answer = shop.send(&json!([track("m1"), nameless(), 5])).await;
    assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 2]));
    let letters = shop.dead_letters();
    assert_eq!(letters[0]["reason"], "invalid_event_name");
    assert_eq!(letters[0]["message"], nameless());
    assert_eq!(letters[1]["reason"], "not_a_message");
    assert_eq!(letters[1]["message"], 5);
}

#[tokio::test]
async fn the_only_message_is_400_and_a_dead_letter() {
    let shop = Shop::open_with_queues(&[]).await;
    assert_eq!(shop.send(&nameless()).await.status, 400);
    assert_eq!(shop.dead_letters().len(), 1);
    shop.klaviyo().fail(EVENTS, 400).once();
    assert_eq!(shop.send(&track("m1")).await.status, 400);
    let letter = &shop.dead_letters()[1];
    assert_eq!(letter["reason"], "refused_by_klaviyo");
    assert_eq!(letter["detail"], "Klaviyo answered 400: fault at /data");
}

#[tokio::test]
async fn redriving_dead_letters_into_the_retry_queue_just_works() {
    let shop = Shop::open_with_queues(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().fail(IMPORT, 400).once();
    assert_eq!(shop.send(&sarah()).await.status, 400);
    assert_eq!(shop.redrive_dead_letters().await, 0);
    assert_eq!(shop.klaviyo().profiles().len(), 1);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn a_message_rejected_again_is_a_dead_letter_again() {
    let shop = Shop::open_with_queues(&[]).await;
    shop.send(&nameless()).await;
    assert_eq!(shop.redrive_dead_letters().await, 0);
    assert_eq!(shop.dead_letters().len(), 1);
    shop.break_queues();
    assert_eq!(
        shop.redrive_dead_letters().await,
        1,
        "without a queue to write to, the record stays"
    );
}

#[tokio::test]
async fn a_dead_letter_over_the_limit_of_sqs_is_rejected_and_does_not_come_back() {
    let shop = Shop::open_with_queues(&[PATIENT, SUBSCRIBE_ALL]).await;
    let huge = identify(LI, json!({"bio": noise(3_000_000)}));
    let answer = shop.send(&json!([huge, sarah()])).await;
    assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 1]));
    assert_eq!(reasons(&answer), [(0, "profile_too_large")]);
    assert_eq!(shop.dead_letters().len(), 0);
    assert_eq!(shop.send(&huge).await.status, 400);
}
