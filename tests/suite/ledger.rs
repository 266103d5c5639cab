//! The ledger of consents: whatever comes twice, the person is asked once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::answers::{counts, reasons};
use crate::support::messages::{identify, nameless, sarah, track};
use crate::support::paths::SUBSCRIBE;
use crate::support::people::person;
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

/// The time that Klaviyo takes for a subscription that something else overtakes.
const SLOW: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_record_that_sqs_delivers_twice_asks_once() {
    let shop = Shop::open_with_ledger(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(SUBSCRIBE).once();
    assert_eq!(shop.send(&sarah()).await.body.queued, 1);
    shop.duplicate_retry_queue();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn a_second_attempt_of_segment_during_the_first_asks_once() {
    let shop = Shop::open_with_ledger(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().delay(SUBSCRIBE, SLOW).once();
    let message = sarah();
    let (first, second) = futures_util::join!(shop.send(&message), async {
        tokio::time::sleep(SLOW / 2).await;
        shop.send(&message).await
    });
    assert_eq!(counts(&first), [1, 0, 0]);
    assert_eq!(reasons(&second), [(0, "subscription_under_way")]);
    assert_eq!(
        second.body.queued, 1,
        "until it is known how the first ends"
    );
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn a_resend_of_what_was_delivered_asks_nobody() {
    let shop = Shop::open_with_ledger(&[SUBSCRIBE_ALL]).await;
    for _ in 0..3 {
        assert_eq!(counts(&shop.send(&sarah()).await), [1, 0, 0]);
    }
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn a_kill_before_the_answer_asks_again_after_half_an_hour() {
    let shop = Shop::open_with_ledger(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().delay(SUBSCRIBE, SLOW).once();
    let killed = tokio::time::timeout(SLOW / 2, shop.send(&sarah())).await;
    assert!(killed.is_err(), "Lambda ends the function");

    let answer = shop.send(&sarah()).await;
    assert_eq!(reasons(&answer), [(0, "subscription_under_way")]);
    for _ in 0..3 {
        assert_eq!(shop.redeliver().await, 0);
        assert_eq!(shop.retry_queue().len(), 1, "the message waits");
    }
    assert_eq!(shop.klaviyo().consents().len(), 0);
    shop.let_half_an_hour_pass();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn two_attempts_without_an_answer_are_the_last_until_somebody_redrives_them() {
    let shop = Shop::open_with_ledger(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().disconnect(SUBSCRIBE).but_apply().times(2);
    shop.send(&sarah()).await;
    for _ in 0..3 {
        shop.let_half_an_hour_pass();
        shop.redeliver().await;
    }
    assert_eq!(shop.klaviyo().consents().len(), 2);
    assert_eq!(shop.dead_letters()[0]["reason"], "subscription_unanswered");

    let answer = shop.send(&sarah()).await;
    assert_eq!(reasons(&answer), [(0, "subscription_unanswered")]);
    assert_eq!(shop.klaviyo().consents().len(), 2, "a resend is no redrive");
    assert_eq!(shop.redrive_dead_letters().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 3);
}

#[tokio::test]
async fn what_was_not_asked_may_be_asked_at_once() {
    let shop = Shop::open_with_ledger(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(SUBSCRIBE).once();
    assert_eq!(reasons(&shop.send(&sarah()).await), [(0, "throttled")]);
    assert_eq!(shop.ledger(), [], "the claim is given back");
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn nobody_is_asked_while_the_table_is_down() {
    let shop = Shop::open_with_ledger(&[SUBSCRIBE_ALL]).await;
    shop.set_ledger_down(true);
    let answer = shop.send(&json!([sarah(), track("m1")])).await;
    assert_eq!(counts(&answer), [1, 0, 0], "an event needs no ledger");
    assert_eq!(reasons(&answer), [(0, "ledger_unavailable")]);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue().len(), 1);
    assert_eq!(shop.klaviyo().consents().len(), 0);
    shop.set_ledger_down(false);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn a_delivery_that_segment_resends_for_a_neighbor_asks_once() {
    let shop = Shop::open_with_ledger(&[SUBSCRIBE_ALL]).await;
    let batch = json!([nameless(), sarah()]);
    for is_down in [true, true, false] {
        if is_down {
            shop.break_queues();
        } else {
            shop.repair_queues();
        }
        shop.send(&batch).await;
    }
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn the_table_is_used_for_subscriptions_alone_and_holds_no_address() {
    let shop = Shop::open_with_ledger(&[PATIENT]).await;
    shop.send(&json!([track("m1"), identify(&person(1), json!({}))]))
        .await;
    assert_eq!(shop.ledger_requests(), 0);

    let shop = Shop::open_with_ledger(&[PATIENT, SUBSCRIBE_ALL]).await;
    for (people, expected) in [(1, 2), (100, 2), (101, 4)] {
        let before = shop.ledger_requests();
        let batch: Value = (0..people)
            .map(|number| identify(&person(people * 10_000 + number), json!({})))
            .collect();
        assert_eq!(counts(&shop.send(&batch).await), [people, 0, 0]);
        assert_eq!(shop.ledger_requests() - before, expected, "{people}");
    }
    for (id, item) in shop.ledger() {
        let text = format!("{id} {item}");
        assert!(!text.contains("klaviyo-demo"), "{text}");
        assert_eq!(item["answered"], json!({"BOOL": true}));
    }
}
