//! Each delivery's log line carries the metrics of what happened, and of nothing else.

use std::collections::BTreeMap;

use segment_klaviyo::handler::InvocationContext;
use segment_klaviyo::telemetry::{Metric, NAMESPACE};
use segment_klaviyo_stand_in::Fault;
use serde_json::{Value, json};

use crate::support::{DEAD_LETTERS, Shop, http_event, order, root, track};

/// The metrics of the last delivery, checked against what its `_aws` member declares.
fn metrics(shop: &Shop) -> BTreeMap<String, Value> {
    let line = shop
        .log()
        .into_iter()
        .rfind(|line| line["message"] == "delivery")
        .unwrap();
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], NAMESPACE);
    assert_eq!(directive["Dimensions"], json!([["Environment"]]));
    assert_eq!(line["Environment"], "staging");
    assert!(
        line["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000,
        "milliseconds"
    );
    let declared = directive["Metrics"].as_array().unwrap();
    let declared = declared
        .iter()
        .map(|metric| metric["Name"].as_str().unwrap().to_owned());
    declared
        .map(|name| (name.clone(), line[name.as_str()].clone()))
        .collect()
}

async fn shop(settings: &[(&str, &str)]) -> Shop {
    let shop = Shop::open_with_queues(&[&[("ENVIRONMENT", "staging")], settings].concat()).await;
    shop.send(&track("m-first", &json!({}))).await;
    shop
}

/// The counts of the last delivery, without how long it took.
fn counts(shop: &Shop) -> BTreeMap<String, u64> {
    let mut metrics = metrics(shop);
    metrics.remove("KlaviyoLatency");
    metrics
        .into_iter()
        .map(|(name, value)| (name, value.as_u64().unwrap()))
        .collect()
}

fn expected<const N: usize>(counts: [(Metric, u64); N]) -> BTreeMap<String, u64> {
    counts
        .into_iter()
        .map(|(metric, count)| (format!("{metric:?}"), count))
        .collect()
}

#[tokio::test]
async fn the_first_delivery_of_a_process_is_a_cold_start() {
    let shop = shop(&[]).await;
    use Metric::*;
    assert_eq!(
        counts(&shop),
        expected([
            (MessagesReceived, 1),
            (Delivered, 1),
            (KlaviyoCalls, 1),
            (ColdStart, 1)
        ])
    );
    shop.send(&track("m-2", &json!({}))).await;
    assert_eq!(
        counts(&shop),
        expected([(MessagesReceived, 1), (Delivered, 1), (KlaviyoCalls, 1)])
    );
}

#[tokio::test]
async fn every_call_has_its_latency() {
    let shop = shop(&[]).await;
    shop.send(&order("991", 2)).await;
    assert_eq!(
        metrics(&shop)["KlaviyoLatency"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn messages_are_counted_by_how_they_ended() {
    let shop = shop(&[("HONOR_DELETIONS", "true")]).await;
    let nobody = json!({"type": "delete", "userId": "usr_unknown"});
    let other = json!({"type": "alias", "userId": "usr_1"});
    shop.send(&json!([track("m-2", &json!({})), other, nobody]))
        .await;
    use Metric::*;
    let all = [
        (MessagesReceived, 3),
        (Delivered, 1),
        (Ignored, 1),
        (Rejected, 1),
        (DeletionUnresolved, 1),
        (KlaviyoCalls, 2),
    ];
    assert_eq!(counts(&shop), expected(all));
}

#[tokio::test]
async fn what_waits_is_received_once_and_delivered_once() {
    let shop = shop(&[]).await;
    shop.stand_in.state().accept_then_throttle = Some(0);
    shop.send(&track("m-2", &json!({}))).await;
    use Metric::*;
    let queued = [
        (MessagesReceived, 1),
        (Queued, 1),
        (KlaviyoCalls, 1),
        (KlaviyoThrottled, 1),
    ];
    assert_eq!(counts(&shop), expected(queued));
    shop.stand_in.state().accept_then_throttle = None;
    assert_eq!(shop.redeliver(crate::support::RETRY_QUEUE).await, 0);
    assert_eq!(counts(&shop), expected([(Delivered, 1), (KlaviyoCalls, 1)]));
}

#[tokio::test]
async fn orders_are_counted_in_the_log_line_once_received_and_once_delivered() {
    let shop = shop(&[]).await;
    let orders = |shop: &Shop| {
        let line = shop
            .log()
            .into_iter()
            .rfind(|line| line["message"] == "delivery")
            .unwrap();
        (
            line["orders_received"].clone(),
            line["orders_delivered"].clone(),
        )
    };
    let cancelled =
        json!({"type": "track", "event": "Order Cancelled", "userId": "sarah@klaviyo-demo.com"});
    let mut not_for_klaviyo = order("990", 1);
    not_for_klaviyo["integrations"] = json!({"Klaviyo": false});
    shop.send(&json!([
        order("991", 1),
        order("992", 0),
        not_for_klaviyo,
        cancelled,
        track("m-2", &json!({}))
    ]))
    .await;
    assert_eq!(orders(&shop), (json!(2), json!(2)));
    shop.stand_in.state().accept_then_throttle = Some(0);
    shop.send(&order("993", 0)).await;
    assert_eq!(orders(&shop), (json!(1), json!(0)));
    shop.stand_in.state().accept_then_throttle = None;
    shop.redeliver(crate::support::RETRY_QUEUE).await;
    assert_eq!(orders(&shop), (json!(0), json!(1)));
}

#[tokio::test]
async fn a_rejected_message_that_is_redriven_counts_as_delivered() {
    let shop = shop(&[]).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status("/api/events", 400, 1));
    shop.send(&track("m-2", &json!({}))).await;
    assert_eq!(counts(&shop)["Rejected"], 1);
    assert_eq!(shop.redeliver(DEAD_LETTERS).await, 0);
    assert_eq!(counts(&shop)["Delivered"], 1);
}

#[tokio::test]
async fn a_forged_request_is_counted_and_nothing_of_it() {
    let shop = shop(&[]).await;
    let forged = http_event("{}", &json!({"x-signature": "00"}));
    shop.invoke(&forged, InvocationContext::default())
        .await
        .unwrap();
    assert_eq!(counts(&shop), expected([(Metric::SignatureRejected, 1)]));
}

#[test]
fn the_documentation_names_every_metric() {
    let page = std::fs::read_to_string(root("docs/responses.md")).unwrap();
    let missing: Vec<_> = Metric::ALL
        .iter()
        .filter(|metric| !page.contains(&format!("`{metric:?}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
