//! Deliveries that mean more than the function has memory for are sent slice by slice. The memory
//! itself is measured by `crates/bench/tests/memory_ceiling.rs`.

use serde_json::{Value, json};

use crate::support::answers::{counts, reasons};
use crate::support::messages::{identify, track};
use crate::support::paths::{EVENT_JOBS, IMPORT, SUBSCRIBE};
use crate::support::people::{LI, SARAH};
use crate::support::settings::SUBSCRIBE_ALL;
use crate::support::shop::Shop;

/// An order of so many lines, each of which repeats a note of 19 KB, means 4 MB of events. Four such
/// orders fill a slice.
const LINES: usize = 200;
const ORDERS: usize = 6;

/// However slow the machine is.
const PATIENT: (&str, &str) = ("DELIVERY_BUDGET_MS", "60000");

fn heavy_order(order_id: &str) -> Value {
    json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("m-{order_id}"),
        "context": {"traits": {"email": SARAH}},
        "properties": {
            "order_id": order_id,
            "note": "x".repeat(19_900),
            "products": vec![json!({}); LINES],
        },
    })
}

/// Returns orders for two slices, then messages that have nothing to do with them.
fn orders_and_neighbors() -> Vec<Value> {
    let mut messages = Vec::new();
    for number in 0..ORDERS {
        messages.push(heavy_order(&format!("o{number}")));
    }
    messages.push(track("m-neighbor"));
    messages.push(identify(LI, json!({})));
    messages
}

/// Returns the ids of all events of [`orders_and_neighbors`].
fn expected_ids() -> Vec<String> {
    let mut ids = vec!["m-neighbor".to_owned()];
    for number in 0..ORDERS {
        ids.push(format!("o{number}"));
        for line in 0..LINES {
            ids.push(format!("o{number}_{line}"));
        }
    }
    ids.sort();
    ids
}

fn recorded_ids(shop: &Shop) -> Vec<String> {
    let mut ids = shop.klaviyo().event_ids();
    ids.sort();
    ids
}

#[tokio::test]
async fn slices_change_neither_the_events_nor_the_order_of_profiles_events_and_subscriptions() {
    let shop = Shop::open(&[SUBSCRIBE_ALL, PATIENT]).await;
    let answer = shop.send_all(orders_and_neighbors()).await;
    assert_eq!((answer.status, counts(&answer)), (200, [ORDERS + 2, 0, 0]));
    assert!(recorded_ids(&shop) == expected_ids(), "each event once");
    let paths = shop.klaviyo().paths();
    let last = paths.len() - 1;
    assert_eq!(
        (paths[0].as_str(), paths[last].as_str()),
        (IMPORT, SUBSCRIBE)
    );
}

#[tokio::test]
async fn orders_without_time_go_into_the_queue_unplanned_and_are_delivered_later() {
    let settings = [SUBSCRIBE_ALL, ("DELIVERY_BUDGET_MS", "6000")];
    let shop = Shop::open_with_queues(&settings).await;
    shop.klaviyo().hang(EVENT_JOBS).always();
    let answer = shop.send_all(orders_and_neighbors()).await;
    let reasons = reasons(&answer);
    assert_eq!((answer.status, answer.retry), (200, 0), "{reasons:?}");
    for (number, reason) in reasons.iter().enumerate().take(ORDERS) {
        assert_eq!(*reason, (number, "out_of_time"));
    }
    let unplanned = |entry: &&Value| entry["to_do"] == json!([]);
    assert_eq!(shop.retry_queue().iter().filter(unplanned).count(), 3);

    shop.klaviyo().recover();
    let shop = shop.reopen_with_queues(&[SUBSCRIBE_ALL, PATIENT]).await;
    assert_eq!(shop.redeliver().await, 0);
    assert!(recorded_ids(&shop) == expected_ids(), "each event once");
}
