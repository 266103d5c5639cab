//! Times of events, in every form, and the fields that stand in for an unreadable timestamp.

use serde_json::{Value, json};

use super::outcome::{outcome, with};
use crate::support::messages::track;
use crate::support::settings::Setting;

/// Returns the time of an event with these fields, whether it starts no flow, and the warnings.
fn time(settings: &[Setting<'_>], fields: Value) -> Value {
    let outcome = outcome(settings, &with(track("m"), fields));
    let event = &outcome["requests"][0]["POST /api/events"]["attributes"];
    json!([event["time"], event["backfill"], outcome["warnings"]])
}

#[test]
fn times_of_other_languages_are_read() {
    let ten = "2026-11-20T10:00:00.000Z";
    for (timestamp, expected) in [
        ("2026-11-20T10:00:00Z", ten),
        ("2026-11-20T10:00:00", ten),
        ("2026-11-20 10:00:00", ten),
        ("2026-11-20 10:00:00Z", ten),
        ("2026-11-20T10:00:00+0000", ten),
        ("2026-11-20T12:00:00+0200", ten),
        ("2026-11-20T04:30:00-0530", ten),
        ("2026-11-20 10:00:00.000000", ten),
        (
            "2026-11-20 10:00:00.250000+00:00",
            "2026-11-20T10:00:00.250Z",
        ),
        ("2026-11-20 12:00:00+02", ten),
        ("2026-11-20 10:00:00 UTC", ten),
        ("2026-11-20T10:00:00.1234567Z", "2026-11-20T10:00:00.123Z"),
        ("1795169730", "2026-11-20T10:15:30.000Z"),
    ] {
        let found = time(&[], json!({"timestamp": timestamp}));
        assert_eq!(found, json!([expected, null, null]), "{timestamp}");
    }
}

#[test]
fn a_timestamp_that_cannot_be_used_gives_way_to_the_next_time() {
    let original = "2026-11-19T08:00:00Z";
    let received = "2026-11-18T07:00:00Z";
    let (at_eight, at_seven) = ("2026-11-19T08:00:00.000Z", "2026-11-18T07:00:00.000Z");
    for (fields, expected) in [
        (
            json!({"timestamp": "yesterday", "originalTimestamp": original}),
            at_eight,
        ),
        (
            json!({"timestamp": "", "originalTimestamp": original}),
            at_eight,
        ),
        (
            json!({"timestamp": null, "originalTimestamp": original}),
            at_eight,
        ),
        (
            json!({"timestamp": "1970-01-01T00:00:00Z", "originalTimestamp": original}),
            at_eight,
        ),
        (
            json!({"timestamp": "2126-01-01T00:00:00Z", "originalTimestamp": original}),
            at_eight,
        ),
        (
            json!({"timestamp": "x", "originalTimestamp": "y", "receivedAt": received}),
            at_seven,
        ),
        (
            json!({"timestamp": "x", "originalTimestamp": original, "receivedAt": received}),
            at_eight,
        ),
    ] {
        let found = time(&[], fields.clone());
        assert_eq!(found[0], expected, "{fields}");
    }
}

#[test]
fn a_time_that_nobody_can_read_is_said() {
    for (fields, warnings) in [
        (
            json!({"timestamp": "soon"}),
            json!(["field_left_out: timestamp"]),
        ),
        (
            json!({"timestamp": 0}),
            json!(["field_left_out: timestamp"]),
        ),
        (
            json!({"timestamp": "soon", "originalTimestamp": "later", "receivedAt": {}}),
            json!(["field_left_out: timestamp"]),
        ),
        (json!({"timestamp": null}), Value::Null),
        (json!({"timestamp": ""}), Value::Null),
    ] {
        let found = time(&[], fields.clone());
        assert_eq!(found, json!([null, null, warnings]), "{fields}");
    }
}

#[test]
fn old_events_are_old_by_the_time_that_is_sent() {
    let day: &[Setting] = &[("BACKFILL_AFTER_HOURS", "24")];
    for (fields, backfill) in [
        (json!({"timestamp": "2026-11-18 10:00:00"}), json!(true)),
        (json!({"timestamp": "2026-11-20 10:00:00"}), Value::Null),
        (
            json!({"timestamp": "x", "originalTimestamp": "2026-11-18T10:00:00Z"}),
            json!(true),
        ),
        (
            json!({"timestamp": "x", "receivedAt": "2026-11-20T10:00:00Z"}),
            Value::Null,
        ),
        (json!({"timestamp": "x"}), Value::Null),
    ] {
        assert_eq!(time(day, fields.clone())[1], backfill, "{fields}");
    }
}
