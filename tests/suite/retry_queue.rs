//! The retry queue: messages that Klaviyo cannot take now are delivered later, and nothing that it
//! has acknowledged is repeated.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::answers::{counts, reasons};
use crate::support::http::http_event;
use crate::support::klaviyo::Trouble;
use crate::support::messages::{identify, nameless, noise, order, track, track_with};
use crate::support::paths::{EVENT_JOBS, EVENTS};
use crate::support::people::LI;
use crate::support::settings::{BRIEF, PATIENT};
use crate::support::shop::Shop;

#[tokio::test]
async fn delivered_and_ignored_messages_are_not_queued() {
    let shop = Shop::open_with_queues(&[]).await;
    let answer = shop.send(&json!([track("m1"), {"type": "alias"}])).await;
    assert_eq!((answer.status, counts(&answer)), (200, [1, 1, 0]));
    assert_eq!(shop.retry_queue().len(), 0);
    assert_eq!(shop.dead_letters().len(), 0);
}

#[tokio::test]
async fn every_transient_fault_is_queued_and_delivered_later() {
    let troubles: [(Trouble, &str); 5] = [
        (|klaviyo| klaviyo.throttle(EVENTS).once(), "throttled"),
        (
            |klaviyo| klaviyo.fail(EVENTS, 503).always(),
            "klaviyo_unavailable",
        ),
        (
            |klaviyo| klaviyo.fail(EVENTS, 401).always(),
            "klaviyo_key_refused",
        ),
        (
            |klaviyo| klaviyo.disconnect(EVENTS).always(),
            "klaviyo_unreachable",
        ),
        (|klaviyo| klaviyo.hang(EVENTS).once(), "out_of_time"),
    ];
    for (trouble, reason) in troubles {
        let shop = Shop::open_with_queues(&[BRIEF]).await;
        trouble(&shop.klaviyo());
        let answer = shop.send(&track("m1")).await;
        assert_eq!((answer.status, answer.body.queued), (200, 1), "{reason}");
        assert_eq!(reasons(&answer), [(0, reason)]);
        let entry = &shop.retry_queue()[0];
        assert_eq!(entry["reason"], reason);
        assert_eq!(entry["message"]["messageId"], "m1");

        shop.klaviyo().recover();
        assert_eq!(shop.redeliver().await, 0, "{reason}");
        assert_eq!(shop.klaviyo().events().len(), 1, "{reason}");
        assert_eq!(shop.retry_queue().len(), 0, "{reason}");
    }
}

#[tokio::test]
async fn a_queue_that_cannot_be_written_is_503_and_segment_keeps_the_message() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.break_queues();
    shop.klaviyo().fail(EVENTS, 503).always();
    let answer = shop.send(&track("m1")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(reasons(&answer), [(0, "queue_unwritable")]);
    shop.klaviyo().recover();
    let answer = shop.send(&json!([track("m1"), nameless()])).await;
    assert_eq!((answer.status, answer.body.delivered), (503, 1));
    assert_eq!(answer.retry, 1, "a dead letter is not given up either");
}

#[tokio::test]
async fn a_message_over_the_limit_of_sqs_goes_back_to_segment() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENTS).times(2);
    let large = track_with("m-large", json!({"texts": vec![noise(90_000); 34]}));
    let answer = shop.send(&json!([large, track("m-small")])).await;
    assert_eq!((answer.status, answer.retry), (503, 1));
    assert_eq!(answer.body.queued, 1);
    assert_eq!(shop.retry_queue()[0]["message"]["messageId"], "m-small");
}

#[tokio::test]
async fn unreadable_and_unverified_bodies_are_never_queued() {
    let shop = Shop::open_with_queues(&[]).await;
    assert_eq!(shop.send_raw("{").await.status, 400);
    let unsigned = http_event("{}", &json!({}));
    assert_eq!(shop.handle(&unsigned).await.status, 401);
    assert_eq!(shop.retry_queue().len(), 0);
    assert_eq!(shop.dead_letters().len(), 0);
}

/// Returns how many operations of an entry are done, and how many are still to do.
fn progress(entry: &Value) -> [usize; 2] {
    ["done", "to_do"].map(|key| entry[key].as_array().unwrap().len())
}

#[tokio::test]
async fn acknowledged_operations_of_an_entry_are_not_repeated() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    // The order has four events.
    shop.klaviyo().throttle_after(2);
    let answer = shop.send(&order("R1", 3)).await;
    assert_eq!((answer.status, answer.body.queued), (200, 1));
    assert_eq!(progress(&shop.retry_queue()[0]), [2, 2]);

    shop.klaviyo().recover();
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS]);
    assert_eq!(shop.klaviyo().events().len(), 4);
}

/// The body that version 0.1.0 wrote into its retry queue, after Klaviyo had acknowledged the order
/// and before it took the two lines.
const ENTRY_OF_0_1_0: &str = include_str!("recorded/queue-entry-0.1.0.json");

#[tokio::test]
async fn entries_of_version_0_1_0_are_resumed_where_it_stopped() {
    let shop = Shop::open_with_queues(&[]).await;
    shop.fill_retry_queue(&[ENTRY_OF_0_1_0]);
    assert_eq!(progress(&shop.retry_queue()[0]), [1, 2]);

    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS]);
    assert_eq!(
        shop.klaviyo().event_ids(),
        ["R-1001_p0", "R-1001_p1"],
        "the order itself is not recorded again"
    );
    assert_eq!(shop.retry_queue().len(), 0);
    assert_eq!(shop.dead_letters().len(), 0);
}

#[tokio::test]
async fn entries_of_version_0_1_0_that_fail_again_keep_their_progress() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.fill_retry_queue(&[ENTRY_OF_0_1_0]);
    shop.klaviyo().throttle_after(0);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(progress(&shop.retry_queue()[0]), [1, 2]);

    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().event_ids(), ["R-1001_p0", "R-1001_p1"]);
    assert_eq!(shop.retry_queue().len(), 0);
}

#[tokio::test]
async fn what_is_left_of_a_record_becomes_a_new_entry() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle_after(0);
    // More events than one job takes.
    let order = order("R1", 1_200);
    shop.send(&order).await;
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(progress(&shop.retry_queue()[0]), [0, 100]);
    shop.klaviyo().throttle_after(1);
    assert_eq!(shop.redeliver().await, 0);
    let [done, _] = progress(&shop.retry_queue()[0]);
    assert_eq!(done, shop.klaviyo().events().len());
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue().len(), 0);
    assert_eq!(shop.klaviyo().events().len(), 1_201);
}

#[tokio::test]
async fn only_records_that_cannot_be_written_again_are_reported() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().throttle_after(0);
    for message in [track("m1"), identify(LI, json!({}))] {
        assert_eq!(shop.send(&message).await.body.queued, 1);
    }
    shop.klaviyo().throttle_after(1);
    shop.break_queues();
    assert_eq!(shop.redeliver().await, 1);
    assert_eq!(shop.klaviyo().profiles().len(), 1);
    assert_eq!(shop.retry_queue()[0]["message"]["messageId"], "m1");
}

#[tokio::test]
async fn an_unreadable_record_is_never_lost() {
    let shop = Shop::open_with_queues(&[]).await;
    let of_version_9 = ENTRY_OF_0_1_0.replace("\"version\":1", "\"version\":9");
    shop.fill_retry_queue(&["not json", "{}", &of_version_9]);
    assert_eq!(shop.redeliver().await, 3);
    let log = shop.log();
    let unreadable = "a record of the queue cannot be read and stays there";
    let lines = log.iter().filter(|line| line["message"] == unreadable);
    assert_eq!(lines.count(), 3);
}

#[tokio::test]
async fn an_event_that_became_old_in_a_queue_starts_no_flow() {
    let shop = Shop::open_with_queues(&[BRIEF, ("BACKFILL_AFTER_HOURS", "24")]).await;
    shop.klaviyo().throttle(EVENTS).once();
    let mut message = track("m1");
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    message["timestamp"] = json!(now);
    assert_eq!(shop.send(&message).await.body.queued, 1);
    let mut entry = shop.retry_queue().remove(0);
    // Ten days pass.
    entry["decided_at"] = json!(entry["decided_at"].as_i64().unwrap() - 864_000);
    let then = OffsetDateTime::now_utc() - time::Duration::days(10);
    entry["message"]["timestamp"] = json!(then.format(&Rfc3339).unwrap());
    shop.fill_retry_queue(&[&entry.to_string()]);
    assert_eq!(shop.redeliver().await, 0);
    assert!(shop.klaviyo().events()[0].backfill);
}

#[tokio::test]
async fn an_order_of_thousands_of_lines_fits_into_its_entry() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    let order_id = "R".repeat(200);
    let order = order(&order_id, 3_999);
    // Of the order's jobs the first is accepted.
    shop.klaviyo().throttle_path_after(EVENT_JOBS, 1);
    let answer = shop.send(&order).await;
    assert_eq!((answer.status, answer.body.queued), (200, 1));
    let entry = &shop.retry_queue()[0];
    assert!(entry["done"].as_array().unwrap().len() >= 1_000);
    assert_eq!(entry["to_do"].as_array().unwrap().len(), 100);

    shop.klaviyo().recover();
    let sent = shop.klaviyo().events().len();
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 4_000);
    let mut resumed = 0;
    for request in shop.klaviyo().requests() {
        resumed += request.body.to_string().matches("\"unique_id\"").count();
    }
    assert_eq!(resumed, 4_000 - sent, "nothing is sent again");
}

#[tokio::test]
async fn text_that_sqs_does_not_take_is_queued_and_stays_the_same_event() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    let mut message = track_with("m1", json!({"text": "\u{FFFE} and \u{FFFF}"}));
    message.as_object_mut().unwrap().remove("messageId");
    shop.klaviyo().disconnect(EVENTS).but_apply().times(9);
    assert_eq!(shop.send(&message).await.body.queued, 1);
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    let events = shop.klaviyo().events();
    assert_eq!(events.len(), 1, "the retry is the same event");
}
