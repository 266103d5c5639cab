//! Times and values of events.

use serde_json::{Value, json};

use super::outcome::{events, with};
use crate::support::messages::{order, track, track_with};
use crate::support::settings::Setting;

fn event(message: &Value) -> Value {
    events(&[], message).remove(0)
}

#[test]
fn plausible_times_are_sent_as_utc_milliseconds() {
    for (timestamp, time) in [
        (
            json!("2026-11-20T10:00:00.123456Z"),
            json!("2026-11-20T10:00:00.123Z"),
        ),
        (
            json!("2026-11-20T12:00:00+02:00"),
            json!("2026-11-20T10:00:00.000Z"),
        ),
        (
            json!(1_795_169_730_412_i64),
            json!("2026-11-20T10:15:30.412Z"),
        ),
        (json!("1795169730"), json!("2026-11-20T10:15:30.000Z")),
        (json!("1999-12-31T23:59:59Z"), Value::Null),
        (json!(0), Value::Null),
        (
            json!("2027-11-20T11:00:00Z"),
            json!("2027-11-20T11:00:00.000Z"),
        ),
        (json!("2027-11-21T00:00:00Z"), Value::Null),
        (json!("last week"), Value::Null),
        (json!(null), Value::Null),
    ] {
        let event = event(&with(track("m"), json!({"timestamp": timestamp})));
        assert_eq!(event["time"], time, "{timestamp}");
    }
}

#[test]
fn the_first_readable_amount_is_the_value() {
    for (properties, value, currency) in [
        (
            json!({"revenue": 10, "value": 20, "total": 30}),
            json!(10),
            Value::Null,
        ),
        (
            json!({"value": "20.5", "total": 30}),
            json!(20.5),
            Value::Null,
        ),
        (
            json!({"revenue": "$1,234.50", "value": 20}),
            json!(20),
            Value::Null,
        ),
        (json!({"revenue": "12,50"}), Value::Null, Value::Null),
        (
            json!({"revenue": "1e3", "currency": "eur"}),
            json!(1000),
            json!("EUR"),
        ),
        (
            json!({"total": 30, "currency": "Euro"}),
            Value::Null,
            Value::Null,
        ),
        (
            json!({"value": {"amount": 1}, "currency": 978}),
            Value::Null,
            Value::Null,
        ),
    ] {
        let event = event(&track_with("m", properties.clone()));
        assert_eq!(
            (&event["value"], &event["value_currency"]),
            (&value, &currency),
            "{properties}"
        );
    }
}

/// Whether every event of an order is recorded without starting flows.
fn is_backfill(settings: &[Setting<'_>], timestamp: &str) -> bool {
    let message = with(order("R1", 1), json!({"timestamp": timestamp}));
    let events = events(settings, &message);
    assert_eq!(events.len(), 2);
    events.iter().all(|event| event["backfill"] == true)
}

#[test]
fn old_events_start_no_flows() {
    let day = [("BACKFILL_AFTER_HOURS", "24")];
    assert!(is_backfill(&day, "2026-11-19T11:59:59Z"), "a day and 1 s");
    assert!(!is_backfill(&day, "2026-11-19T12:00:01Z"));
    assert!(!is_backfill(&day, "no time"));
    assert!(!is_backfill(&[], "2020-01-01T00:00:00Z"));
}
