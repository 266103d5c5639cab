//! Times and values of events.

use serde_json::{Value, json};

use super::outcome::{events, events_and_left_out, with};
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
        let message = with(track("m"), json!({"timestamp": timestamp}));
        let (events, left_out) = events_and_left_out(&[], &message);
        assert_eq!(events[0]["time"], time, "{timestamp}");
        let is_left_out = time.is_null() && !timestamp.is_null();
        assert_eq!(left_out == ["timestamp"], is_left_out, "{timestamp}");
    }
}

#[test]
fn an_unreadable_timestamp_gives_way_to_the_next() {
    for (times, time) in [
        (
            json!({"timestamp": "soon", "originalTimestamp": "2026-11-19T08:00:00Z", "receivedAt": "2026-11-20T09:00:00Z"}),
            "2026-11-19T08:00:00.000Z",
        ),
        (
            json!({"timestamp": "", "receivedAt": "2026-11-18 07:00:00 +0000"}),
            "2026-11-18T07:00:00.000Z",
        ),
    ] {
        let event = event(&with(track("m"), times.clone()));
        assert_eq!(event["time"], time, "{times}");
    }
}

#[test]
fn the_first_readable_amount_is_the_value() {
    for (properties, value, currency, expected_left_out) in [
        (
            json!({"revenue": 10, "value": 20, "total": 30}),
            json!(10),
            Value::Null,
            vec![],
        ),
        (
            json!({"value": "20.5", "total": 30}),
            json!(20.5),
            Value::Null,
            vec![],
        ),
        (
            json!({"revenue": "$1,234.50", "value": 20}),
            json!(1234.5),
            Value::Null,
            vec![],
        ),
        (
            json!({"revenue": "12,50", "value": 20}),
            json!(20),
            Value::Null,
            vec!["revenue"],
        ),
        (
            json!({"revenue": "12,50"}),
            Value::Null,
            Value::Null,
            vec!["revenue"],
        ),
        (
            json!({"Revenue": "1e3", "currency": "eur"}),
            json!(1000),
            json!("EUR"),
            vec![],
        ),
        (
            json!({"total": 30, "currency": "Euro"}),
            Value::Null,
            Value::Null,
            vec!["currency"],
        ),
        (
            json!({"value": {"amount": 1}, "currency": 978}),
            json!(1),
            Value::Null,
            vec!["currency"],
        ),
        (
            json!({"revenue": null, "currency": ""}),
            Value::Null,
            Value::Null,
            vec![],
        ),
    ] {
        let (events, left_out) = events_and_left_out(&[], &track_with("m", properties.clone()));
        let event = &events[0];
        assert_eq!(
            (&event["value"], &event["value_currency"]),
            (&value, &currency),
            "{properties}"
        );
        assert_eq!(left_out, expected_left_out, "{properties}");
    }
}

/// Whether every event of an order is recorded without starting flows.
fn is_backfill(settings: &[Setting<'_>], timestamp: &str) -> bool {
    let message = with(order("R1", 1), json!({"timestamp": timestamp}));
    let (events, _) = events_and_left_out(settings, &message);
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
