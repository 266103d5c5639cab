//! The property names of Klaviyo Classic, beside Klaviyo's own and the merchant's.

use segment_klaviyo::klaviyo::Operation;
use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::segment::Message;
use serde_json::{Value, json};
use time::macros::datetime;

use super::outcome::{events, with};
use crate::support::messages::order;
use crate::support::people::SARAH;
use crate::support::settings::{Setting, rule_settings};

const NO_CLASSIC: Setting = ("CLASSIC_PROPERTY_NAMES", "false");
const NO_KLAVIYO: Setting = ("KLAVIYO_PROPERTY_NAMES", "false");

/// Returns the properties of each event that an order of these lines becomes.
fn properties(settings: &[Setting<'_>], event: &str, lines: &Value) -> Vec<Value> {
    let properties = json!({"email": SARAH, "order_id": "R1", "products": lines});
    let message = with(
        order("x", 0),
        json!({"event": event, "properties": properties}),
    );
    let mut events = events(settings, &message);
    events
        .iter_mut()
        .map(|event| event["properties"].take())
        .collect()
}

/// Returns the keys of an object, in order.
fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn jam() -> Value {
    json!({
        "product_id": "p1",
        "sku": "s1",
        "name": "Jam",
        "price": "2.50",
        "quantity": 4,
        "category": "Pantry",
        "url": "https://klaviyo-demo.com/jam",
        "image_url": "https://klaviyo-demo.com/jam.png",
        "color": "red",
    })
}

#[test]
fn an_order_has_the_names_of_both_of_classics_modes() {
    let found = properties(&[NO_KLAVIYO], "Order Completed", &json!([jam()]));
    let order = &found[0];
    for (name, expected) in [
        ("Item Names", json!(["Jam"])),
        ("ItemNames", json!(["Jam"])),
        ("Categories", json!(["Pantry"])),
    ] {
        assert_eq!(order[name], expected, "{name}");
    }
    let item = with(
        jam(),
        json!({
            "id": "p1",
            "SKU": "s1",
            "Name": "Jam",
            "Quantity": 4,
            "Item Price": 2.5,
            "ItemPrice": 2.5,
            "Row Total": 10,
            "RowTotal": 10,
            "Categories": ["Pantry"],
            "Product URL": "https://klaviyo-demo.com/jam",
            "ProductURL": "https://klaviyo-demo.com/jam",
            "Image URL": "https://klaviyo-demo.com/jam.png",
            "ImageURL": "https://klaviyo-demo.com/jam.png",
        }),
    );
    assert_eq!(order["Items"], json!([item]));
    for (name, expected) in [
        ("Name", json!("Jam")),
        ("Quantity", json!(4)),
        ("SKU", json!("s1")),
        ("ProductID", json!("p1")),
        ("Product Categories", json!(["Pantry"])),
        ("ProductCategories", json!(["Pantry"])),
        ("Product URL", json!("https://klaviyo-demo.com/jam")),
        ("ProductURL", json!("https://klaviyo-demo.com/jam")),
        ("Image URL", json!("https://klaviyo-demo.com/jam.png")),
        ("ImageURL", json!("https://klaviyo-demo.com/jam.png")),
        ("color", json!("red")),
    ] {
        assert_eq!(found[1][name], expected, "{name}");
    }
}

#[test]
fn klaviyos_names_stand_beside_them() {
    let found = properties(&[], "Order Completed", &json!([jam()]));
    let item = &found[0]["Items"][0];
    for (name, expected) in [
        ("ProductName", "Jam"),
        ("Name", "Jam"),
        ("name", "Jam"),
        ("ProductID", "p1"),
    ] {
        assert_eq!(item[name], expected, "{name}");
    }
    assert_eq!(found[0]["OrderId"], "R1");
    assert_eq!(
        (&found[1]["ProductName"], &found[1]["Name"]),
        (&json!("Jam"), &json!("Jam"))
    );
}

#[test]
fn only_what_is_known_is_named_and_a_line_without_quantity_is_one_piece() {
    let found = properties(&[NO_KLAVIYO], "Order Completed", &json!([{"name": "Jam"}]));
    assert_eq!(
        found[0]["Items"],
        json!([{"name": "Jam", "Name": "Jam", "Quantity": 1}])
    );
    assert_eq!(found[0].get("Categories"), None);
    assert_eq!(
        (&found[1]["Name"], &found[1]["Quantity"]),
        (&json!("Jam"), &json!(1))
    );
    assert_eq!(found[1].get("Product Categories"), None);
}

#[test]
fn a_property_that_is_there_is_never_replaced() {
    let own = json!({"name": "Jam", "Name": "own", "Row Total": "own", "price": 2, "id": "own", "product_id": "p1"});
    let found = properties(&[], "Order Completed", &json!([own]));
    for properties in [&found[0]["Items"][0], &found[1]] {
        assert_eq!(
            (&properties["Name"], &properties["id"]),
            (&json!("own"), &json!("own"))
        );
        assert_eq!(properties["Row Total"], "own");
    }
    let properties = json!({"email": SARAH, "order_id": "R1", "Items": "own", "Item Names": 1, "products": [jam()]});
    let message = with(order("x", 0), json!({"properties": properties}));
    let order = &events(&[], &message)[0]["properties"];
    assert_eq!(
        (&order["Items"], &order["Item Names"]),
        (&json!("own"), &json!(1))
    );
    assert_eq!(order["ItemNames"], json!(["Jam"]));
}

#[test]
fn other_events_have_none_of_them() {
    for event in [
        "Checkout Started",
        "Order Refunded",
        "Product Added",
        "Seen",
    ] {
        let with_names = properties(&[], event, &json!([jam()]));
        let without = properties(&[NO_CLASSIC], event, &json!([jam()]));
        assert_eq!(with_names, without, "{event}");
    }
}

#[test]
fn without_them_an_order_has_klaviyos_names_only() {
    let found = properties(&[NO_CLASSIC], "Order Completed", &json!([jam()]));
    assert_eq!(found[0].get("Item Names"), None);
    assert_eq!(
        keys(&found[0]["Items"][0]),
        [
            "Categories",
            "ImageURL",
            "ItemPrice",
            "ProductID",
            "ProductName",
            "ProductURL",
            "Quantity",
            "RowTotal",
            "SKU"
        ]
    );
    let found = properties(
        &[NO_CLASSIC, NO_KLAVIYO],
        "Order Completed",
        &json!([jam()]),
    );
    assert_eq!(keys(&found[0]), ["email", "order_id", "products"]);
}

/// Returns the bytes of the largest event that an order becomes.
fn largest_event(message: &Value) -> usize {
    let raw = serde_json::value::to_raw_value(message).unwrap();
    let now = datetime!(2026-11-20 12:00 UTC);
    let Decision::Send(plan) = decide(&Message::parse(&raw).unwrap(), &rule_settings([]), now)
    else {
        panic!("not sent");
    };
    let operations: Vec<&Operation> = plan.operations().iter().collect();
    let requests = operations.iter().map(|operation| {
        let requests = segment_klaviyo::klaviyo::build_requests(&[operation]);
        requests[0].request.body.len()
    });
    requests.max().unwrap()
}

#[test]
fn an_order_of_100_lines_is_far_below_klaviyos_limit() {
    let mut line = jam();
    line["description"] = json!("x".repeat(500));
    let lines: Vec<_> = vec![line; 100];
    let message = with(
        order("x", 0),
        json!({"properties": {"email": SARAH, "order_id": "R1", "products": lines}}),
    );
    assert!(
        largest_event(&message) < 500_000,
        "{}",
        largest_event(&message)
    );
}

/// Klaviyo refuses an event over 5 MB, and a large order must not grow beyond it.
#[test]
fn names_never_make_an_order_too_large() {
    for (key, bytes, lines) in [
        ("name", 20_000, 120),
        ("name", 4_800, 999),
        ("description", 4_800, 999),
        ("url", 20_000, 100),
        ("category", 30_000, 80),
        ("name", 2_400, 999),
    ] {
        let line = json!({"product_id": "p", key: "x".repeat(bytes)});
        let lines: Vec<_> = vec![line; lines];
        let message = with(
            order("x", 0),
            json!({"properties": {"email": SARAH, "order_id": "R1", "products": lines}}),
        );
        let largest = largest_event(&message);
        assert!(largest <= 5_000_000, "{key} of {bytes} bytes: {largest}");
    }
}
