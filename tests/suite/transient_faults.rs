//! Faults of Klaviyo that pass, without a retry queue: they are overcome within the delivery, or
//! Segment keeps the messages.

use std::time::{Duration, Instant};

use segment_klaviyo::handler::{InvocationContext, Reply};
use serde_json::json;

use crate::support::answers::{counts, reasons};
use crate::support::http::signed_event;
use crate::support::klaviyo::Trouble;
use crate::support::messages::{identify, track, tracks};
use crate::support::paths::{EVENT_JOBS, EVENTS, SUBSCRIBE};
use crate::support::people::LI;
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

#[tokio::test]
async fn passing_faults_are_overcome_within_the_delivery() {
    let troubles: [(&str, Trouble, usize); 5] = [
        ("500", |klaviyo| klaviyo.fail(EVENTS, 500).times(2), 3),
        ("503", |klaviyo| klaviyo.fail(EVENTS, 503).times(2), 3),
        (
            "429",
            |klaviyo| klaviyo.throttle(EVENTS).retry_after(1).once(),
            2,
        ),
        (
            "connection closed",
            |klaviyo| klaviyo.disconnect(EVENTS).times(2),
            3,
        ),
        (
            "acknowledgement lost",
            |klaviyo| klaviyo.fail(EVENTS, 502).but_apply().once(),
            2,
        ),
    ];
    for (name, trouble, requests) in troubles {
        let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "3000")]).await;
        trouble(&shop.klaviyo());
        let answer = shop.send(&track("m1")).await;
        assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]), "{name}");
        assert_eq!(shop.klaviyo().events().len(), 1, "{name}");
        assert_eq!(shop.klaviyo().paths().len(), requests, "{name}");
    }
}

#[tokio::test]
async fn a_fault_that_outlasts_the_budget_leaves_the_message_with_segment() {
    let troubles: [(Trouble, u16, &str, u64); 4] = [
        (
            |klaviyo| klaviyo.throttle(EVENTS).always(),
            429,
            "throttled",
            120,
        ),
        (
            |klaviyo| klaviyo.fail(EVENTS, 503).always(),
            503,
            "klaviyo_unavailable",
            5,
        ),
        (
            |klaviyo| klaviyo.disconnect(EVENTS).always(),
            503,
            "klaviyo_unreachable",
            5,
        ),
        (
            |klaviyo| klaviyo.hang(EVENTS).always(),
            503,
            "out_of_time",
            5,
        ),
    ];
    for (trouble, status, reason, retry_after) in troubles {
        let shop = Shop::open(&[BRIEF]).await;
        trouble(&shop.klaviyo());
        let started = Instant::now();
        let answer = shop.send(&track("m1")).await;
        assert_eq!(
            (answer.status, reasons(&answer)),
            (status, vec![(0, reason)])
        );
        assert_eq!(answer.retry_after, Some(retry_after), "{reason}");
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(5), "{reason}: {elapsed:?}");
    }
}

#[tokio::test]
async fn a_hanging_klaviyo_is_answered_before_the_budget_ends() {
    for (path, count) in [(EVENTS, 1), (EVENT_JOBS, 50)] {
        let shop = Shop::open(&[BRIEF]).await;
        shop.klaviyo().hang(path).always();
        let started = Instant::now();
        assert_eq!(shop.send_all(tracks(count)).await.status, 503, "{path}");
        let elapsed = started.elapsed();
        assert!(
            elapsed < Duration::from_millis(2_500),
            "{path}: {elapsed:?}"
        );
    }
}

#[tokio::test]
async fn a_long_retry_after_is_handed_on_immediately() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "30000")]).await;
    shop.klaviyo().throttle(EVENTS).once();
    let started = Instant::now();
    let answer = shop.send(&track("m1")).await;
    assert_eq!((answer.status, answer.retry_after), (429, Some(120)));
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[tokio::test]
async fn lambdas_deadline_ends_a_delivery_too() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "20000")]).await;
    shop.klaviyo().fail(EVENTS, 503).always();
    let invocation = InvocationContext {
        time_left: Some(Duration::from_millis(900)),
        ..InvocationContext::default()
    };
    let started = Instant::now();
    let event = signed_event(&track("m1").to_string());
    let reply = shop.invoke(&event, invocation).await.unwrap();
    let Reply::Webhook(answer) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(answer.status, 503);
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
}

#[tokio::test]
async fn subscriptions_wait_until_segment_need_not_resend() {
    let shop = Shop::open(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(EVENTS).once();
    let batch = json!([identify(LI, json!({})), track("m1")]);
    let answer = shop.send(&batch).await;
    assert_eq!(answer.status, 429);
    assert_eq!(reasons(&answer), [(0, "held_back"), (1, "throttled")]);
    assert!(!shop.klaviyo().paths().contains(&SUBSCRIBE.to_owned()));

    assert_eq!(shop.send(&batch).await.status, 200);
    let consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 1, "asked for confirmation once");
}

#[tokio::test]
async fn connections_that_died_while_the_function_was_frozen_cost_nothing() {
    let shop = Shop::open(&[]).await;
    assert_eq!(shop.send(&track("m1")).await.status, 200);
    for message_id in ["m2", "m3", "m4"] {
        shop.klaviyo().disconnect(EVENTS).once();
        assert_eq!(shop.send(&track(message_id)).await.status, 200);
    }
    assert_eq!(shop.klaviyo().events().len(), 4);
}

#[tokio::test]
async fn a_slow_klaviyo_is_waited_for() {
    let shop = Shop::open(&[]).await;
    let slowness = Duration::from_millis(2_300);
    shop.klaviyo().delay(EVENTS, slowness).times(9);
    let answer = shop.send(&track("m1")).await;
    assert_eq!(answer.status, 200, "a second try may be as slow");
    assert_eq!(shop.klaviyo().events().len(), 1);
}

#[tokio::test]
async fn a_throttled_job_is_sent_again_as_a_whole() {
    let shop = Shop::open(&[PATIENT]).await;
    shop.klaviyo().fail(EVENT_JOBS, 429).times(2);
    assert_eq!(shop.send_all(tracks(100)).await.body.delivered, 100);
    assert_eq!(shop.klaviyo().paths().len(), 3);
    assert_eq!(shop.klaviyo().events().len(), 100);
}

#[tokio::test]
async fn only_unfinished_messages_are_handed_back() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "2000")]).await;
    shop.klaviyo().throttle(EVENT_JOBS).retry_after(600).once();
    let mut batch = tracks(30);
    batch.push(identify(LI, json!({})));
    let answer = shop.send_all(batch).await;
    assert_eq!((answer.status, answer.retry), (429, 30));
    assert_eq!(answer.body.delivered, 1);
    assert_eq!(answer.retry_after, Some(600));
}
