//! Klaviyo's limits: messages that exceed one are rejected before anything is sent.

use serde_json::{Value, json};

use super::outcome::{events, outcome, with};
use crate::support::messages::{identify, order, track_with};
use crate::support::people::SARAH;

fn members(prefix: &str, count: usize) -> Value {
    (0..count)
        .map(|n| (format!("{prefix}{n}"), json!(n)))
        .collect()
}

fn nested(levels: usize) -> Value {
    let mut value = json!({});
    for _ in 1..levels {
        value = json!({ "in": value });
    }
    value
}

fn text(part: &str, count: usize) -> Value {
    json!({"text": part.repeat(count)})
}

#[test]
fn events_keep_to_klaviyos_limits() {
    let array = |elements: usize| json!({"items": vec![0; elements]});
    let texts = |count: usize| json!({"texts": vec!["b".repeat(99_000); count]});
    for (name, properties, rejected) in [
        ("400 keys", members("", 400), None),
        ("401 keys", members("", 401), Some("too_many_properties")),
        ("10 levels", nested(10), None),
        ("11 levels", nested(11), Some("nested_too_deeply")),
        (
            "12 levels of arrays",
            json!({"a": [[[[[[[[[[[[1]]]]]]]]]]]]}),
            None,
        ),
        (
            "64 bits",
            json!({"a": [i64::MAX, i64::MIN], "b": 1e30}),
            None,
        ),
        (
            "65 bits",
            json!({"a": [1, 9_223_372_036_854_775_808_u64]}),
            Some("number_too_large"),
        ),
        (
            "20 digits in text",
            json!({"a": "12345678901234567890"}),
            None,
        ),
        ("11 brackets", json!({"text": "[{[{[{[{[{[{"}), None),
        ("100,000 bytes", text("a", 100_000), None),
        ("100,001 bytes", text("a", 100_001), Some("string_too_long")),
        // An é is sent as two bytes, and a line feed as two characters that count as one.
        ("50,000 accents", text("é", 50_000), None),
        ("50,001 accents", text("é", 50_001), Some("string_too_long")),
        ("100,000 line feeds", text("\n", 100_000), None),
        ("4,000 elements", array(4_000), None),
        ("4,001 elements", array(4_001), Some("array_too_long")),
        ("under 5 MB", texts(50), None),
        ("over 5 MB", texts(51), Some("event_too_large")),
    ] {
        let outcome = outcome(&[], &track_with("m", properties));
        match rejected {
            Some(reason) => assert_eq!(outcome, json!({"rejected": reason}), "{name}"),
            None => assert!(outcome["requests"].is_array(), "{name}"),
        }
    }
}

#[test]
fn a_profile_over_100_kb_is_rejected() {
    let with_bio = |bytes: usize| outcome(&[], &identify(SARAH, json!({"bio": "x".repeat(bytes)})));
    assert!(with_bio(99_000)["requests"].is_array());
    assert_eq!(with_bio(100_000), json!({"rejected": "profile_too_large"}));
}

#[test]
fn an_ordered_product_keeps_400_properties_and_its_own_come_first() {
    let mut properties = members("of_order", 390);
    properties["email"] = json!(SARAH);
    properties["products"] = json!([members("of_line", 50)]);
    let events = events(&[], &with(order("x", 0), json!({"properties": properties})));
    let line = events[1]["properties"].as_object().unwrap();
    assert_eq!(line.len(), 400);
    for n in 0..50 {
        assert!(line.contains_key(&format!("of_line{n}")), "{n}");
    }
}
