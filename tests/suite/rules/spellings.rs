//! Keys and names of events in the spellings that shops use.

use serde_json::{Value, json};

use super::outcome::{events, outcome, profile, with};
use crate::support::messages::{identify_with, order, track, track_with};
use crate::support::people::{LI, SARAH};
use crate::support::settings::Setting;

/// Returns the metric of the first event, the values of `keys` in it, and the number of events.
fn first_event(settings: &[Setting<'_>], message: &Value, keys: &[&str]) -> Value {
    let events = events(settings, message);
    let mut found = vec![events[0]["metric"]["data"]["attributes"]["name"].clone()];
    for key in keys {
        found.push(events[0].pointer(key).cloned().unwrap_or_default());
    }
    found.push(json!(events.len()));
    found.into()
}

#[test]
fn traits_are_read_in_any_spelling_and_passed_on_in_their_own() {
    for (traits, field, expected) in [
        (json!({"First Name": "Ada"}), "/first_name", "Ada"),
        (json!({"LAST-NAME": "Brook"}), "/last_name", "Brook"),
        (
            json!({"ZIP": "LS1", "City": "Leeds"}),
            "/location/zip",
            "LS1",
        ),
        (
            json!({"Address": {"Postal Code": "LS1"}}),
            "/location/zip",
            "LS1",
        ),
        (json!({"job_title": "Baker"}), "/title", "Baker"),
        (
            json!({"Phone Number": "+1 500 555 0006"}),
            "/phone_number",
            "+15005550006",
        ),
        (
            json!({"Loyalty Tier": "gold"}),
            "/properties/Loyalty Tier",
            "gold",
        ),
        (
            json!({"firstName": "new", "first name": "old"}),
            "/first_name",
            "new",
        ),
        (
            json!({"firstName": null, "First Name": "Ada"}),
            "/first_name",
            "Ada",
        ),
    ] {
        let message = identify_with(with(json!({"EMAIL": SARAH}), traits.clone()), json!({}));
        let profile = profile(&[], &message);
        assert_eq!(profile["email"], SARAH, "{traits}");
        assert_eq!(profile.pointer(field), Some(&json!(expected)), "{traits}");
    }
}

#[test]
fn the_exact_spelling_wins_while_it_can_be_read() {
    for (properties, expected) in [
        (json!({"Email": LI, "email": SARAH}), SARAH),
        (json!({"email": SARAH, "Email": LI}), SARAH),
        (json!({"Email": LI, "email": ""}), LI),
        (json!({"E-Mail": LI}), LI),
    ] {
        let message = json!({"type": "track", "event": "Seen", "properties": properties});
        let outcome = outcome(&[], &message);
        let profile = &outcome["requests"][0]["POST /api/events"]["attributes"]["profile"];
        assert_eq!(
            profile["data"]["attributes"]["email"], expected,
            "{properties}"
        );
    }
}

#[test]
fn an_order_in_other_keys_is_the_same_order() {
    let line = json!({"ProductID": "m-7", "Name": "Mug", "PRICE": "16.50", "Quantity": 3});
    let properties = json!({
        "Email": SARAH,
        "Order ID": "A-2041",
        "Revenue": 49.5,
        "CURRENCY": "EUR",
        "Products": [line],
    });
    let events = events(&[], &with(order("x", 0), json!({"properties": properties})));
    assert_eq!(events.len(), 2);
    for (event, id) in events.iter().zip(["A-2041", "A-2041_m-7"]) {
        let found = [
            &event["unique_id"],
            &event["value"],
            &event["value_currency"],
        ];
        assert_eq!(found, [&json!(id), &json!(49.5), &json!("EUR")]);
    }
    let properties = events[1]["properties"].as_object().unwrap();
    assert!(!properties.contains_key("Products"), "{properties:?}");
}

#[test]
fn an_order_has_one_metric_in_every_spelling_of_its_name() {
    let keys = ["/unique_id"];
    for name in [
        "Order Completed",
        "order completed",
        "Completed Order",
        "completed_order",
        "orderCompleted",
        "ORDER-COMPLETED",
    ] {
        for (is_kept, metric) in [("true", "Order Completed"), ("false", "Placed Order")] {
            let settings = [("SEND_PLACED_ORDER_AS_ORDER_COMPLETED", is_kept)];
            let message = with(order("R1", 2), json!({"event": name}));
            let found = first_event(&settings, &message, &keys);
            assert_eq!(found, json!([metric, "R1", 3]), "{name}");
        }
    }
    for name in ["Order Shipped", "Order", "Completed", "Order Updated"] {
        let message = with(order("R1", 2), json!({"event": name}));
        let found = first_event(&[], &message, &keys);
        assert_eq!(found, json!([name, "m-R1", 1]), "{name}");
    }
}

#[test]
fn other_metrics_keep_their_spelling_unless_they_are_renamed() {
    for (event, klaviyo_name, added) in [
        (
            "viewed_product",
            "Viewed Product",
            "/properties/ProductName",
        ),
        (
            "Viewed Product",
            "Viewed Product",
            "/properties/ProductName",
        ),
        (
            "Added Product",
            "Added to Cart",
            "/properties/AddedItemProductName",
        ),
        (
            "product added",
            "Added to Cart",
            "/properties/AddedItemProductName",
        ),
        (
            "Product_Clicked",
            "Product_Clicked",
            "/properties/ProductName",
        ),
        ("Started Checkout", "Started Checkout", "/unique_id"),
        ("Order Canceled", "Canceled Order", "/properties/OrderId"),
        ("cancelled_order", "Canceled Order", "/properties/OrderId"),
        ("Refunded Order", "Refunded Order", "/properties/OrderId"),
    ] {
        let properties = json!({"name": "R1", "order_id": "R1"});
        let message = with(track_with("m", properties), json!({"event": event}));
        let found = first_event(&[], &message, &[added]);
        assert_eq!(found, json!([event, "R1", 1]), "{event}");
        let found = first_event(&[("METRIC_NAMES", "klaviyo")], &message, &[added]);
        assert_eq!(found, json!([klaviyo_name, "R1", 1]), "{event}");
    }
}

#[test]
fn further_orders_are_named_by_a_setting() {
    let settings = [("ORDER_EVENTS", "Saleor Order Completed, POS Sale")];
    for name in ["Saleor Order Completed", "POS Sale", "pos_sale"] {
        let message = with(order("R1", 2), json!({"event": name}));
        let found = first_event(&settings, &message, &["/unique_id", "/value"]);
        assert_eq!(found, json!(["Order Completed", "R1", 59.97, 3]), "{name}");
    }
    let message = with(order("R1", 2), json!({"event": "POS Sale"}));
    let found = first_event(&[], &message, &["/unique_id", "/value"]);
    assert_eq!(found, json!(["POS Sale", "m-R1", null, 1]));
}

#[test]
fn filters_know_an_event_in_every_spelling() {
    for (settings, event, is_sent) in [
        (
            [("EVENTS_BLOCKED", "Order Completed")],
            "completed_order",
            false,
        ),
        (
            [("EVENTS_BLOCKED", "Order Cancelled")],
            "Order Canceled",
            false,
        ),
        ([("EVENTS_BLOCKED", "quiz taken")], "Quiz Taken", false),
        (
            [("EVENTS_BLOCKED", "Order Completed")],
            "Order Refunded",
            true,
        ),
        (
            [("EVENTS_ALLOWED", "Order Completed")],
            "Completed Order",
            true,
        ),
        (
            [("EVENTS_ALLOWED", "product_viewed")],
            "Viewed Product",
            true,
        ),
        (
            [("EVENTS_ALLOWED", "Product Viewed")],
            "Product Added",
            false,
        ),
    ] {
        let message = with(track("m"), json!({"event": event}));
        let outcome = outcome(&settings, &message);
        let is_ignored = outcome == json!({"ignored": "event_filtered"});
        assert_eq!(!is_ignored, is_sent, "{settings:?} {event}: {outcome}");
    }
}

#[test]
fn fields_of_a_message_are_read_in_any_spelling() {
    for message in [
        json!({"Type": "track", "Event": "Seen", "MessageID": "m", "UserID": SARAH}),
        json!({"type": "track", "event": "Seen", "message_id": "m", "user_id": SARAH}),
        json!({"type": "track", "event": "Seen", "messageId": "m", "Properties": {"email": SARAH}}),
        json!({"type": "track", "event": "Seen", "messageId": "m", "context": {"Traits": {"email": SARAH}}}),
        json!({"type": "track", "event": "Seen", "messageId": "m", "userId": null, "userID": SARAH}),
        json!({"type": "track", "event": "Seen", "messageId": "m", "userId": SARAH, "user_id": LI}),
    ] {
        let events = events(&[], &message);
        let profile = &events[0]["profile"]["data"]["attributes"];
        assert_eq!(profile, &json!({"email": SARAH}), "{message}");
        assert_eq!(events[0]["unique_id"], "m", "{message}");
    }
    let message = with(identify_with(json!({"email": SARAH}), json!({})), {
        json!({"context": {"timeZone": "Europe/Lisbon"}})
    });
    let profile = profile(&[], &message);
    assert_eq!(profile["location"]["timezone"], "Europe/Lisbon");
}
