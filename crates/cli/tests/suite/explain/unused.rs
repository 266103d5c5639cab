//! Fields that are not sent, and why.

use super::*;

#[test]
fn fields_with_invalid_values_are_unused() {
    for (properties, field, expected) in [
        (
            json!({"currency": "dollars"}),
            "properties.currency",
            "cannot be used as value_currency: not a three-letter currency code; passed on unchanged",
        ),
        (
            json!({"revenue": "12,50"}),
            "properties.revenue",
            "cannot be used as value: not a number; passed on unchanged",
        ),
        (
            json!({"price": "12,50"}),
            "properties.price",
            "cannot be used as properties.Price: not a number; passed on unchanged",
        ),
    ] {
        assert_unused(&[], &track("m", &properties), field, expected);
    }

    assert_unused(
        &["--settings", "ENFORCE_EMAIL=false"],
        &track("m", &json!({"phone": "555"})),
        "properties.phone",
        "cannot be used as profile.phone_number: not a valid phone number (international, or of DEFAULT_COUNTRY); passed on unchanged",
    );

    for (timestamp, expected) in [
        ("yesterday", "cannot be used as time: not a valid time"),
        (
            "1999-12-31T00:00:00Z",
            "cannot be used as time: before 2000 or more than a year ahead",
        ),
    ] {
        let mut message = track("m", &json!({}));
        message["timestamp"] = timestamp.into();
        assert_unused(&[], &message, "timestamp", expected);
    }
}

#[test]
fn a_field_that_a_setting_excludes_is_unused() {
    assert_unused(
        &[],
        &track("m", &json!({})),
        "userId",
        "would be sent as profile.external_id with ENFORCE_EMAIL=false",
    );
}

#[test]
fn a_field_without_precedence_is_unused() {
    assert_unused(
        &[],
        &order("R1", 0),
        "messageId",
        "not needed: unique_id comes from properties.order_id",
    );
}

#[test]
fn a_field_that_causes_a_warning_is_not_unread() {
    let options = json!({"Klaviyo": {"listId": "bad id!", "other": 1}});
    let report = report(&[], &identify(&json!({"email": SARAH}), &options));
    assert_eq!(report["warnings"][0]["reason"], "invalid_list_id");
    assert_eq!(
        report["unread"],
        json!(["integrations.Klaviyo.other", "messageId", "timestamp"])
    );
}
