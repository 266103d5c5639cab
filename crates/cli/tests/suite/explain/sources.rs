//! The fields that attributes come from.

use super::*;

#[test]
fn an_email_comes_from_the_first_valid_address() {
    let message = identify_as(LI, &json!({"email": SARAH}));
    assert_sources(&message, "email", &["traits.email"]);

    let message = identify_as(LI, &json!({}));
    assert_sources(&message, "email", &["userId"]);

    let message = identify_as(LI, &json!({"email": "sarah"}));
    assert_sources(&message, "email", &["userId"]);
}

#[test]
fn of_equal_values_the_one_with_precedence_is_the_source() {
    let message = identify_as(SARAH, &json!({"email": SARAH}));
    assert_sources(&message, "email", &["traits.email"]);

    // The order's total is 59.97 too.
    let message = order_with(&json!({"revenue": 59.97}));
    assert_sources(&message, "value", &["properties.revenue"]);

    let message = order_with(&json!({"orderId": "R1"}));
    assert_sources(&message, "unique_id", &["properties.order_id"]);
}

#[test]
fn the_value_of_an_order_comes_from_the_first_number() {
    let message = order_with(&json!({"revenue": 9}));
    assert_sources(&message, "value", &["properties.revenue"]);

    let message = order_with(&json!({"value": 9}));
    assert_sources(&message, "value", &["properties.value"]);

    assert_sources(&order("R1", 0), "value", &["properties.total"]);

    let message = order_with(&json!({"revenue": "9,-"}));
    assert_sources(&message, "value", &["properties.total"]);
}

#[test]
fn the_unique_id_of_an_event_without_an_order_comes_from_its_message_id() {
    let message = track("m", &json!({"order_id": 1}));
    assert_sources(&message, "unique_id", &["messageId"]);
}

#[test]
fn profile_attributes_come_from_traits() {
    let message = identify_as(SARAH, &json!({"email": SARAH, "name": "Sarah Mason"}));
    assert_sources(&message, "last_name", &["traits.name"]);

    let message = identify_as(SARAH, &json!({"email": SARAH, "address": {"zip": 7}}));
    assert_sources(&message, "location.zip", &["traits.address.zip"]);

    let message = identify_as(SARAH, &json!({"email": SARAH, "tier": "gold"}));
    assert_sources(&message, "properties.tier", &["traits.tier"]);
}

#[test]
fn order_lines_come_from_their_products() {
    let message = order_with(&json!({"products": [{"sku": "s"}]}));
    assert_sources(&message, "properties.SKU", &["properties.products[0].sku"]);

    let sources = source_fields(&[], &order("R1", 12));
    assert_eq!(
        sources["properties.Items[3].RowTotal"],
        [
            "properties.products[3].price",
            "properties.products[3].quantity"
        ]
    );
    assert_eq!(
        sources["properties.Items[11].ProductID"],
        ["properties.products[5…].product_id"]
    );
}

#[test]
fn fields_are_named_as_the_message_spells_them() {
    let message = identify_as(LI, &json!({"E-Mail": SARAH, "First Name": "Sarah"}));
    assert_sources(&message, "email", &["traits.E-Mail"]);
    assert_sources(&message, "first_name", &["traits.First Name"]);

    let message = order_with(&json!({"Revenue": "$9.50"}));
    assert_sources(&message, "value", &["properties.Revenue"]);
}

#[test]
fn names_of_classic_come_from_the_products_too() {
    let message = order_with(&json!({"products": [{"sku": "s", "price": 2, "color": "red"}]}));
    for (attribute, source) in [
        (
            "properties.Items[0].Item Price",
            "properties.products[0].price",
        ),
        ("properties.Items[0].color", "properties.products[0].color"),
    ] {
        let sources = source_fields(&[], &message);
        assert_eq!(sources[attribute], [source], "{attribute}");
    }
}

#[test]
fn a_time_comes_from_the_field_that_stands_in_for_an_unreadable_one() {
    let mut message = track("m", &json!({}));
    message["timestamp"] = json!("yesterday");
    message["originalTimestamp"] = json!("2026-11-20 10:00:00");
    assert_sources(&message, "time", &["originalTimestamp"]);
}

#[test]
fn a_profile_id_to_be_looked_up_comes_from_the_user_id() {
    let honored = ["--settings", "HONOR_DELETIONS=true"];
    let deletion = json!({"type": "delete", "userId": "usr_1", "messageId": "m"});
    let sources = source_fields(&honored, &deletion);
    assert_eq!(sources.into_values().next().unwrap(), ["userId"]);
    let output = explain(&honored, &deletion);
    assert!(
        output.contains("(profile ID of usr_1)  ← userId, if Klaviyo knows the profile\n"),
        "{output}"
    );

    let deletion = json!({"type": "delete", "userId": SARAH, "messageId": "m"});
    let output = explain(&honored, &deletion);
    assert!(output.contains("← userId\n"), "{output}");
}
