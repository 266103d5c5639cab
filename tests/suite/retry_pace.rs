//! How messages of the retry queue come back: as bulk jobs, when Klaviyo asks for them, and for so long.

use serde_json::{Value, json};

use crate::support::klaviyo::Trouble;
use crate::support::messages::{identify, order, track, tracks};
use crate::support::paths::{EVENT_JOBS, EVENTS, IMPORT, IMPORT_JOBS};
use crate::support::people::person;
use crate::support::settings::{BRIEF, PATIENT};
use crate::support::shop::Shop;

#[tokio::test]
async fn what_was_put_aside_singly_comes_back_as_one_job() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().throttle_after(0);
    for number in 0..5 {
        shop.send(&track(&format!("m{number}"))).await;
        shop.send(&identify(&person(number), json!({}))).await;
    }
    assert_eq!(shop.retry_queue_bodies().len(), 10);

    shop.klaviyo().recover();
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS, EVENT_JOBS]);
    assert_eq!(shop.klaviyo().events().len(), 5);
}

#[tokio::test]
async fn one_operation_alone_is_no_job() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().throttle_after(0);
    shop.send(&track("m1")).await;
    shop.send(&identify(&person(1), json!({}))).await;
    shop.klaviyo().recover();
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().paths(), [IMPORT, EVENTS]);
}

/// Returns the delay of the only entry of the only request to SQS.
fn delay(shop: &Shop) -> u64 {
    let requests = shop.queue_requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    let [delay] = request.as_slice() else {
        panic!("{request:?}")
    };
    *delay
}

#[tokio::test]
async fn a_record_comes_back_by_its_cause() {
    let causes: [(Trouble, usize, u64); 5] = [
        // From the queue it goes as a job.
        (|klaviyo| klaviyo.throttle(EVENTS).always(), 1, 0),
        (|klaviyo| klaviyo.throttle(EVENT_JOBS).always(), 30, 120),
        (
            |klaviyo| klaviyo.fail(EVENT_JOBS, 429).retry_after(12).always(),
            30,
            15,
        ),
        (|klaviyo| klaviyo.fail(EVENTS, 503).always(), 1, 10),
        (|klaviyo| klaviyo.fail(EVENTS, 401).always(), 1, 60),
    ];
    for (trouble, count, expected) in causes {
        let shop = Shop::open_with_queues(&[BRIEF]).await;
        trouble(&shop.klaviyo());
        assert_eq!(shop.send_all(tracks(count)).await.body.queued, count);
        let delay = delay(&shop);
        assert!(
            (expected..=expected * 3 / 2).contains(&delay),
            "{delay} instead of {expected}"
        );
    }
}

#[tokio::test]
async fn a_message_is_tried_for_half_a_day_and_then_a_dead_letter() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().fail(EVENTS, 503).always();
    shop.klaviyo().fail(EVENT_JOBS, 503).always();
    shop.send(&order("R1", 2)).await;
    let put_aside_at = shop.retry_queue()[0]["queued_at"].clone();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue()[0]["queued_at"], put_aside_at);

    shop.let_hours_pass(11);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(
        (shop.retry_queue().len(), shop.dead_letters().len()),
        (1, 0)
    );
    shop.let_hours_pass(1);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(
        (shop.retry_queue().len(), shop.dead_letters().len()),
        (0, 1)
    );
    let letter = shop.dead_letters().remove(0);
    assert_eq!(letter["reason"], "given_up");
    assert_eq!(
        letter["detail"],
        "not delivered within 12 hours, at last because: Klaviyo is unavailable"
    );
    assert_eq!(letter.get("queued_at"), None);

    // Whoever redrives it wants it to be tried as long again.
    assert_eq!(shop.redrive_dead_letters().await, 0);
    assert_eq!(
        (shop.retry_queue().len(), shop.dead_letters().len()),
        (1, 0)
    );
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 3);
}

#[tokio::test]
async fn a_message_whose_dead_letter_cannot_be_written_stays() {
    let shop = Shop::open_with_queues(&[BRIEF]).await;
    shop.klaviyo().fail(EVENTS, 503).always();
    shop.send(&track("m1")).await;
    shop.let_hours_pass(13);
    shop.break_dead_letter_queue();
    assert_eq!(shop.redeliver().await, 1);
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 1);
}

#[tokio::test]
async fn a_patience_that_is_over_costs_no_neighbor() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().throttle_after(0);
    shop.send_all(tracks(30)).await;
    shop.let_hours_pass(13);
    let old = shop.retry_queue_bodies();
    shop.fill_retry_queue(&[]);
    let fresh: Vec<Value> = (30..60).map(|n| track(&format!("m{n}"))).collect();
    shop.send_all(fresh).await;
    let bodies = [old, shop.retry_queue_bodies()].concat();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    shop.fill_retry_queue(&bodies);

    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(
        (shop.retry_queue().len(), shop.dead_letters().len()),
        (30, 30)
    );
    assert_eq!(shop.retry_queue()[0]["message"]["messageId"], "m30");
}
