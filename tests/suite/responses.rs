//! Answers to Segment: one status for a delivery, and one result for each message that was not
//! simply delivered.

use segment_klaviyo::handler::InvocationContext;
use serde_json::{Value, json};

use crate::support::answers::{counts, reasons};
use crate::support::messages::{nameless, track};
use crate::support::shop::Shop;

#[tokio::test]
async fn every_message_of_a_batch_has_its_own_result() {
    let shop = Shop::open(&[]).await;
    let batch = json!([
        track("m1"),
        5,
        {"type": "page"},
        null,
        {"type": "track", "event": ""},
        track("m2"),
    ]);
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.body.received), (200, 6));
    assert_eq!(counts(&answer), [2, 2, 2]);
    assert_eq!(
        reasons(&answer),
        [
            (1, "not_a_message"),
            (2, "unsupported_type"),
            (3, "not_a_message"),
            (4, "no_email"),
        ]
    );
    let outcomes: Vec<_> = answer
        .body
        .results
        .iter()
        .map(|entry| entry.outcome)
        .collect();
    assert_eq!(outcomes, ["rejected", "ignored", "rejected", "ignored"]);
    assert_eq!(answer.body.message, "2 delivered, 2 ignored, 2 rejected");
}

#[tokio::test]
async fn a_body_without_messages_gets_an_answer_that_says_why() {
    const NOT_JSON: &str = "the body is not JSON";
    const NOT_A_MESSAGE: &str = "the body is JSON but not a Segment message";
    let shop = Shop::open(&[]).await;
    for (body, status, message) in [
        ("[]", 200, "no messages"),
        ("{\"type\": ", 400, NOT_JSON),
        ("[{\"type\": \"track\"}, ", 400, NOT_JSON),
        ("\"hello\"", 400, NOT_A_MESSAGE),
        ("{} {}", 400, NOT_JSON),
        ("5", 400, NOT_A_MESSAGE),
        ("null", 400, NOT_A_MESSAGE),
        ("", 400, NOT_JSON),
    ] {
        let answer = shop.send_raw(body).await;
        assert_eq!(answer.status, status, "{body}");
        let found = &answer.body.message;
        assert!(found.starts_with(message), "{body}: {found}");
    }
}

#[tokio::test]
async fn a_delivery_has_at_most_4_000_elements() {
    let shop = Shop::open(&[]).await;
    for (elements, status, message) in [
        (4_000, 400, "4000 rejected"),
        (
            4_001,
            400,
            "the body holds 4001 messages: send at most 4000 in one request",
        ),
        (
            500_000,
            400,
            "the body holds 500000 messages: send at most 4000 in one request",
        ),
    ] {
        let body = format!("[{}]", vec!["0"; elements].join(","));
        let answer = shop.send_raw(&body).await;
        assert_eq!(
            (answer.status, answer.body.message.as_str()),
            (status, message)
        );
    }
    let seen = json!({"type": "track", "event": "Seen"});
    let answer = shop.send_all(vec![seen; 4_000]).await;
    assert_eq!((answer.status, answer.body.ignored), (200, 4_000));
}

#[tokio::test]
async fn an_unsupported_event_fails_the_invocation() {
    let shop = Shop::open(&[]).await;
    let event = json!({"source": "aws.events"});
    let error = shop.invoke(&event, InvocationContext::default()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("unsupported event: expected"), "{error}");
}

#[tokio::test]
async fn a_delivery_is_400_only_if_every_message_is_rejected() {
    let shop = Shop::open(&[]).await;
    let answer = shop.send(&nameless()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.body.message,
        "rejected: event must be a name of 1 to 127 characters"
    );
    let answer = shop.send(&json!([nameless(), nameless()])).await;
    assert_eq!((answer.status, answer.body.rejected), (400, 2));
    let answer = shop.send(&json!([nameless(), {"type": "page"}])).await;
    assert_eq!((answer.status, answer.body.rejected), (200, 1));
}

#[tokio::test]
async fn an_answer_has_the_fields_of_the_contract() {
    let shop = Shop::open(&[]).await;
    let batch: Value = (0..150)
        .map(|n| json!({"type": "page", "messageId": format!("m{n}")}))
        .collect();
    let response = shop.send(&batch).await.to_gateway_response();
    let response: Value = serde_json::to_value(&response).unwrap();
    assert_eq!(response["statusCode"], 200);
    assert_eq!(response["headers"]["content-type"], "application/json");

    let mut body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    let results = body["results"].take();
    let expected = json!({
        "received": 150,
        "delivered": 0,
        "ignored": 150,
        "rejected": 0,
        "queued": 0,
        "message": "150 ignored",
        "results": null,
    });
    assert_eq!(body, expected);

    assert_eq!(
        results.as_array().unwrap().len(),
        100,
        "at most 100 are listed"
    );
    let first = json!({
        "index": 0,
        "message_id": "m0",
        "outcome": "ignored",
        "reason": "unsupported_type",
        "detail": "this type of message is not sent \
            (SEND_PAGES, SEND_SCREENS, GROUP_LISTS, HONOR_DELETIONS)",
    });
    assert_eq!(results[0], first);
}
