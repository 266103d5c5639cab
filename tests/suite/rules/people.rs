//! Whom a message is about, and where the answer names a place that the rules do not read.

use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::segment::Message;
use serde_json::{Value, json};
use time::macros::datetime;

use super::outcome::{outcome, with};
use crate::support::people::{LI, PHONE, SARAH};
use crate::support::settings::{Setting, rule_settings};

pub(super) const OPEN: Setting = ("ENFORCE_EMAIL", "false");
const ANONYMOUS: Setting = ("FALLBACK_ON_ANONYMOUS_ID", "true");

pub(super) fn seen(fields: Value) -> Value {
    with(
        json!({"type": "track", "event": "Seen", "messageId": "m"}),
        fields,
    )
}

/// Returns the identifiers that the first request of a message has, or why there is none.
pub(super) fn identifiers(settings: &[Setting<'_>], message: &Value) -> Value {
    let outcome = outcome(settings, message);
    let Some(request) = outcome["requests"].get(0) else {
        return outcome["ignored"].clone();
    };
    let (_, data) = request.as_object().unwrap().iter().next().unwrap();
    let of_event = data.pointer("/attributes/profile/data/attributes");
    let attributes = of_event.unwrap_or(&data["attributes"]);
    let mut found = json!({});
    for name in [
        "email",
        "external_id",
        "phone_number",
        "_kx",
        "anonymous_id",
    ] {
        if let Some(value) = attributes.get(name) {
            found[name] = value.clone();
        }
    }
    found
}

/// Returns the text that the answer gives for a message that is ignored.
fn detail(settings: &[Setting<'_>], message: &Value) -> String {
    let raw = serde_json::value::to_raw_value(message).unwrap();
    let settings = rule_settings(settings.iter().copied());
    let now = datetime!(2026-11-20 12:00 UTC);
    match decide(&Message::parse(&raw).unwrap(), &settings, now) {
        Decision::Ignore(reason) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn characters_that_nobody_sees_are_no_part_of_an_identifier() {
    for (fields, expected) in [
        (
            json!({"properties": {"email": "\u{feff}sarah@klaviyo-demo.com"}}),
            json!({"email": SARAH}),
        ),
        (
            json!({"userId": "\u{200e}Sarah@klaviyo-demo.com\u{200b}"}),
            json!({"email": SARAH}),
        ),
        (
            json!({"userId": "usr\u{2060}_1"}),
            json!({"external_id": "usr_1"}),
        ),
        (json!({"userId": "\u{200b}"}), json!("no_identifier")),
        (
            json!({"userId": "usr_1", "context": {"traits": {"phone": "\u{202d}+1 500 555 0006\u{202c}"}}}),
            json!({"external_id": "usr_1", "phone_number": PHONE}),
        ),
    ] {
        assert_eq!(
            identifiers(&[OPEN], &seen(fields.clone())),
            expected,
            "{fields}"
        );
    }
}

#[test]
fn an_address_that_cannot_be_used_gives_way_to_the_next() {
    let long = format!("{}@klaviyo-demo.com", "o".repeat(83));
    assert_eq!(long.chars().count(), 100);
    for (email, expected) in [
        (&long[..], LI),
        (&long[1..], &long[1..]),
        ("sarah", LI),
        ("", LI),
    ] {
        let message =
            seen(json!({"properties": {"email": email}, "context": {"traits": {"email": LI}}}));
        assert_eq!(
            identifiers(&[], &message),
            json!({"email": expected}),
            "{email}"
        );
    }
}

#[test]
fn further_places_of_the_address_come_before_the_user_id() {
    let places: &[Setting] = &[(
        "EMAIL_FROM",
        "properties.customer.email, context.user.E-mail,traits.contacts.1.email",
    )];
    for (fields, expected) in [
        (
            json!({"properties": {"customer": {"email": "Sarah@Klaviyo-Demo.com"}}}),
            SARAH,
        ),
        (json!({"properties": {"Customer": {"EMAIL": SARAH}}}), SARAH),
        (json!({"context": {"user": {"email": SARAH}}}), SARAH),
        (
            json!({"traits": {"contacts": [{"email": LI}, {"email": SARAH}]}}),
            SARAH,
        ),
        (
            json!({"properties": {"customer": {"email": LI}, "email": SARAH}}),
            SARAH,
        ),
        (
            json!({"properties": {"customer": {"email": SARAH}}, "userId": LI}),
            SARAH,
        ),
        (
            json!({"properties": {"customer": {"email": "none"}}, "userId": SARAH}),
            SARAH,
        ),
        (
            json!({"properties": {"customer": "x"}, "userId": SARAH}),
            SARAH,
        ),
    ] {
        let found = identifiers(places, &seen(fields.clone()));
        assert_eq!(found, json!({"email": expected}), "{fields}");
    }
}

#[test]
fn a_message_without_an_address_names_the_place_of_one() {
    for (fields, place) in [
        (
            json!({"properties": {"customer_email": SARAH}}),
            "properties.customer_email",
        ),
        (
            json!({"properties": {"customer": {"Mail": SARAH}}}),
            "properties.customer.Mail",
        ),
        (
            json!({"properties": {"order": {"contacts": [1, {"mail": SARAH}]}}}),
            "properties.order.contacts.1.mail",
        ),
        (
            json!({"context": {"user": {"email": SARAH}}}),
            "context.user.email",
        ),
        (json!({"traits": {"login": SARAH}}), "traits.login"),
    ] {
        let message = seen(fields.clone());
        let detail = detail(&[], &message);
        assert!(
            detail.contains(&format!("EMAIL_FROM={place}")),
            "{fields}: {detail}"
        );
        assert!(!detail.contains("klaviyo-demo"), "{detail}");
        let settings = [("EMAIL_FROM", place)];
        assert_eq!(
            identifiers(&settings, &message),
            json!({"email": SARAH}),
            "{place}"
        );
    }
}

/// A key may itself be an address or a number, which no answer may hold.
#[test]
fn no_answer_names_a_key_that_may_be_personal() {
    for fields in [
        json!({"properties": {"li@klaviyo-demo.com": {"mail": SARAH}}}),
        json!({"properties": {"+15005550006": SARAH}}),
        json!({"properties": {"15005550006": {"mail": SARAH}}}),
        json!({"properties": {"x".repeat(200): SARAH}}),
        json!({"properties": {"note": "write to sarah@klaviyo-demo.com"}}),
        json!({"properties": {"handle": "@sarah"}}),
        json!({"properties": {}}),
    ] {
        let detail = detail(&[], &seen(fields.clone()));
        assert!(!detail.contains("EMAIL_FROM"), "{fields}: {detail}");
        assert!(
            !detail.contains("5005550006") && !detail.contains("klaviyo-demo"),
            "{detail}"
        );
    }
}

#[test]
fn a_phone_number_identifies_somebody_without_email_and_id() {
    let phone =
        json!({"context": {"traits": {"phone": "+1 (500) 555-0006"}}, "anonymousId": "anon"});
    let unreadable = json!({"context": {"traits": {"phone": "soon"}}, "anonymousId": "anon"});
    for (settings, fields, expected) in [
        (&[OPEN][..], &phone, json!({"phone_number": PHONE})),
        (&[OPEN, ANONYMOUS], &phone, json!({"phone_number": PHONE})),
        (
            &[OPEN, ANONYMOUS],
            &unreadable,
            json!({"external_id": "anon"}),
        ),
        (&[OPEN], &unreadable, json!("no_identifier")),
        (&[ANONYMOUS], &phone, json!("no_email")),
    ] {
        let found = identifiers(settings, &seen(fields.clone()));
        assert_eq!(found, expected, "{settings:?} {fields}");
    }
    let identify = json!({"type": "identify", "traits": {"phone": PHONE, "firstName": "Tom"}});
    assert_eq!(
        identifiers(&[OPEN], &identify),
        json!({"phone_number": PHONE})
    );
}

#[test]
fn characters_that_nobody_sees_are_no_part_of_a_list_id() {
    let subscribed = |settings: &[Setting<'_>], message: &Value| {
        let outcome = outcome(settings, message);
        let requests = outcome["requests"].as_array().unwrap();
        let lists = requests.iter().find_map(|request| {
            let data = request.get("POST /api/profile-subscription-bulk-create-jobs")?;
            data.pointer("/relationships/list/data/id").cloned()
        });
        lists.unwrap_or_default()
    };
    let identify = json!({
        "type": "identify",
        "traits": {"email": SARAH},
        "integrations": {"Klaviyo": {"listId": "\u{feff}LIST1"}},
    });
    assert_eq!(subscribed(&[], &identify), "LIST1");
    let group = json!({
        "type": "group",
        "groupId": "LIST1\u{200b}",
        "userId": SARAH,
        "traits": {"subscribe": true},
    });
    assert_eq!(subscribed(&[("GROUP_LISTS", "true")], &group), "LIST1");
}

#[test]
fn a_phone_number_that_cannot_be_read_is_said() {
    let said = json!(["field_left_out: phone"]);
    let null = Value::Null;
    for (settings, fields, warnings) in [
        (
            OPEN,
            json!({"context": {"traits": {"phone": "+1 123"}}}),
            &said,
        ),
        (OPEN, json!({"properties": {"phones": ["soon"]}}), &said),
        (
            OPEN,
            json!({"properties": {"phone": "+1 123", "phones": [PHONE]}}),
            &null,
        ),
        (OPEN, json!({"properties": {"phone": null}}), &null),
        // With email as the only identifier, the number of an event is not read.
        (
            ("ENFORCE_EMAIL", "true"),
            json!({"properties": {"phone": "+1 123"}}),
            &null,
        ),
    ] {
        let message = with(seen(json!({"userId": SARAH})), fields);
        let found = outcome(&[settings], &message);
        assert_eq!(found["warnings"], *warnings, "{message}");
    }
}

#[test]
fn an_address_that_cannot_be_read_is_said_when_another_one_takes_its_place() {
    let said = json!(["field_left_out: email"]);
    for (settings, fields, warnings) in [
        (
            &[][..],
            json!({"traits": {"email": "sarah"}, "userId": SARAH}),
            &said,
        ),
        (
            &[],
            json!({"traits": {"email": "sarah"}, "context": {"traits": {"email": SARAH}}}),
            &said,
        ),
        (
            &[OPEN],
            json!({"traits": {"email": "sarah"}, "userId": "usr_1"}),
            &said,
        ),
        (
            &[],
            json!({"traits": {"email": ""}, "userId": SARAH}),
            &Value::Null,
        ),
        (
            &[],
            json!({"traits": {"email": SARAH}, "context": {"traits": {"email": "sarah"}}}),
            &Value::Null,
        ),
    ] {
        let identify = with(json!({"type": "identify", "messageId": "m"}), fields);
        let found = outcome(settings, &identify);
        assert_eq!(found["warnings"], *warnings, "{identify}");
    }
}
