//! A bug that panics costs one invocation, and no message.

use serde_json::Value;

use crate::support::messages::{nameless, track};
use crate::support::shop::Shop;

/// The line that a rejected message writes, in the middle of a delivery.
const MESSAGE_REJECTED: &str = "message rejected";

#[tokio::test]
async fn a_panic_answers_500_and_the_next_delivery_works() {
    let shop = Shop::open_with_queues(&[]).await;
    shop.panic_at(MESSAGE_REJECTED);
    let answer = shop.send(&nameless()).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body.message, "internal error");
    assert_eq!(shop.send(&track("m1")).await.status, 200);
}

#[tokio::test]
async fn after_a_panic_every_record_stays_in_the_queue() {
    let shop = Shop::open_with_queues(&[]).await;
    shop.send(&nameless()).await;
    let letters: Vec<_> = shop.dead_letters().iter().map(Value::to_string).collect();
    let letters: Vec<_> = letters.iter().map(String::as_str).collect();
    assert_eq!(letters.len(), 1);
    shop.fill_retry_queue(&letters);
    shop.panic_at(MESSAGE_REJECTED);
    assert_eq!(shop.redeliver().await, 1);
}
