//! Nothing lost, nothing doubled: each row of "What Segment is told", with queues and without.

use std::time::{Duration, Instant};

use segment_klaviyo_stand_in::{Fault, Symptom};
use serde_json::{Value, json};

use crate::support::{DEAD_LETTERS, RETRY_QUEUE, Shop, identify, order, track};

const EVENTS: &str = "/api/events";
const IMPORT: &str = "/api/profile-import";
const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

const SHORT: (&str, &str) = ("DELIVERY_BUDGET_MS", "1500");
const LIST: (&str, &str) = ("LIST_ID", "Y6nRLr");

/// Klaviyo asks for two minutes: it cannot take this now, and there is no use in waiting.
fn busy(path: &'static str, times: usize) -> Fault {
    let symptom = Symptom::Answer {
        status: 429,
        retry_after: Some(120),
        body: Value::Null,
    };
    Fault {
        symptom,
        ..Fault::status(path, 429, times)
    }
}

fn sarah() -> Value {
    identify(&json!({"email": "sarah@klaviyo-demo.com"}), &json!({}))
}

fn nameless() -> Value {
    json!({"type": "track", "event": "", "messageId": "m-nameless", "userId": "s@klaviyo-demo.com"})
}

#[tokio::test]
async fn all_delivered_or_ignored_is_200_with_queues_too() {
    let shop = Shop::open_with_queues(&[]).await;
    let answer = shop
        .send(&json!([track("m1", &json!({})), {"type": "alias"}]))
        .await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.ignored),
        (200, 1, 1)
    );
    assert_eq!((shop.waiting().len(), shop.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn what_klaviyo_cannot_take_now_is_queued_and_delivered_later() {
    let hang = Fault {
        delay: Duration::from_secs(60),
        ..Fault::status(EVENTS, 200, 1)
    };
    let drop = Fault {
        symptom: Symptom::Drop,
        ..Fault::status(EVENTS, 0, 99)
    };
    for (fault, reason) in [
        (busy(EVENTS, 1), "throttled"),
        (Fault::status(EVENTS, 503, 99), "klaviyo_unavailable"),
        (Fault::status(EVENTS, 401, 99), "klaviyo_key_refused"),
        (drop, "klaviyo_unreachable"),
        (hang, "out_of_time"),
    ] {
        let shop = Shop::open_with_queues(&[SHORT]).await;
        shop.stand_in.state().faults.push(fault);
        let answer = shop.send(&track("m1", &json!({}))).await;
        assert_eq!(
            (
                answer.status,
                answer.body.queued,
                answer.body.results[0].reason
            ),
            (200, 1, reason)
        );
        assert_eq!(
            (
                &shop.waiting()[0]["reason"],
                &shop.waiting()[0]["message"]["messageId"]
            ),
            (&json!(reason), &json!("m1"))
        );

        shop.stand_in.state().faults.clear();
        assert_eq!(shop.redeliver(RETRY_QUEUE).await, 0);
        assert_eq!((shop.events(), shop.waiting().len()), (1, 0), "{reason}");
    }
}

#[tokio::test]
async fn some_of_a_batch_that_can_never_succeed_go_to_the_dead_letter_queue() {
    let shop = Shop::open_with_queues(&[]).await;
    let answer = shop
        .send(&json!([track("m1", &json!({})), nameless(), 5]))
        .await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.rejected),
        (200, 1, 2)
    );
    let letters = shop.dead_letters();
    assert_eq!(
        (&letters[0]["reason"], &letters[1]["reason"]),
        (&json!("invalid_event_name"), &json!("not_a_message"))
    );
    assert_eq!(
        (&letters[0]["message"], &letters[1]["message"]),
        (&nameless(), &json!(5))
    );
}

#[tokio::test]
async fn the_only_message_that_can_never_succeed_is_400_and_a_dead_letter() {
    let shop = Shop::open_with_queues(&[]).await;
    assert_eq!(shop.send(&nameless()).await.status, 400);
    assert_eq!(shop.dead_letters().len(), 1);
    shop.stand_in
        .state()
        .faults
        .push(Fault::status(EVENTS, 400, 1));
    assert_eq!(shop.send(&track("m1", &json!({}))).await.status, 400);
    let letter = &shop.dead_letters()[1];
    assert_eq!(
        (&letter["reason"], &letter["detail"]),
        (
            &json!("refused_by_klaviyo"),
            &json!("Klaviyo answered 400: fault at /data")
        )
    );
}

#[tokio::test]
async fn a_queue_that_cannot_be_written_is_503_and_segment_keeps_it() {
    let shop = Shop::open_with_queues(&[SHORT]).await;
    shop.stand_in.state().queues_down = true;
    shop.stand_in.state().faults.push(busy(EVENTS, 1));
    let answer = shop.send(&track("m1", &json!({}))).await;
    assert_eq!(
        (answer.status, answer.body.results[0].reason),
        (503, "queue_unwritable")
    );
    let answer = shop
        .send(&json!([track("m1", &json!({})), nameless()]))
        .await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.retry),
        (503, 1, 1),
        "a dead letter is not given up either"
    );
}

#[tokio::test]
async fn what_is_larger_than_sqs_takes_goes_back_to_segment() {
    let shop = Shop::open_with_queues(&[SHORT]).await;
    shop.stand_in.state().faults.push(busy("/api/events", 2));
    let large = track("m-large", &json!({"texts": vec!["x".repeat(90_000); 4]}));
    let answer = shop
        .send(&json!([large, track("m-small", &json!({}))]))
        .await;
    assert_eq!(
        (answer.status, answer.body.queued, answer.retry),
        (503, 1, 1)
    );
    assert_eq!(shop.waiting()[0]["message"]["messageId"], "m-small");
}

#[tokio::test]
async fn unreadable_and_unverified_bodies_are_never_queued() {
    let shop = Shop::open_with_queues(&[]).await;
    assert_eq!(shop.send_raw("{").await.status, 400);
    assert_eq!(
        shop.handle(&crate::support::http_event("{}", &json!({})))
            .await
            .status,
        401
    );
    assert_eq!((shop.waiting().len(), shop.dead_letters().len()), (0, 0));
}

#[tokio::test]
async fn an_entry_holds_what_is_still_to_be_done_and_what_is_done_is_not_repeated() {
    let shop = Shop::open_with_queues(&[SHORT]).await;
    // Two of the order's four events are taken, the others are not.
    shop.stand_in.state().accept_then_throttle = Some(2);
    let answer = shop.send(&order("R1", 3)).await;
    assert_eq!((answer.status, answer.body.queued), (200, 1));
    let entry = &shop.waiting()[0];
    let labels = |key: &str| entry[key].as_array().unwrap().len();
    assert_eq!((labels("done"), labels("to_do")), (2, 2));

    shop.stand_in.state().accept_then_throttle = None;
    shop.stand_in.state().requests.clear();
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 0);
    assert_eq!((shop.paths().len(), shop.events()), (2, 4));
}

#[tokio::test]
async fn a_record_that_gets_further_becomes_a_new_entry_and_one_that_does_not_stays() {
    let shop = Shop::open_with_queues(&[SHORT]).await;
    shop.stand_in.state().accept_then_throttle = Some(0);
    shop.send(&order("R1", 3)).await;
    assert_eq!(
        shop.redeliver(RETRY_QUEUE).await,
        1,
        "it stays as the record it is"
    );
    shop.stand_in.state().accept_then_throttle = Some(3);
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 0);
    let entry = &shop.waiting()[0];
    assert_eq!(
        (
            entry["done"].as_array().unwrap().len(),
            entry["to_do"].as_array().unwrap().len()
        ),
        (3, 1)
    );
    shop.stand_in.state().accept_then_throttle = None;
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 0);
    assert_eq!((shop.waiting().len(), shop.events()), (0, 4));
}

#[tokio::test]
async fn only_the_records_that_fail_are_reported() {
    let shop = Shop::open_with_queues(&[SHORT]).await;
    let people: Vec<_> = (0..5)
        .map(|n| {
            identify(
                &json!({"email": format!("p{n}@klaviyo-demo.com")}),
                &json!({}),
            )
        })
        .collect();
    shop.stand_in.state().accept_then_throttle = Some(0);
    assert_eq!(shop.send(&people.into()).await.body.queued, 5);
    shop.stand_in.state().accept_then_throttle = Some(3);
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 2);
    assert_eq!((shop.profiles(), shop.waiting().len()), (3, 2));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_never_lost() {
    let shop = Shop::open_with_queues(&[]).await;
    let bodies = [
        "not json",
        "{}",
        r#"{"version": 9, "reason": "", "detail": "", "decided_at": 0, "to_do": [], "done": [], "message": {}}"#,
    ];
    shop.stand_in
        .state()
        .queues
        .insert(RETRY_QUEUE.to_owned(), bodies.map(str::to_owned).to_vec());
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 3);
    let log = shop.log();
    assert_eq!(
        log.iter().filter(|line| line["message"] == "a record of the queue cannot be read and stays there").count(),
        3
    );
}

#[tokio::test]
async fn redriving_the_dead_letter_queue_into_the_retry_queue_just_works() {
    let shop = Shop::open_with_queues(&[LIST]).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status(IMPORT, 400, 1));
    assert_eq!(shop.send(&sarah()).await.status, 400);
    assert_eq!(shop.redeliver(DEAD_LETTERS).await, 0);
    let held = shop.stand_in.state();
    assert_eq!(
        (held.account.profiles.len(), held.account.consents.len()),
        (1, 1)
    );
}

#[tokio::test]
async fn what_is_refused_again_is_a_dead_letter_again() {
    let shop = Shop::open_with_queues(&[]).await;
    shop.send(&nameless()).await;
    assert_eq!(shop.redeliver(DEAD_LETTERS).await, 0);
    assert_eq!(shop.dead_letters().len(), 1);
    shop.stand_in.state().queues_down = true;
    assert_eq!(
        shop.redeliver(DEAD_LETTERS).await,
        1,
        "nowhere to put it: the record stays"
    );
}

#[tokio::test]
async fn a_subscription_waits_in_the_queue_for_its_own_profile_only() {
    let shop = Shop::open_with_queues(&[SHORT, LIST]).await;
    let li = identify(&json!({"email": "li@klaviyo-demo.com"}), &json!({}));
    shop.stand_in.state().accept_then_throttle = Some(1);
    shop.stand_in.state().throttle_only = Some(IMPORT.to_owned());
    let answer = shop.send(&json!([sarah(), li])).await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.queued),
        (200, 1, 1)
    );
    assert_eq!(
        shop.stand_in.state().account.consents.len(),
        1,
        "the other person's goes at once"
    );
    shop.stand_in.state().accept_then_throttle = None;
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 0);
    let held = shop.stand_in.state();
    let emails: std::collections::BTreeSet<_> = held
        .account
        .consents
        .iter()
        .filter_map(|it| it.email.clone())
        .collect();
    assert_eq!(
        (held.account.consents.len(), emails.len()),
        (2, 2),
        "each asked once"
    );
}

#[tokio::test]
async fn a_subscription_that_was_throttled_is_asked_for_once() {
    let shop = Shop::open_with_queues(&[SHORT, LIST]).await;
    shop.stand_in.state().faults.push(busy(SUBSCRIBE, 1));
    assert_eq!(shop.send(&sarah()).await.body.queued, 1);
    assert_eq!(shop.waiting()[0]["done"], json!(["profile"]));
    shop.stand_in.state().requests.clear();
    assert_eq!(shop.redeliver(RETRY_QUEUE).await, 0);
    assert_eq!(
        shop.paths(),
        [SUBSCRIBE],
        "the profile is not imported again"
    );
    assert_eq!(shop.stand_in.state().account.consents.len(), 1);
}

#[tokio::test]
async fn a_lost_acknowledgement_of_a_subscription_costs_at_most_one_more() {
    let shop = Shop::open_with_queues(&[LIST]).await;
    let lost = Fault {
        applied: true,
        symptom: Symptom::Drop,
        ..Fault::status(SUBSCRIBE, 0, 1)
    };
    shop.stand_in.state().faults.push(lost);
    assert_eq!(shop.send(&sarah()).await.status, 200);
    assert_eq!(
        shop.stand_in.state().account.consents.len(),
        2,
        "better asked twice than never"
    );
}

#[tokio::test]
async fn a_hanging_klaviyo_is_answered_before_the_budget_ends() {
    for path in [EVENTS, "/api/event-bulk-create-jobs"] {
        let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "1500")]).await;
        shop.stand_in.state().faults.push(Fault {
            delay: Duration::from_secs(60),
            ..Fault::status(path, 200, 99)
        });
        let batch: Value = (0..if path == EVENTS { 1 } else { 50 })
            .map(|n| track(&format!("m{n}"), &json!({})))
            .collect();
        let started = Instant::now();
        let answer = shop.send(&batch).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(
            started.elapsed() < Duration::from_millis(2_500),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn a_long_retry_after_is_handed_back_at_once_and_not_slept() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "30000")]).await;
    shop.stand_in.state().faults.push(busy(EVENTS, 1));
    let started = Instant::now();
    let answer = shop.send(&track("m1", &json!({}))).await;
    assert_eq!((answer.status, answer.retry_after), (429, Some(120)));
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn connections_that_died_while_the_function_was_frozen_cost_nothing() {
    let shop = Shop::open(&[]).await;
    assert_eq!(shop.send(&track("m1", &json!({}))).await.status, 200);
    for n in 2..5 {
        shop.stand_in.state().faults.push(Fault {
            symptom: Symptom::Drop,
            ..Fault::status(EVENTS, 0, 1)
        });
        assert_eq!(
            shop.send(&track(&format!("m{n}"), &json!({}))).await.status,
            200
        );
    }
    assert_eq!(shop.events(), 4);
}

#[tokio::test]
async fn a_panic_answers_500_and_the_next_delivery_works() {
    // The log is what a test can make panic: it is called in the midst of a delivery.
    let shop = Shop::open_with_queues(&[]).await;
    shop.panic_on_log("message rejected");
    let answer = shop.send(&nameless()).await;
    assert_eq!(
        (answer.status, answer.body.message.as_str()),
        (500, "internal error")
    );
    assert_eq!(shop.send(&track("m1", &json!({}))).await.status, 200);

    shop.panic_on_log("message rejected");
    let letters = shop.dead_letters().iter().map(Value::to_string).collect();
    shop.stand_in
        .state()
        .queues
        .insert(RETRY_QUEUE.to_owned(), letters);
    assert_eq!(
        shop.redeliver(RETRY_QUEUE).await,
        1,
        "the records of an invocation that fails all stay"
    );
}

#[tokio::test]
async fn a_klaviyo_that_takes_its_time_is_waited_for() {
    let shop = Shop::open(&[]).await;
    let slow = Fault {
        delay: Duration::from_millis(2_300),
        applied: true,
        ..Fault::status(EVENTS, 202, 9)
    };
    shop.stand_in.state().faults.push(slow);
    let answer = shop.send(&track("m1", &json!({}))).await;
    assert_eq!(
        (answer.status, shop.events()),
        (200, 1),
        "a second try may be as slow as Klaviyo is"
    );
}

#[tokio::test]
async fn a_dead_letter_larger_than_sqs_takes_is_rejected_and_does_not_come_back() {
    let shop = Shop::open_with_queues(&[LIST]).await;
    let huge = identify(
        &json!({"email": "li@klaviyo-demo.com", "bio": "x".repeat(300_000)}),
        &json!({}),
    );
    let answer = shop.send(&json!([huge, sarah()])).await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.rejected),
        (200, 1, 1)
    );
    assert_eq!(answer.body.results[0].reason, "profile_too_large");
    assert_eq!(
        (shop.dead_letters().len(), shop.send(&huge).await.status),
        (0, 400)
    );
}

#[tokio::test]
async fn nobody_is_subscribed_while_a_dead_letter_could_make_segment_resend() {
    let shop = Shop::open_with_queues(&[LIST]).await;
    shop.stand_in.state().queues_down = true;
    assert_eq!(shop.send(&json!([nameless(), sarah()])).await.status, 503);
    assert_eq!(shop.stand_in.state().account.consents.len(), 0);
    shop.stand_in.state().queues_down = false;
    assert_eq!(shop.send(&json!([nameless(), sarah()])).await.status, 200);
    assert_eq!(
        shop.stand_in.state().account.consents.len(),
        1,
        "asked once"
    );
    assert_eq!(shop.dead_letters().len(), 1);
}
