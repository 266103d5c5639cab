//! What Klaviyo holds after a delivery, what Segment is told, and what the log says.

use std::time::Duration;

use segment_klaviyo::handler::{InvocationContext, Reply};
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo_stand_in::{Fault, Symptom};
use serde_json::{Value, json};

use crate::support::{Shop, http_event, identify, order, signed, track};

const EVENTS: &str = "/api/events";
const IMPORT: &str = "/api/profile-import";
const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

/// A budget long enough for tests that do not wait it out.
const FAST: &[(&str, &str)] = &[("DELIVERY_BUDGET_MS", "3000")];
/// A budget that is soon over.
const SHORT: &[(&str, &str)] = &[("DELIVERY_BUDGET_MS", "1500")];

fn throttled(path: &'static str, retry_after: u64, times: usize) -> Fault {
    let mut fault = Fault::status(path, 429, times);
    if let Symptom::Answer {
        retry_after: header,
        ..
    } = &mut fault.symptom
    {
        *header = Some(retry_after);
    }
    fault
}

#[tokio::test]
async fn an_order_delivered_twice_is_there_once() {
    let shop = Shop::open(&[]).await;
    for _ in 0..2 {
        let answer = shop.send(&order("R1", 3)).await;
        assert_eq!((answer.status, answer.body.delivered), (200, 1));
    }
    let held = shop.stand_in.state();
    let mut ids: Vec<_> = held
        .account
        .events
        .iter()
        .map(|e| (e.metric.as_str(), e.unique_id.as_str()))
        .collect();
    ids.sort_unstable();
    let lines = [
        ("Ordered Product", "R1_p0"),
        ("Ordered Product", "R1_p1"),
        ("Ordered Product", "R1_p2"),
    ];
    assert_eq!(
        ids,
        [&[("Order Completed", "R1")], lines.as_slice()].concat()
    );
    assert_eq!(
        held.account
            .events
            .iter()
            .filter(|e| e.value == 59.97)
            .count(),
        4,
        "3 × 19.99 is 59.97"
    );
    assert_eq!(held.requests.len(), 8);
}

#[tokio::test]
async fn identify_updates_the_profile_before_it_subscribes() {
    let shop = Shop::open(&[("LIST_ID", "Y6nRLr")]).await;
    let answer = shop
        .send(&identify(
            &json!({"email": "sarah@klaviyo-demo.com", "plan": "gold"}),
            &json!({}),
        ))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(shop.paths(), [IMPORT, SUBSCRIBE]);
    let held = shop.stand_in.state();
    assert_eq!(
        held.account.profiles[0]["properties"],
        json!({"plan": "gold"})
    );
    assert_eq!(held.account.consents.len(), 1);
    assert_eq!(
        held.account.consents[0].consented_at, None,
        "Klaviyo asks for confirmation"
    );
}

#[tokio::test]
async fn identifies_of_one_profile_keep_their_order() {
    let shop = Shop::open(&[]).await;
    let batch: Vec<_> = (0..10)
        .map(|n| {
            identify(
                &json!({"email": "sarah@klaviyo-demo.com", "n": n}),
                &json!({}),
            )
        })
        .collect();
    assert_eq!(shop.send(&batch.into()).await.status, 200);
    assert_eq!(
        shop.stand_in.state().account.profiles[0]["properties"]["n"],
        9
    );
}

#[tokio::test]
async fn a_batch_ends_message_by_message() {
    let shop = Shop::open(&[]).await;
    let batch = json!([track("m1", &json!({})), 5, {"type": "page"}, null, {"type": "track", "event": ""}, track("m2", &json!({}))]);
    let answer = shop.send(&batch).await;
    let report = &answer.body;
    assert_eq!(
        (
            answer.status,
            report.received,
            report.delivered,
            report.ignored,
            report.rejected
        ),
        (200, 6, 2, 2, 2)
    );
    let results: Vec<_> = report
        .results
        .iter()
        .map(|item| (item.index, item.outcome, item.reason))
        .collect();
    assert_eq!(
        results,
        [
            (1, "rejected", "not_a_message"),
            (2, "ignored", "unsupported_type"),
            (3, "rejected", "not_a_message"),
            (4, "ignored", "no_email"),
        ]
    );
    assert_eq!(report.message, "2 delivered, 2 ignored, 2 rejected");
}

#[tokio::test]
async fn a_body_without_messages_is_told_what_is_wrong() {
    let shop = Shop::open(&[]).await;
    for (body, status, message) in [
        ("[]", 200, "no messages"),
        ("{\"type\": ", 400, "the body is not JSON"),
        ("[{\"type\": \"track\"}, ", 400, "the body is not JSON"),
        (
            "\"hello\"",
            400,
            "the body is JSON but not a Segment message",
        ),
        ("{} {}", 400, "the body is not JSON"),
        ("5", 400, "the body is JSON but not a Segment message"),
        ("null", 400, "the body is JSON but not a Segment message"),
        ("", 400, "the body is not JSON"),
    ] {
        let answer = shop.send_raw(body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(
            answer.body.message.starts_with(message),
            "{body}: {}",
            answer.body.message
        );
    }
}

#[tokio::test]
async fn an_event_that_is_no_request_is_an_error_of_the_invocation() {
    let shop = Shop::open(&[]).await;
    let error = shop
        .invoke(
            &json!({"source": "aws.events"}),
            InvocationContext::default(),
        )
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("unsupported event: expected"),
        "{error}"
    );
}

#[tokio::test]
async fn the_only_message_that_can_never_succeed_is_400() {
    let shop = Shop::open(&[]).await;
    let nameless = json!({"type": "track", "event": "", "userId": "s@klaviyo-demo.com"});
    let answer = shop.send(&nameless).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.body.message,
        "rejected: event must be a name of 1 to 127 characters"
    );
    let answer = shop.send(&json!([nameless, nameless])).await;
    assert_eq!((answer.status, answer.body.rejected), (400, 2));
    let answer = shop.send(&json!([nameless, {"type": "page"}])).await;
    assert_eq!((answer.status, answer.body.rejected), (200, 1));
}

#[tokio::test]
async fn what_klaviyo_refuses_is_rejected_and_costs_no_neighbour() {
    let shop = Shop::open(FAST).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status(EVENTS, 400, 1));
    let answer = shop
        .send(&json!([track("m1", &json!({})), track("m2", &json!({}))]))
        .await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.rejected),
        (200, 1, 1)
    );
    assert_eq!(answer.body.results[0].reason, "refused_by_klaviyo");
    assert_eq!(
        answer.body.results[0].detail,
        "Klaviyo answered 400: fault at /data"
    );
    assert_eq!(shop.paths().len(), 2, "a refusal is not repeated");
}

#[tokio::test]
async fn passing_faults_are_overcome_within_the_delivery() {
    for fault in [
        Fault::status(EVENTS, 500, 2),
        Fault::status(EVENTS, 503, 2),
        throttled(EVENTS, 1, 1),
        Fault {
            symptom: Symptom::Drop,
            ..Fault::status(EVENTS, 0, 2)
        },
        Fault {
            applied: true,
            ..Fault::status(EVENTS, 502, 1)
        },
    ] {
        let shop = Shop::open(FAST).await;
        shop.stand_in.state().faults.push(fault.clone());
        let answer = shop.send(&track("m1", &json!({}))).await;
        assert_eq!(
            (answer.status, answer.body.delivered),
            (200, 1),
            "{fault:?}"
        );
        assert_eq!(shop.stand_in.state().account.events.len(), 1, "{fault:?}");
        assert_eq!(shop.paths().len(), fault.times + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_klaviyo_cannot_take_now_goes_back_to_segment() {
    let hang = Fault {
        delay: Duration::from_secs(60),
        ..Fault::status(EVENTS, 200, 9)
    };
    let drop = Fault {
        symptom: Symptom::Drop,
        ..Fault::status(EVENTS, 0, 999)
    };
    for (fault, status, reason, retry_after) in [
        (throttled(EVENTS, 120, 9), 429, "throttled", 120),
        (
            Fault::status(EVENTS, 503, 999),
            503,
            "klaviyo_unavailable",
            5,
        ),
        (drop, 503, "klaviyo_unreachable", 5),
        (hang, 503, "out_of_time", 5),
    ] {
        let shop = Shop::open(SHORT).await;
        shop.stand_in.state().faults.push(fault.clone());
        let started = std::time::Instant::now();
        let answer = shop.send(&track("m1", &json!({}))).await;
        assert_eq!(
            (answer.status, answer.body.results[0].reason),
            (status, reason),
            "{fault:?}"
        );
        assert_eq!(answer.retry_after, Some(retry_after), "{fault:?}");
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the budget holds"
        );
    }
}

#[tokio::test]
async fn subscriptions_wait_until_nothing_can_make_segment_resend() {
    let shop = Shop::open(&[SHORT[0], ("LIST_ID", "Y6nRLr")]).await;
    shop.stand_in.state().faults.push(throttled(EVENTS, 120, 1));
    let batch = json!([
        identify(&json!({"email": "s@klaviyo-demo.com"}), &json!({})),
        track("m1", &json!({}))
    ]);
    let answer = shop.send(&batch).await;
    let reasons: Vec<_> = answer.body.results.iter().map(|item| item.reason).collect();
    assert_eq!(
        (answer.status, reasons),
        (429, vec!["held_back", "throttled"])
    );
    assert!(!shop.paths().contains(&SUBSCRIBE.to_owned()));

    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(
        shop.stand_in.state().account.consents.len(),
        1,
        "asked for confirmation once"
    );
}

#[tokio::test]
async fn a_profile_that_klaviyo_refuses_is_not_subscribed() {
    let shop = Shop::open(&[("LIST_ID", "Y6nRLr")]).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status(IMPORT, 400, 1));
    let answer = shop
        .send(&identify(
            &json!({"email": "s@klaviyo-demo.com"}),
            &json!({}),
        ))
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(shop.paths(), [IMPORT]);
}

#[tokio::test]
async fn a_phone_that_belongs_to_somebody_else_costs_only_the_phone() {
    let shop = Shop::open(&[]).await;
    let send = async |traits: Value| shop.send(&identify(&traits, &json!({}))).await.status;
    assert_eq!(
        send(json!({"email": "first@klaviyo-demo.com", "phone": "+15005550006"})).await,
        200
    );
    assert_eq!(send(json!({"email": "second@klaviyo-demo.com"})).await, 200);
    assert_eq!(
        send(json!({"email": "second@klaviyo-demo.com", "phone": "+15005550006", "plan": "gold"}))
            .await,
        200
    );
    let held = shop.stand_in.state();
    let statuses: Vec<_> = held.requests.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [201, 201, 409, 200]);
    assert_eq!(held.account.profiles[0]["phone_number"], "+15005550006");
    assert_eq!(held.account.profiles[1].get("phone_number"), None);
    assert_eq!(
        held.account.profiles[1]["properties"],
        json!({"plan": "gold"})
    );
}

#[tokio::test]
async fn a_phone_that_klaviyo_refuses_costs_only_the_phone() {
    let shop = Shop::open(&[]).await;
    let mut fault = Fault::status(IMPORT, 400, 1);
    let pointer = json!({"pointer": "/data/attributes/phone_number"});
    if let Symptom::Answer { body, .. } = &mut fault.symptom {
        body["errors"][0]["source"] = pointer;
    }
    shop.stand_in.state().faults.push(fault);
    let traits = json!({"email": "s@klaviyo-demo.com", "phone": "+15005550006", "plan": "gold"});
    assert_eq!(shop.send(&identify(&traits, &json!({}))).await.status, 200);
    let held = shop.stand_in.state();
    assert_eq!(held.account.profiles[0].get("phone_number"), None);
    assert_eq!(
        held.account.profiles[0]["properties"],
        json!({"plan": "gold"})
    );
}

#[tokio::test]
async fn lambda_s_own_deadline_ends_a_delivery_too() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "20000")]).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status(EVENTS, 503, 999));
    let event = signed(&track("m1", &json!({})));
    let started = std::time::Instant::now();
    let time_left = Some(Duration::from_millis(900));
    let reply = shop
        .invoke(
            &event,
            InvocationContext {
                time_left,
                ..InvocationContext::default()
            },
        )
        .await
        .unwrap();
    assert!(
        matches!(reply, Reply::Webhook(WebhookResponse { status: 503, .. })),
        "{reply:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn with_enforced_email_no_other_id_ever_leaves() {
    let shop = Shop::open(&[("LIST_ID", "Y6nRLr"), ("FALLBACK_ON_ANONYMOUS_ID", "true")]).await;
    let with_ids = |mut message: Value| {
        message["userId"] = json!("secret-user-id");
        message["anonymousId"] = json!("secret-anonymous-id");
        message
    };
    let batch = json!([
        with_ids(track("m1", &json!({}))),
        with_ids(order("R1", 2)),
        with_ids(identify(
            &json!({"email": "s@klaviyo-demo.com"}),
            &json!({})
        )),
    ]);
    assert_eq!(shop.send(&batch).await.body.delivered, 3);
    for call in &shop.stand_in.state().requests {
        let body = call.body.to_string();
        assert!(
            !body.contains("external_id")
                && !body.contains("anonymous")
                && !body.contains("secret-"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_message_without_an_email_leaves_nothing() {
    let shop = Shop::open(&[]).await;
    let answer = shop
        .send(&json!({"type": "track", "event": "Seen", "userId": "usr_1", "anonymousId": "a"}))
        .await;
    assert_eq!(
        (answer.status, answer.body.results[0].reason),
        (200, "no_email")
    );
    assert_eq!(shop.paths(), [""; 0]);
}

#[tokio::test]
async fn an_answer_has_the_fields_of_the_contract() {
    let shop = Shop::open(&[]).await;
    let batch: Vec<_> = (0..150)
        .map(|n| json!({"type": "page", "messageId": format!("m{n}")}))
        .collect();
    let response = shop.send(&batch.into()).await.to_gateway_response();
    let response: Value = serde_json::to_value(&response).unwrap();
    assert_eq!(response["statusCode"], 200);
    assert_eq!(response["headers"]["content-type"], "application/json");
    let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body["results"].as_array().unwrap().len(),
        100,
        "at most 100 are listed"
    );
    assert_eq!(
        body["results"][0],
        json!({"index": 0, "message_id": "m0", "outcome": "ignored", "reason": "unsupported_type",
            "detail": "this type of message is not sent (SEND_PAGES, SEND_SCREENS, GROUP_LISTS, HONOR_DELETIONS)"})
    );
    let counts = json!({"received": 150, "delivered": 0, "ignored": 150, "rejected": 0, "queued": 0, "message": "150 ignored"});
    for (name, value) in counts.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name}");
    }
}

#[tokio::test]
async fn the_log_has_counts_and_nobody_s_data() {
    let shop = Shop::open(&[FAST[0], ("LIST_ID", "Y6nRLr")]).await;
    shop.stand_in.state().faults.push(throttled(EVENTS, 0, 1));
    let mut talkative = Fault::status(EVENTS, 400, 1);
    if let Symptom::Answer { body, .. } = &mut talkative.symptom {
        body["errors"][0]["detail"] = json!("sarah@klaviyo-demo.com is no good");
        body["errors"][0]["source"]["pointer"] =
            json!("/data/attributes/properties/sarah@klaviyo-demo.com");
    }
    shop.stand_in.state().faults.push(talkative);
    let traits =
        json!({"email": "sarah@klaviyo-demo.com", "phone": "+15005550006", "firstName": "Zaphod"});
    shop.send(&json!([identify(&traits, &json!({})), track("m1", &json!({"secret": "Zaphod"})), {"type": "page"}]))
        .await;
    shop.handle(&http_event(
        "{\"email\": \"sarah@klaviyo-demo.com\"}",
        &json!({"x-signature": "00"}),
    ))
    .await;
    shop.send_raw("{\"email\": \"sarah@klaviyo-demo.com\"")
        .await;

    let log = shop.log();
    let deliveries: Vec<_> = log
        .iter()
        .filter(|line| line["message"] == "delivery")
        .collect();
    assert_eq!(deliveries.len(), 3, "one line a delivery");
    let first = deliveries[0];
    let counts = [
        "status",
        "received",
        "delivered",
        "ignored",
        "rejected",
        "retry",
        "klaviyo_requests",
        "klaviyo_throttled",
    ];
    assert_eq!(
        counts.map(|name| first[name].as_u64().unwrap()),
        [200, 3, 1, 1, 1, 0, 4, 1]
    );
    assert_eq!(
        first["reasons"],
        json!({"refused_by_klaviyo": 1, "unsupported_type": 1})
    );
    assert_eq!(
        (&first["cold_start"], &deliveries[1]["cold_start"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&deliveries[1]["status"], &deliveries[1]["reasons"]),
        (&json!(401), &json!({"unverified": 1}))
    );

    let text = serde_json::to_string(&log).unwrap().to_lowercase();
    for private in [
        "sarah",
        "klaviyo-demo",
        "5005550006",
        "zaphod",
        "pk_",
        "local-shared-secret",
    ] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    let rejected = log
        .iter()
        .find(|line| line["message"] == "message rejected")
        .unwrap();
    assert_eq!(
        (&rejected["message_id"], &rejected["reason"]),
        (&json!("m1"), &json!("refused_by_klaviyo"))
    );
}
