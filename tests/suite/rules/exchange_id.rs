//! Klaviyo's own id of a visitor, `_kx`: where it is read, and when it is enough.

use serde_json::json;

use super::outcome::outcome;
use super::people::{OPEN, identifiers, seen};
use crate::support::people::{PHONE, SARAH};
use crate::support::settings::Setting;

#[test]
fn klaviyos_own_id_goes_beside_what_else_identifies() {
    let kx = "Xk2-demo.AbCdEf";
    for (settings, traits, expected) in [
        (
            &[][..],
            json!({"exchangeId": kx, "email": SARAH}),
            json!({"email": SARAH, "_kx": kx}),
        ),
        (&[], json!({"exchangeId": kx}), json!("no_email")),
        (&[OPEN], json!({"exchangeId": kx}), json!({"_kx": kx})),
        (&[OPEN], json!({"_kx": kx}), json!({"_kx": kx})),
        (
            &[OPEN],
            json!({"exchange_id": kx, "phone": PHONE}),
            json!({"phone_number": PHONE, "_kx": kx}),
        ),
        (&[OPEN], json!({"exchangeId": ""}), json!("no_identifier")),
    ] {
        let identify = json!({"type": "identify", "messageId": "m", "traits": traits});
        assert_eq!(identifiers(settings, &identify), expected, "{traits}");
        let track = seen(json!({"context": {"traits": traits}}));
        assert_eq!(identifiers(settings, &track), expected, "{traits}");
    }
    let identify = json!({"type": "identify", "userId": "usr_1", "traits": {"exchangeId": kx}});
    let expected = json!({"external_id": "usr_1", "_kx": kx});
    assert_eq!(identifiers(&[OPEN], &identify), expected);
}

#[test]
fn klaviyos_own_id_is_read_elsewhere_and_is_enough_where_it_is_accepted() {
    const ACCEPTED: Setting = ("ACCEPT_KX", "true");
    let kx = "Xk2-demo.AbCdEf";
    let address = format!("https://klaviyo-demo.com/caps?_kx={kx}&utm_source=mail");
    let alone = json!({"_kx": kx});
    for (settings, fields, expected) in [
        (&[ACCEPTED][..], json!({"properties": {"_kx": kx}}), &alone),
        (
            &[ACCEPTED],
            json!({"properties": {"Exchange ID": kx}}),
            &alone,
        ),
        (
            &[ACCEPTED],
            json!({"context": {"page": {"url": address}}}),
            &alone,
        ),
        (
            &[ACCEPTED],
            json!({"context": {"page": {"url": "https://klaviyo-demo.com/caps", "search": format!("?_kx={kx}")}}}),
            &alone,
        ),
        (
            &[ACCEPTED],
            json!({"context": {"traits": {"_kx": kx}}}),
            &alone,
        ),
        (
            &[ACCEPTED],
            json!({"properties": {"_kx": kx, "email": SARAH}}),
            &json!({"_kx": kx, "email": SARAH}),
        ),
        (
            &[ACCEPTED],
            json!({"properties": {"_kx": "k".repeat(1_001)}, "context": {"page": {"url": address}}}),
            &alone,
        ),
        (
            &[ACCEPTED, OPEN],
            json!({"userId": "usr_1", "context": {"page": {"url": address}}}),
            &json!({"_kx": kx, "external_id": "usr_1"}),
        ),
        (
            &[ACCEPTED],
            json!({"properties": {"_kx": ""}}),
            &json!("no_email"),
        ),
        (&[], json!({"properties": {"_kx": kx}}), &json!("no_email")),
        (
            &[],
            json!({"context": {"page": {"url": address}}}),
            &json!("no_email"),
        ),
        (
            &[],
            json!({"properties": {"_kx": kx, "email": SARAH}}),
            &json!({"email": SARAH}),
        ),
    ] {
        assert_eq!(
            &identifiers(settings, &seen(fields.clone())),
            expected,
            "{fields}"
        );
    }
    let identify = json!({"type": "identify", "traits": {"_kx": kx, "firstName": "Sarah"}});
    assert_eq!(identifiers(&[ACCEPTED], &identify), alone);
    let long = seen(json!({"properties": {"_kx": "k".repeat(1_001), "email": SARAH}}));
    let said = json!(["field_left_out: exchangeId"]);
    assert_eq!(outcome(&[ACCEPTED], &long)["warnings"], said);
}
