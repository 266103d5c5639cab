//! Unique ids of events. A resend repeats them, so that Klaviyo keeps each event once.

use serde_json::{Value, json};

use super::outcome::{events, with};
use crate::support::messages::{order, track, track_with};
use crate::support::people::SARAH;

/// Returns the unique id of each event that a message becomes.
fn unique_ids(message: &Value) -> Vec<String> {
    events(&[], message)
        .iter()
        .map(|event| event["unique_id"].as_str().unwrap().to_owned())
        .collect()
}

fn unique_id(message: &Value) -> String {
    unique_ids(message).remove(0)
}

#[test]
fn the_message_id_is_the_unique_id_up_to_255_characters() {
    assert_eq!(unique_id(&track("m-1")), "m-1");
    assert_eq!(unique_id(&track(&"x".repeat(255))), "x".repeat(255));
    let hashed = unique_id(&track(&"x".repeat(256)));
    assert_eq!(hashed.len(), 64);
    assert_ne!(hashed, unique_id(&track(&"x".repeat(257))));
}

#[test]
fn without_a_message_id_the_content_is_the_unique_id() {
    let priced = |price: i64| {
        let message = track_with("", json!({"price": price}));
        with(message, json!({"messageId": null}))
    };
    assert_eq!(
        unique_id(&priced(1)),
        unique_id(&priced(1)),
        "a resend is the same event"
    );
    assert_ne!(unique_id(&priced(1)), unique_id(&priced(2)));
}

/// Returns the unique ids of an order event with these properties, joined by spaces.
fn order_ids(event: &str, properties: Value) -> String {
    let properties = with(properties, json!({"email": SARAH}));
    let changes = json!({"event": event, "messageId": "m-1", "properties": properties});
    unique_ids(&with(order("x", 0), changes)).join(" ")
}

#[test]
fn an_order_is_identified_by_its_first_id() {
    for (properties, expected) in [
        (json!({"order_id": "991"}), "991"),
        (json!({"orderId": 991}), "991"),
        (json!({"event_id": "e1"}), "e1"),
        (json!({"eventId": "e1"}), "e1"),
        (json!({"order_id": "", "orderId": "991"}), "991"),
        (json!({}), "m-1"),
    ] {
        assert_eq!(
            order_ids("Order Completed", properties.clone()),
            expected,
            "{properties}"
        );
    }
}

#[test]
fn lines_of_an_order_never_share_an_id() {
    for (products, expected) in [
        (
            json!([{"product_id": "a"}, {"productId": "b"}, {"id": 3}, {"sku": "d"}, {}]),
            "1 1_a 1_b 1_3 1_d 1_4",
        ),
        (
            json!([{"sku": "a"}, {"sku": "a"}, {"sku": "a"}]),
            "1 1_a 1_a_1 1_a_2",
        ),
        (
            json!([{"id": "1"}, {}, {"id": "1_1"}]),
            "1 1_1 1_1_1 1_1_1_2",
        ),
    ] {
        let properties = json!({"order_id": 1, "products": products});
        assert_eq!(
            order_ids("Order Completed", properties),
            expected,
            "{products}"
        );
    }
}

#[test]
fn refunds_and_cancellations_of_one_order_have_their_own_ids() {
    for (event, properties, expected) in [
        ("Order Refunded", json!({"order_id": 1}), "1"),
        (
            "Order Refunded",
            json!({"order_id": 1, "refund_id": 7}),
            "1_7",
        ),
        (
            "Order Cancelled",
            json!({"orderId": "1", "products": [{"id": 1}]}),
            "1_m-1",
        ),
        ("Product Viewed", json!({"order_id": 1}), "m-1"),
    ] {
        assert_eq!(
            order_ids(event, properties.clone()),
            expected,
            "{event} {properties}"
        );
    }
}

#[test]
fn ids_of_lines_that_are_too_long_are_hashed() {
    let properties = json!({
        "order_id": "o".repeat(250),
        "products": [{"id": "abcdef"}, {"id": "abcdeg"}],
    });
    let ids = order_ids("Order Completed", properties);
    let lengths: Vec<_> = ids.split(' ').map(str::len).collect();
    assert_eq!(lengths, [250, 64, 64]);
}

#[test]
fn an_order_reported_by_website_and_server_is_one_order() {
    let website = json!({"orderId": 991, "email": SARAH, "products": [{"product_id": 5}]});
    let server = json!({
        "order_id": "991",
        "email": "Sarah@klaviyo-demo.com",
        "products": [{"productId": "5"}],
    });
    let ids = |message_id: &str, properties: Value| {
        let changes = json!({"messageId": message_id, "properties": properties});
        unique_ids(&with(order("x", 0), changes))
    };
    let from_website = ids("m-website", website);
    assert_eq!(from_website.len(), 2);
    assert_eq!(from_website, ids("m-server", server));
}
