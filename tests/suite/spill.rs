//! Spill: while Klaviyo throttles for longer than a delivery lasts, nothing is sent in vain. What would
//! go singly waits in the queue for a job, or goes as one at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::answers::counts;
use crate::support::messages::{identify, order, sarah, track, tracks};
use crate::support::paths::{EVENT_JOBS, EVENTS, IMPORT, IMPORT_JOBS, SUBSCRIBE};
use crate::support::people::{LI, person};
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

fn people(count: usize) -> Vec<Value> {
    let of = |number| identify(&person(number), json!({"n": number}));
    (0..count).map(of).collect()
}

#[tokio::test]
async fn small_deliveries_go_straight_to_the_queue_and_from_there_in_one_job() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENTS).always();
    for number in 0..20 {
        let answer = shop.send(&track(&format!("m{number}"))).await;
        assert_eq!((answer.status, answer.body.queued), (200, 1));
    }
    assert_eq!(shop.klaviyo().paths(), [EVENTS], "only the first one asked");
    assert!(shop.queue_requests().iter().all(|delays| *delays == [0]));

    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(
        shop.klaviyo().paths(),
        [EVENT_JOBS; 2],
        "ten records at a time"
    );
    assert_eq!(shop.klaviyo().events().len(), 20);
}

#[tokio::test]
async fn a_person_who_waits_is_neither_looked_up_nor_asked_until_then() {
    let shop = Shop::open_with_queues(&[PATIENT, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(IMPORT).always();
    shop.send(&sarah()).await;
    shop.klaviyo().forget_requests();
    for message in people(5) {
        let answer = shop.send(&message).await;
        assert_eq!((answer.status, answer.body.queued), (200, 1));
    }
    assert_eq!(shop.klaviyo().requests().len(), 0);

    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS, SUBSCRIBE]);
    assert_eq!(shop.klaviyo().consents().len(), 6);
}

#[tokio::test]
async fn what_is_throttled_singly_goes_as_one_job_at_once() {
    for settings in [true, false] {
        let shop = match settings {
            true => Shop::open_with_queues(&[PATIENT]).await,
            false => Shop::open(&[PATIENT]).await,
        };
        shop.klaviyo().throttle_path_after(EVENTS, 3);
        let answer = shop.send(&order("R1", 12)).await;
        assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]));
        assert_eq!(shop.klaviyo().events().len(), 13);
        let jobs = shop.klaviyo().paths();
        let jobs: Vec<_> = jobs.iter().filter(|path| *path == EVENT_JOBS).collect();
        assert_eq!(jobs.len(), 1);
    }
}

#[tokio::test]
async fn while_singles_are_throttled_six_are_a_job() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENTS).always();
    shop.send(&track("m")).await;
    shop.klaviyo().forget_requests();
    assert_eq!(counts(&shop.send_all(tracks(6)).await), [6, 0, 0]);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS]);
    assert_eq!(shop.send_all(tracks(5)).await.body.queued, 5);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS]);
}

#[tokio::test]
async fn a_throttle_is_of_one_endpoint_and_costs_the_messages_that_need_it() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENTS).always();
    shop.send(&track("m0")).await;
    let answer = shop
        .send(&json!([identify(LI, json!({})), track("m1")]))
        .await;
    assert_eq!((answer.status, answer.body.delivered), (200, 1));
    assert_eq!(answer.body.queued, 1);
    assert_eq!(shop.klaviyo().profiles().len(), 1);
}

#[tokio::test]
async fn a_throttled_job_makes_the_next_one_wait_too() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle(EVENT_JOBS).always();
    for _ in 0..3 {
        assert_eq!(shop.send_all(tracks(30)).await.body.queued, 30);
    }
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS]);
    let delays = shop.queue_requests().concat();
    assert!(delays.iter().all(|delay| *delay >= 60), "{delays:?}");
}

#[tokio::test]
async fn when_the_time_is_over_deliveries_go_to_klaviyo_again() {
    let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "1200")]).await;
    shop.klaviyo().fail(EVENTS, 429).retry_after(2).once();
    assert_eq!(shop.send(&track("m1")).await.body.queued, 1);
    assert_eq!(shop.send(&track("m2")).await.body.queued, 1);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(shop.send(&track("m3")).await.body.delivered, 1);
    assert_eq!(shop.klaviyo().event_ids(), ["m3"]);
}

#[tokio::test]
async fn a_queue_that_cannot_be_written_leaves_what_spills_to_segment() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(IMPORT).always();
    shop.send(&sarah()).await;
    shop.break_queues();
    let batch = json!([identify(LI, json!({})), track("m1")]);
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.retry), (503, 1));
    assert_eq!(shop.klaviyo().consents().len(), 0);

    shop.repair_queues();
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().consents().len(), 2);
    assert_eq!(shop.klaviyo().events().len(), 1);
}
