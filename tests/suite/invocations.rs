//! Messages that Segment invokes the function with, past API Gateway: IAM vouches for them.

use segment_klaviyo::handler::{InvocationContext, Reply};
use serde_json::{Value, json};

use crate::support::answers::{counts, reasons};
use crate::support::http::http_event;
use crate::support::messages::{nameless, track};
use crate::support::paths::EVENTS;
use crate::support::shop::Shop;

/// Invokes the function with an event. Returns the reply as Segment sees it.
async fn invoke(shop: &Shop, event: &Value) -> Result<Value, String> {
    match shop.invoke(event, InvocationContext::default()).await {
        Ok(reply) => Ok(serde_json::to_value(&reply).unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

fn partner_event(detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": "8b1e2a34-0000-4000-8000-000000000001",
        "detail-type": "Segment Event",
        "source": "aws.partner/segment.com/shop",
        "detail": detail,
    })
}

#[tokio::test]
async fn a_message_is_delivered_and_answered_by_its_results() {
    let shop = Shop::open(&[]).await;
    for (event, unique_id) in [
        (track("m1"), "m1"),
        (partner_event(&track("m2")), "m2"),
        (partner_event(&json!([track("m3")])), "m3"),
    ] {
        let reply = invoke(&shop, &event).await.unwrap();
        assert_eq!(
            (&reply["received"], &reply["delivered"]),
            (&json!(1), &json!(1)),
            "{event}"
        );
        assert!(reply.get("statusCode").is_none(), "{reply}");
        let events = shop.klaviyo().events();
        assert_eq!(events.last().unwrap().unique_id, unique_id);
    }
    let statuses: Vec<_> = shop
        .log()
        .iter()
        .map(|line| line["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 200, 200]);
}

#[tokio::test]
async fn a_message_that_can_never_succeed_is_answered_and_not_resent() {
    let shop = Shop::open(&[]).await;
    for event in [nameless(), partner_event(&nameless())] {
        let reply = shop.invoke(&event, InvocationContext::default()).await;
        let Ok(Reply::Message(answer)) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(counts(&answer), [0, 0, 1]);
        assert_eq!(reasons(&answer).len(), 1);
    }
}

#[tokio::test]
async fn an_invocation_fails_when_segment_should_send_the_message_again() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "500")]).await;
    shop.klaviyo().fail(EVENTS, 503).always();
    for event in [track("m1"), partner_event(&track("m1"))] {
        let error = invoke(&shop, &event).await.unwrap_err();
        assert!(
            error.starts_with("send the message again: retry: "),
            "{error}"
        );
    }
    assert_eq!(shop.log().last().unwrap()["status"], 503);
}

#[tokio::test]
async fn with_a_retry_queue_the_message_waits_there() {
    let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "500")]).await;
    shop.klaviyo().fail(EVENTS, 503).always();
    let reply = invoke(&shop, &track("m1")).await.unwrap();
    assert_eq!(reply["queued"], 1);
    assert_eq!(shop.retry_queue().len(), 1);
}

#[tokio::test]
async fn a_message_in_the_body_of_a_request_still_needs_its_signature() {
    let shop = Shop::open(&[]).await;
    let mut event = http_event(&track("m1").to_string(), &json!({}));
    event["type"] = json!("track");
    event["messageId"] = json!("m1");
    event["source"] = json!("aws.partner/segment.com/shop");
    event["detail"] = track("m1");
    assert_eq!(shop.handle(&event).await.status, 401);
    assert_eq!(shop.klaviyo().paths(), [""; 0]);
}
