//! Messages that are not for Klaviyo.

use serde_json::{Value, json};

use super::outcome::{events, outcome, with};
use crate::support::messages::{order, track};
use crate::support::settings::Setting;

#[test]
fn integrations_switch_klaviyo_on_and_off() {
    for (integrations, is_sent) in [
        (json!({}), true),
        (json!(null), true),
        (json!({"All": true}), true),
        (json!({"All": false}), false),
        (json!({"All": false, "Klaviyo": true}), true),
        (json!({"All": false, "Klaviyo": {"listId": "L"}}), true),
        (json!({"All": false, "Klaviyo (Actions)": true}), true),
        (json!({"All": false, "Klaviyo": null}), false),
        (json!({"Klaviyo": false}), false),
        (json!({"Klaviyo (Actions)": false}), false),
        (json!({"All": true, "Klaviyo": false}), false),
        (json!({"All": false, "Mixpanel": true}), false),
    ] {
        let message = with(track("m"), json!({"integrations": integrations}));
        let outcome = outcome(&[], &message);
        if is_sent {
            assert!(outcome["requests"].is_array(), "{integrations}: {outcome}");
        } else {
            assert_eq!(
                outcome,
                json!({"ignored": "integration_off"}),
                "{integrations}"
            );
        }
    }
}

#[test]
fn other_types_are_ignored() {
    for message_type in [
        json!("page"),
        json!("screen"),
        json!("group"),
        json!("alias"),
        json!("delete"),
        json!("TRACK"),
    ] {
        let message = with(track("m"), json!({"type": message_type}));
        assert_eq!(
            outcome(&[], &message),
            json!({"ignored": "unsupported_type"}),
            "{message_type}"
        );
    }
}

/// Returns how many events an order of two lines becomes under another name.
fn event_count(settings: &[Setting<'_>], event: &str) -> usize {
    let message = with(order("R1", 2), json!({"event": event}));
    let outcome = outcome(settings, &message);
    if outcome == json!({"ignored": "event_filtered"}) {
        return 0;
    }
    outcome["requests"].as_array().map(Vec::len).unwrap()
}

#[test]
fn only_allowed_events_are_sent() {
    let allowed = [("EVENTS_ALLOWED", "Order Completed, Product Viewed")];
    assert_eq!(event_count(&allowed, "Order Completed"), 3);
    assert_eq!(event_count(&allowed, "Product Viewed"), 1);
    assert_eq!(event_count(&allowed, "Cart Viewed"), 0);
}

#[test]
fn blocked_events_are_not_sent() {
    let blocked = [("EVENTS_BLOCKED", "Product Viewed,Ordered Product")];
    assert_eq!(event_count(&blocked, "Order Completed"), 1);
    assert_eq!(event_count(&blocked, "Product Viewed"), 0);
    assert_eq!(event_count(&blocked, "Cart Viewed"), 1);
}

#[test]
fn a_blocked_event_is_not_sent_even_if_it_is_allowed() {
    let both = [
        ("EVENTS_ALLOWED", "Cart Viewed"),
        ("EVENTS_BLOCKED", "Cart Viewed"),
    ];
    assert_eq!(event_count(&both, "Cart Viewed"), 0);
}

#[test]
fn event_names_have_1_to_127_characters() {
    for (name, is_rejected) in [
        (json!("A"), false),
        (json!("é".repeat(127)), false),
        (json!("é".repeat(128)), true),
        (json!(""), true),
        (json!("  "), true),
        (json!(null), true),
        (json!({"name": "A"}), true),
    ] {
        let outcome = outcome(&[], &with(track("m"), json!({"event": name})));
        if is_rejected {
            assert_eq!(outcome, json!({"rejected": "invalid_event_name"}), "{name}");
        } else {
            assert!(outcome["requests"].is_array(), "{name}: {outcome}");
        }
    }
}

#[test]
fn metrics_get_klaviyos_own_names_on_request() {
    for (event, klaviyo_name) in [
        ("Product Viewed", "Viewed Product"),
        ("Product Added", "Added to Cart"),
        ("Checkout Started", "Started Checkout"),
        ("Order Cancelled", "Canceled Order"),
        ("Order Refunded", "Refunded Order"),
        ("Order Completed", "Order Completed"),
        ("Cart Viewed", "Cart Viewed"),
    ] {
        let message = with(order("R1", 0), json!({"event": event}));
        let klaviyo_names = [("METRIC_NAMES", "klaviyo")];
        assert_eq!(
            metric(&events(&klaviyo_names, &message)[0]),
            klaviyo_name,
            "{event}"
        );
        assert_eq!(metric(&events(&[], &message)[0]), event);
    }
}

fn metric(event: &Value) -> &str {
    event["metric"]["data"]["attributes"]["name"]
        .as_str()
        .unwrap()
}
