//! Metrics: each delivery's log line carries those of what happened, and no others.

use std::collections::BTreeMap;

use segment_klaviyo::telemetry::{Metric, NAMESPACE};
use serde_json::{Value, json};

use crate::support::function::read;
use crate::support::http::forged_event;
use crate::support::messages::{delete, order, track};
use crate::support::paths::EVENTS;
use crate::support::people::SARAH;
use crate::support::settings::Setting;
use crate::support::shop::Shop;

/// Starts a shop that has had its first delivery.
async fn shop(settings: &[Setting<'_>]) -> Shop {
    let shop = Shop::open_with_queues(&[&[("ENVIRONMENT", "staging")], settings].concat()).await;
    shop.send(&track("m-first")).await;
    shop
}

/// Returns the log line of the last delivery.
fn last_delivery(shop: &Shop) -> Value {
    let mut lines = shop.log().into_iter();
    let line = lines.rfind(|line| line["message"] == "delivery");
    line.expect("a delivery writes a line")
}

/// Returns the metrics that the last delivery declares, and checks the declaration.
fn metrics(shop: &Shop) -> BTreeMap<String, Value> {
    let line = last_delivery(shop);
    let declaration = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(declaration["Namespace"], NAMESPACE);
    assert_eq!(declaration["Dimensions"], json!([["Environment"]]));
    assert_eq!(line["Environment"], "staging");
    let timestamp = line["_aws"]["Timestamp"].as_i64().unwrap();
    assert!(timestamp > 1_700_000_000_000, "{timestamp} is milliseconds");
    let mut metrics = BTreeMap::new();
    for metric in declaration["Metrics"].as_array().unwrap() {
        let name = metric["Name"].as_str().unwrap();
        metrics.insert(name.to_owned(), line[name].clone());
    }
    metrics
}

/// Returns the counts of the last delivery. The latency is a time.
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
    use Metric::{ColdStart, Delivered, KlaviyoCalls, MessagesReceived};
    let shop = shop(&[]).await;
    let first = [
        (MessagesReceived, 1),
        (Delivered, 1),
        (KlaviyoCalls, 1),
        (ColdStart, 1),
    ];
    assert_eq!(counts(&shop), expected(first));
    shop.send(&track("m-2")).await;
    let second = [(MessagesReceived, 1), (Delivered, 1), (KlaviyoCalls, 1)];
    assert_eq!(counts(&shop), expected(second));
}

#[tokio::test]
async fn every_request_has_its_latency() {
    let shop = shop(&[]).await;
    shop.send(&order("991", 2)).await;
    let latencies = &metrics(&shop)["KlaviyoLatency"];
    assert_eq!(latencies.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn messages_are_counted_by_outcome() {
    use Metric::{
        DeletionUnresolved, Delivered, Ignored, KlaviyoCalls, MessagesReceived, Rejected,
    };
    let shop = shop(&[("HONOR_DELETIONS", "true")]).await;
    let alias = json!({"type": "alias", "userId": "usr_1"});
    shop.send(&json!([track("m-2"), alias, delete("usr_unknown")]))
        .await;
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
async fn a_queued_message_is_received_once_and_delivered_once() {
    use Metric::{ColdStart, Delivered, KlaviyoCalls, KlaviyoThrottled, MessagesReceived, Queued};
    let shop = shop(&[]).await;
    shop.klaviyo().throttle_after(0);
    shop.send(&track("m-2")).await;
    let queued = [
        (MessagesReceived, 1),
        (Queued, 1),
        (KlaviyoCalls, 1),
        (KlaviyoThrottled, 1),
    ];
    assert_eq!(counts(&shop), expected(queued));
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    let delivered = [(ColdStart, 1), (Delivered, 1), (KlaviyoCalls, 1)];
    assert_eq!(counts(&shop), expected(delivered), "by another instance");
}

/// Returns the orders that the last delivery received and delivered.
fn orders(shop: &Shop) -> [u64; 2] {
    let line = last_delivery(shop);
    ["orders_received", "orders_delivered"].map(|name| line[name].as_u64().unwrap())
}

#[tokio::test]
async fn orders_are_counted_once_received_and_once_delivered() {
    let shop = shop(&[]).await;
    let cancelled = json!({"type": "track", "event": "Order Cancelled", "userId": SARAH});
    let mut not_for_klaviyo = order("990", 1);
    not_for_klaviyo["integrations"] = json!({"Klaviyo": false});
    let batch = json!([
        order("991", 1),
        order("992", 0),
        not_for_klaviyo,
        cancelled,
        track("m-2"),
    ]);
    shop.send(&batch).await;
    assert_eq!(orders(&shop), [2, 2]);
    shop.klaviyo().throttle_after(0);
    shop.send(&order("993", 0)).await;
    assert_eq!(orders(&shop), [1, 0]);
    shop.klaviyo().recover();
    shop.redeliver().await;
    assert_eq!(orders(&shop), [0, 1]);
}

#[tokio::test]
async fn the_longest_wait_is_that_of_what_still_waits() {
    let shop = shop(&[]).await;
    shop.klaviyo().throttle_after(0);
    for id in ["m-2", "m-3"] {
        shop.send(&track(id)).await;
        assert_eq!(counts(&shop).get("LongestWait"), None);
        shop.let_hours_pass(1);
    }
    shop.redeliver().await;
    let wait = counts(&shop)["LongestWait"];
    assert!((7_200..7_260).contains(&wait), "{wait}");
    shop.klaviyo().recover();
    shop.redeliver().await;
    assert_eq!(counts(&shop).get("LongestWait"), None);
}

#[tokio::test]
async fn a_redriven_message_counts_as_delivered() {
    let shop = shop(&[]).await;
    shop.klaviyo().fail(EVENTS, 400).once();
    shop.send(&track("m-2")).await;
    assert_eq!(counts(&shop)["Rejected"], 1);
    assert_eq!(shop.redrive_dead_letters().await, 0);
    assert_eq!(counts(&shop)["Delivered"], 1);
}

#[tokio::test]
async fn a_forged_request_is_counted_without_its_messages() {
    let shop = shop(&[]).await;
    shop.handle(&forged_event("{}")).await;
    assert_eq!(counts(&shop), expected([(Metric::SignatureRejected, 1)]));
}

#[test]
fn the_documentation_names_every_metric() {
    let page = read("docs/responses.md");
    for metric in Metric::ALL {
        assert!(page.contains(&format!("`{metric:?}`")), "{metric:?}");
    }
}
