//! Traits of profiles.

use serde_json::{Value, json};

use super::outcome::{outcome, profile, with};
use crate::support::messages::identify;
use crate::support::people::{PHONE, SARAH};

#[test]
fn national_phone_numbers_need_a_country() {
    let us = [("DEFAULT_COUNTRY", "US")];
    for (number, expected) in [
        (json!("(650) 253-0000"), "+16502530000"),
        (json!(6_502_530_000_i64), "+16502530000"),
        (json!("+44 20 7031 3000"), "+442070313000"),
    ] {
        let profile = profile(&us, &identify(SARAH, json!({"phone": number})));
        assert_eq!(profile["phone_number"], expected, "{number}");
    }
    let without = outcome(&[], &identify(SARAH, json!({"phone": "(650) 253-0000"})));
    let attributes = &without["requests"][0]["POST /api/profile-import"]["attributes"];
    assert_eq!(attributes["phone_number"], Value::Null);
    assert_eq!(attributes["properties"]["phone"], "(650) 253-0000");
    assert_eq!(without["warnings"], json!(["field_left_out: phone"]));
}

#[test]
fn the_first_usable_spelling_of_a_trait_counts() {
    for traits in [
        json!({"phone": null, "phone_number": PHONE}),
        json!({"phone": "call me", "phoneNumber": PHONE}),
    ] {
        assert_eq!(
            profile(&[], &identify(SARAH, traits.clone())),
            json!({"email": SARAH, "phone_number": PHONE}),
            "{traits}"
        );
    }
}

#[test]
fn empty_traits_are_left_out() {
    let form = json!({"firstName": null, "first_name": "Sarah", "lastName": "", "title": " "});
    let plain = [("CLASSIC_PROPERTY_NAMES", "false")];
    assert_eq!(
        profile(&plain, &identify(SARAH, form)),
        with(json!({"email": SARAH}), json!({"first_name": "Sarah"}))
    );
}
