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

#[test]
fn the_profile_in_an_event_has_at_most_95_kb() {
    let open = [("ENFORCE_EMAIL", "false")];
    let name = |part: &str, count: usize| json!({"firstName": part.repeat(count)});
    for (label, traits, left_out) in [
        ("a long name", name("x", 39_998), None),
        ("a name over the size", name("x", 39_999), Some("name")),
        // A control character is sent as six bytes, a quote as two, an é as two.
        ("control characters", name("\u{1}", 6_666), None),
        ("more of them", name("\u{1}", 6_667), Some("name")),
        ("quotes", name("\"", 20_000), Some("name")),
        ("accents", name("é", 20_000), Some("name")),
        ("an id", json!({"_kx": "k".repeat(1_000)}), None),
        (
            "an id over the size",
            json!({"_kx": "k".repeat(1_001)}),
            Some("exchangeId"),
        ),
        (
            "all at once",
            json!({
                "firstName": "x".repeat(39_998),
                "lastName": "\u{1}".repeat(6_666),
                "exchangeId": "\u{1}".repeat(1_000),
            }),
            None,
        ),
    ] {
        let message = with(
            track_with("m", json!({"email": SARAH})),
            json!({"userId": "\u{1}".repeat(255), "context": {"traits": traits}}),
        );
        let found = outcome(&open, &message);
        let warnings = left_out.map(|field| json!([format!("field_left_out: {field}")]));
        assert_eq!(found.get("warnings"), warnings.as_ref(), "{label}");
        let event = &found["requests"][0]["POST /api/events"]["attributes"];
        let bytes = event["profile"].to_string().len();
        assert!(bytes <= 95_000, "{label}: {bytes}");
    }
}

#[test]
fn an_organization_over_100_kb_is_rejected_and_an_id_over_the_size_costs_itself() {
    let group = |bytes: usize| {
        json!({
            "type": "group",
            "channel": "browser",
            "userId": SARAH,
            "traits": {"name": "x".repeat(bytes)},
        })
    };
    assert!(outcome(&[], &group(99_000))["requests"].is_array());
    assert_eq!(
        outcome(&[], &group(100_000)),
        json!({"rejected": "profile_too_large"})
    );
    let found = outcome(
        &[],
        &identify(SARAH, json!({"exchangeId": "k".repeat(200_000)})),
    );
    assert_eq!(
        found["requests"][0]["POST /api/profile-import"]["attributes"],
        json!({"email": SARAH})
    );
    assert_eq!(found["warnings"], json!(["field_left_out: exchangeId"]));
    let alone = json!({"type": "identify", "traits": {"_kx": "k".repeat(1_001)}});
    let found = outcome(&[("ENFORCE_EMAIL", "false")], &alone);
    assert_eq!(found, json!({"ignored": "no_identifier"}));
}
