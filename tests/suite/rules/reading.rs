//! Messages that are read although they are written in another way.

use serde_json::{Value, json};

use super::outcome::{events_and_left_out, outcome, profile, with};
use crate::support::messages::{order, track, track_with};
use crate::support::people::SARAH;

#[test]
fn keys_are_read_in_any_spelling_and_passed_on_as_they_are() {
    let traits = json!({"Email": SARAH, "First Name": "Sarah", "LAST_NAME": "Mason", "Zip": "LS1 4AP", "Loyalty Tier": "gold"});
    let message = json!({"type": "identify", "messageId": "m", "traits": traits});
    let profile = profile(&[("CLASSIC_PROPERTY_NAMES", "false")], &message);
    assert_eq!(profile["email"], SARAH);
    assert_eq!(profile["first_name"], "Sarah");
    assert_eq!(profile["last_name"], "Mason");
    assert_eq!(profile["location"], json!({"zip": "LS1 4AP"}));
    assert_eq!(profile["properties"], json!({"Loyalty Tier": "gold"}));
}

#[test]
fn an_exact_key_wins_over_another_spelling() {
    let properties = json!({"Email": "old@klaviyo-demo.com", "email": SARAH});
    let (events, _) = events_and_left_out(&[], &track_with("m", properties));
    assert_eq!(events[0]["profile"]["data"]["attributes"]["email"], SARAH);
}

#[test]
fn invisible_characters_are_no_part_of_an_address() {
    for email in [
        "\u{feff}sarah@klaviyo-demo.com",
        "\u{200e}sarah@\u{200b}klaviyo-demo.com ",
    ] {
        let (events, _) = events_and_left_out(&[], &track_with("m", json!({"email": email})));
        let profile = &events[0]["profile"]["data"]["attributes"];
        assert_eq!(profile["email"], "sarah@klaviyo-demo.com", "{email:?}");
    }
}

#[test]
fn a_webhook_that_is_switched_on_is_meant_for_us() {
    for (integrations, is_sent) in [
        (json!({"All": false, "Webhooks (Actions)": true}), true),
        (json!({"all": false, "WEBHOOK": {"x": 1}}), true),
        (json!({"All": false, "klaviyo": true}), true),
        (json!({"All": false, "Actions Klaviyo": {}}), true),
        (json!({"All": false, "Webhooks (Actions)": false}), false),
        (json!({"All": false, "Mixpanel": true}), false),
        (json!({"all": false}), false),
        (json!({"klaviyo": false, "Webhooks": true}), false),
    ] {
        let message = with(track("m"), json!({"integrations": integrations}));
        let outcome = outcome(&[], &message);
        assert_eq!(outcome.get("requests").is_some(), is_sent, "{integrations}");
    }
}

#[test]
fn a_line_inherits_nothing_that_is_about_the_order() {
    let properties = json!({
        "email": SARAH, "order_id": "R1", "coupon": "SPRING", "Name": "Order", "url": "https://shop.klaviyo-demo.com/thanks",
        "imageUrl": "https://shop.klaviyo-demo.com/logo.png", "sku": "S", "price": 21, "quantity": 2, "brand": "B",
        "category": "C", "id": "X", "products": [{"product_id": "p0"}],
    });
    let message = with(order("R1", 0), json!({"properties": properties}));
    let plain = [("CLASSIC_PROPERTY_NAMES", "false")];
    let (events, left_out) = events_and_left_out(&plain, &message);
    let expected = json!({
        "product_id": "p0", "OrderId": "R1", "ProductID": "p0", "email": SARAH, "order_id": "R1", "coupon": "SPRING",
    });
    assert_eq!(events[1]["properties"], expected);
    assert_eq!(events[1].get("value"), None::<&Value>);
    assert!(left_out.is_empty());
}
