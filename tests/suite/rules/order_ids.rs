//! Ids of orders and events in the keys that platforms use, and of refunds.

use serde_json::{Value, json};

use super::outcome::{events, with};
use crate::support::messages::{order, track_with};
use crate::support::people::SARAH;
use crate::support::settings::Setting;

/// Returns the unique ids of the events that an event with these properties becomes.
fn ids(settings: &[Setting<'_>], event: &str, properties: &Value) -> String {
    let properties = with(properties.clone(), json!({"email": SARAH}));
    let fields = json!({"event": event, "messageId": "m-1", "properties": properties});
    let events = events(settings, &with(order("x", 0), fields));
    let ids: Vec<_> = events
        .iter()
        .filter_map(|event| event["unique_id"].as_str())
        .collect();
    ids.join(" ")
}

#[test]
fn orders_have_their_id_in_many_keys() {
    for (properties, expected) in [
        (json!({"order_id": "R1"}), "R1"),
        (json!({"Order ID": "R1"}), "R1"),
        (json!({"id": "R1"}), "R1"),
        (json!({"order_number": 2041}), "2041"),
        (json!({"orderName": "#2041"}), "#2041"),
        (json!({"eventId": "R1"}), "R1"),
        (json!({"event_id": "E1", "order_number": "R1"}), "R1"),
        (json!({"id": "X", "order_id": "R1"}), "R1"),
        (json!({"order_id": 991.0}), "991"),
        (json!({"order_id": "991.0"}), "991"),
        (json!({"order_id": "991.5"}), "991.5"),
        (
            json!({"order_id": 9_007_199_254_740_993_i64}),
            "9007199254740993",
        ),
        (json!({"order_id": "\u{200b}R1 "}), "R1"),
        (json!({"order_id": null, "id": "R1"}), "R1"),
        (json!({"order_id": {"no": 1}}), "m-1"),
        (json!({}), "m-1"),
    ] {
        assert_eq!(
            ids(&[], "Order Completed", &properties),
            expected,
            "{properties}"
        );
    }
}

#[test]
fn lines_are_known_by_ids_in_any_spelling() {
    for (line, expected) in [
        (json!({"Product ID": "p1"}), "R1 R1_p1"),
        (json!({"product_id": 7.0}), "R1 R1_7"),
        (json!({"SKU": "s1"}), "R1 R1_s1"),
        (json!({"name": "Jam"}), "R1 R1_0"),
    ] {
        let properties = json!({"order_id": "R1", "products": [line]});
        assert_eq!(ids(&[], "Order Completed", &properties), expected, "{line}");
    }
}

#[test]
fn any_event_may_have_an_id_of_its_own() {
    for (event, properties, expected) in [
        ("Coupon Redeemed", json!({"event_id": "cr-88"}), "cr-88"),
        ("Coupon Redeemed", json!({"eventId": "cr-88"}), "cr-88"),
        ("Coupon Redeemed", json!({"Event ID": "cr-88"}), "cr-88"),
        ("Coupon Redeemed", json!({"event_id": ""}), "m-1"),
        ("Coupon Redeemed", json!({"order_id": "R1"}), "m-1"),
        (
            "Product Viewed",
            json!({"id": "p1", "order_id": "R1"}),
            "m-1",
        ),
    ] {
        assert_eq!(
            ids(&[], event, &properties),
            expected,
            "{event} {properties}"
        );
    }
}

#[test]
fn there_is_one_event_for_each_order_where_a_setting_says_so() {
    let payment: &[Setting] = &[("ONCE_PER_ORDER", "payment info entered")];
    for (settings, event, properties, expected) in [
        (&[][..], "Checkout Started", json!({"order_id": "C1"}), "C1"),
        (&[], "started_checkout", json!({"orderId": "C1"}), "C1"),
        (&[], "Checkout Started", json!({}), "m-1"),
        (
            &[],
            "Payment Info Entered",
            json!({"order_id": "C1"}),
            "m-1",
        ),
        (
            payment,
            "Payment Info Entered",
            json!({"order_id": "C1"}),
            "C1",
        ),
        (
            payment,
            "Checkout Started",
            json!({"order_id": "C1"}),
            "m-1",
        ),
    ] {
        assert_eq!(
            ids(settings, event, &properties),
            expected,
            "{event} {properties}"
        );
    }
}

#[test]
fn a_second_refund_of_an_order_is_a_second_event() {
    for (properties, expected) in [
        (json!({"order_id": 1}), "1"),
        (json!({"order_id": 1, "products": []}), "1"),
        (json!({"order_id": 1, "total": null}), "1"),
        (json!({"order_id": 1, "coupon": "X"}), "1"),
        (json!({"order_id": 1, "total": 5}), "1_m-1"),
        (json!({"order_id": 1, "refund_amount": "5"}), "1_m-1"),
        (json!({"order_id": 1, "amountRefunded": 5}), "1_m-1"),
        (json!({"order_id": 1, "Refund Total": "$5.00"}), "1_m-1"),
        (json!({"order_id": 1, "refund": {"amount": 5}}), "1_m-1"),
        (json!({"order_id": 1, "refund_reason": "broken"}), "1"),
        (
            json!({"order_id": 1, "products": [{"product_id": "p"}]}),
            "1_m-1",
        ),
        (json!({"order_id": 1, "refund_id": 7, "total": 5}), "1_7"),
        (json!({"order_id": 1.0, "Refund ID": 7.0}), "1_7"),
        (json!({"total": 5}), "m-1"),
    ] {
        for event in [
            "Order Refunded",
            "refunded_order",
            "Order Cancelled",
            "Order Canceled",
        ] {
            assert_eq!(
                ids(&[], event, &properties),
                expected,
                "{event} {properties}"
            );
        }
    }
}

#[test]
fn a_line_inherits_nothing_that_is_about_a_product() {
    let mut properties = json!({
        "email": SARAH,
        "id": "R1",
        "name": "Order 1",
        "url": "https://klaviyo-demo.com/thanks",
        "Image URL": "https://klaviyo-demo.com/logo.png",
        "SKU": "ORDER",
        "price": 21,
        "quantity": 2,
        "brand": "House",
        "Category": "Orders",
        "categories": ["Orders"],
        "product_id": "none",
        "coupon": "SPRING",
        "products": [{"product_id": "pin", "color": "red"}],
    });
    let message = with(order("x", 0), json!({"properties": properties}));
    let line = events(&[], &message).remove(1)["properties"].take();
    assert_eq!(line["OrderId"], "R1");
    assert_eq!(line["coupon"], "SPRING");
    assert_eq!(
        (&line["product_id"], &line["color"]),
        (&json!("pin"), &json!("red"))
    );
    let properties = properties.as_object_mut().unwrap();
    for inherited in ["email", "coupon", "product_id"] {
        properties.remove(inherited);
    }
    for key in properties.keys() {
        assert_eq!(line.get(key), None, "{key}");
    }
    for name in [
        "ProductName",
        "Product URL",
        "ImageURL",
        "Image URL",
        "Categories",
        "ProductBrand",
    ] {
        assert_eq!(line.get(name), None, "{name}");
    }
}

#[test]
fn properties_keep_numbers_as_they_were_written() {
    let properties =
        json!({"large": 9_223_372_036_854_775_807_i64, "id": 9_007_199_254_740_993_i64});
    let event = events(&[], &track_with("m", properties)).remove(0);
    assert_eq!(event["properties"]["large"], 9_223_372_036_854_775_807_i64);
    assert_eq!(event["properties"]["ProductID"], "9007199254740993");
}
