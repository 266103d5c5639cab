//! Traits that come from more than one place.

use serde_json::{Value, json};

use super::outcome::{outcome, profile, with};
use crate::support::messages::{identify, identify_with};
use crate::support::people::{PHONE, SARAH};
use crate::support::settings::Setting;

const PLAIN: Setting = ("CLASSIC_PROPERTY_NAMES", "false");

/// Returns the profile of an identify with these traits, without its email.
fn plain_profile(traits: Value) -> Value {
    let mut profile = profile(&[PLAIN], &identify(SARAH, traits));
    profile.as_object_mut().unwrap().remove("email");
    profile
}

#[test]
fn a_missing_half_of_a_name_comes_from_the_whole_name() {
    for (traits, expected) in [
        (
            json!({"name": "Ada Brook"}),
            json!({"first_name": "Ada", "last_name": "Brook"}),
        ),
        (
            json!({"firstName": "Ada", "lastName": null, "name": "Ada Brook"}),
            json!({"first_name": "Ada", "last_name": "Brook"}),
        ),
        (
            json!({"firstName": "", "lastName": "Brook", "name": "Ada Brook"}),
            json!({"first_name": "Ada", "last_name": "Brook"}),
        ),
        (
            json!({"name": "Ada  Maria Brook "}),
            json!({"first_name": "Ada", "last_name": "Maria Brook"}),
        ),
        (json!({"name": "Ada"}), json!({"first_name": "Ada"})),
        (
            json!({"firstName": "Ada", "lastName": null, "name": "Ada"}),
            json!({"first_name": "Ada", "last_name": null}),
        ),
        (json!({"firstName": null}), json!({"first_name": null})),
    ] {
        let mut profile = plain_profile(traits.clone());
        profile.as_object_mut().unwrap().remove("properties");
        assert_eq!(profile, expected, "{traits}");
    }
}

#[test]
fn a_trait_has_other_names_that_stand_in_for_it() {
    for (traits, field, expected) in [
        (
            json!({"title": "Dr", "position": "Baker"}),
            "/title",
            json!("Dr"),
        ),
        (
            json!({"title": "", "position": "Baker"}),
            "/title",
            json!("Baker"),
        ),
        (
            json!({"title": null, "jobTitle": "Baker"}),
            "/title",
            json!("Baker"),
        ),
        (json!({"position": 3}), "/title", json!("3")),
        (
            json!({"company": {"name": "Loom"}}),
            "/organization",
            json!("Loom"),
        ),
        (
            json!({"company": "Loom", "organization": null}),
            "/organization",
            json!("Loom"),
        ),
        (
            json!({"phones": ["+1 500 555 0006", "+1 500 555 0007"]}),
            "/phone_number",
            json!(PHONE),
        ),
        (
            json!({"phones": ["soon", PHONE]}),
            "/phone_number",
            json!(PHONE),
        ),
        (
            json!({"phone": "", "phones": [PHONE]}),
            "/phone_number",
            json!(PHONE),
        ),
    ] {
        let found = plain_profile(traits.clone());
        assert_eq!(found.pointer(field), Some(&expected), "{traits}");
    }
    let found = plain_profile(json!({"phones": [PHONE]}));
    assert_eq!(
        found["properties"]["phones"],
        json!([PHONE]),
        "further numbers are not lost"
    );
}

#[test]
fn phones_without_a_number_are_said() {
    let said = json!(["field_left_out: phone"]);
    for (traits, number, warnings) in [
        (json!({"phones": PHONE}), json!(PHONE), &Value::Null),
        (json!({"phones": ["soon"]}), Value::Null, &said),
        (json!({"phones": "soon"}), Value::Null, &said),
        (json!({"phones": [{"number": PHONE}]}), Value::Null, &said),
        (json!({"phones": []}), Value::Null, &Value::Null),
        (json!({"phones": [null, ""]}), Value::Null, &Value::Null),
        (json!({"phones": null}), Value::Null, &Value::Null),
    ] {
        let found = outcome(&[], &identify(SARAH, traits.clone()));
        let attributes = &found["requests"][0]["POST /api/profile-import"]["attributes"];
        assert_eq!(attributes["phone_number"], number, "{traits}");
        assert_eq!(found["warnings"], *warnings, "{traits}");
        let kept = traits["phones"].clone();
        assert_eq!(attributes["properties"]["phones"], kept, "{traits}");
        assert_eq!(attributes["properties"].get("phone"), None, "{traits}");
    }
    let cleared = outcome(
        &[],
        &identify(SARAH, json!({"phone": null, "phones": ["soon"]})),
    );
    let attributes = &cleared["requests"][0]["POST /api/profile-import"]["attributes"];
    assert_eq!(attributes.get("phone_number"), Some(&Value::Null));
}

#[test]
fn a_time_zone_of_the_traits_comes_before_that_of_the_context() {
    let lisbon = json!({"timezone": "Europe/Lisbon"});
    for (traits, context, expected) in [
        (json!({}), &lisbon, json!("Europe/Lisbon")),
        (json!({"timezone": null}), &lisbon, json!("Europe/Lisbon")),
        (
            json!({"Time Zone": "America/Denver"}),
            &lisbon,
            json!("America/Denver"),
        ),
        (
            json!({"timezone": "America/Denver"}),
            &json!({}),
            json!("America/Denver"),
        ),
        (json!({}), &json!({}), Value::Null),
    ] {
        let message = with(identify(SARAH, traits.clone()), json!({"context": context}));
        let found = profile(&[], &message);
        let found = found
            .pointer("/location/timezone")
            .cloned()
            .unwrap_or_default();
        assert_eq!(found, expected, "{traits} {context}");
    }
}

#[test]
fn a_state_is_a_place_only_beside_one() {
    for (traits, region) in [
        (json!({"state": "OH", "zip": "43004"}), json!("OH")),
        (json!({"region": "Ohio", "City": "Dayton"}), json!("Ohio")),
        (json!({"state": "OH", "country": "US"}), json!("OH")),
        (
            json!({"state": "OH", "address": {"city": "Dayton"}}),
            json!("OH"),
        ),
        (json!({"address": {"state": "OH"}}), json!("OH")),
        (
            json!({"address": {"city": "Dayton", "state": "OH"}, "state": "enabled"}),
            json!("OH"),
        ),
        (json!({"state": "Ohio"}), Value::Null),
        (json!({"region": "Ohio"}), Value::Null),
        (json!({"state": "enabled"}), Value::Null),
        (json!({"state": "Enabled", "city": "Bergen"}), Value::Null),
        (json!({"state": "disabled", "zip": "5003"}), Value::Null),
        (json!({"state": "invited", "country": "NO"}), Value::Null),
        (json!({"state": "declined", "city": "Bergen"}), Value::Null),
        (
            json!({"state": "enabled", "region": "Vestland", "city": "Bergen"}),
            json!("Vestland"),
        ),
        (json!({"state": "OH", "city": ""}), Value::Null),
    ] {
        let found = plain_profile(traits.clone());
        let found_region = found
            .pointer("/location/region")
            .cloned()
            .unwrap_or_default();
        assert_eq!(found_region, region, "{traits}");
        let state = traits.get("state").filter(|state| **state != region);
        assert_eq!(found.pointer("/properties/state"), state, "{traits}");
    }
}

#[test]
fn phone_numbers_are_those_that_can_exist() {
    for (number, expected) in [
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+44 07911 123456", "+447911123456"),
        ("+49 (0) 30 / 123456", "+4930123456"),
        ("+39 06 1234567", "+39061234567"),
    ] {
        assert_eq!(
            plain_profile(json!({"phone": number})),
            json!({"phone_number": expected})
        );
    }
    for number in [
        "+1 (123) 456-7890",
        "+1 500 555",
        "+999 12345678",
        "+1 500 555 0006 ext 5",
    ] {
        let found = outcome(&[], &identify(SARAH, json!({"phone": number})));
        let attributes = &found["requests"][0]["POST /api/profile-import"]["attributes"];
        assert_eq!(attributes["phone_number"], Value::Null, "{number}");
        assert_eq!(attributes["properties"]["phone"], number);
        assert_eq!(
            found["warnings"],
            json!(["field_left_out: phone"]),
            "{number}"
        );
    }
}

/// Returns a group message with these fields.
fn group(fields: Value) -> Value {
    let message = json!({"type": "group", "messageId": "m", "userId": SARAH, "groupId": "g"});
    with(message, fields)
}

#[test]
fn a_group_of_a_browser_names_the_organization() {
    let traits = json!({"name": "Lithander Paper", "plan": "trade"});
    for fields in [
        json!({"channel": "client"}),
        json!({"channel": "browser"}),
        json!({"context": {"library": {"name": "analytics.js", "version": "2.11.1"}}}),
    ] {
        let message = with(group(json!({"traits": traits})), fields);
        assert_eq!(
            profile(&[], &message),
            json!({"email": SARAH, "organization": "Lithander Paper"})
        );
    }
    for fields in [
        json!({"traits": traits}),
        json!({"traits": traits, "channel": "server"}),
        json!({"traits": {"name": 5}, "channel": "client"}),
        json!({"traits": {"name": " "}, "channel": "client"}),
        json!({"traits": {"plan": "trade"}, "channel": "client"}),
    ] {
        let found = outcome(&[], &group(fields.clone()));
        assert_eq!(found, json!({"ignored": "unsupported_type"}), "{fields}");
    }
    let listed = group(json!({"traits": traits, "channel": "client"}));
    let found = outcome(&[("GROUP_LISTS", "true")], &listed);
    assert_eq!(found, json!({"ignored": "no_subscribe_trait"}));
}

#[test]
fn mapped_traits_are_custom_properties_too_as_in_classic() {
    let address = json!({"street": "18 Rua do Carvão", "city": "Aveiro", "state": "AV"});
    let traits = json!({
        "Email": SARAH,
        "firstName": "Inês",
        "lastName": null,
        "title": "",
        "phone": PHONE,
        "address": address,
        "company": "Papelmar",
        "exchangeId": "Xk2",
        "tier": "gold",
    });
    let message = identify_with(traits, json!({}));
    let kept = json!({
        "firstName": "Inês",
        "title": "",
        "address": address,
        "company": "Papelmar",
        "tier": "gold",
    });
    let found = profile(&[], &message);
    assert_eq!(found["properties"], kept);
    assert_eq!(
        (&found["first_name"], &found["organization"]),
        (&json!("Inês"), &json!("Papelmar"))
    );
    let found = profile(&[PLAIN], &message);
    assert_eq!(found["properties"], json!({"tier": "gold"}));
}
