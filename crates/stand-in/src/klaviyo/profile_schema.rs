//! The schema of a profile, as several endpoints take it:
//! <https://developers.klaviyo.com/en/reference/create_or_update_profile>

use serde_json::{Map, Value};

use super::schema::{Member, Schema, nullable, optional, required};
use super::text_rules::{any, email, id};

/// The members that identify a profile. Klaviyo needs one of them, or its own id.
pub(super) const IDENTIFIERS: [&str; 5] = [
    "email",
    "external_id",
    "phone_number",
    "anonymous_id",
    "_kx",
];

/// The most bytes of a profile: "The maximum payload size per-profile is 100KB."
const MAX_PROFILE_BYTES: usize = 100 * 1024;
/// The most bytes of the profile of an event:
/// <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>
const MAX_EVENT_PROFILE_BYTES: usize = 95_000;

const COORDINATE: Schema = Schema::Either(&Schema::Text(any), &Schema::Number);

const LOCATION: Schema = Schema::Object(&[
    nullable("address1", Schema::Text(any)),
    nullable("address2", Schema::Text(any)),
    nullable("city", Schema::Text(any)),
    nullable("country", Schema::Text(any)),
    nullable("latitude", COORDINATE),
    nullable("longitude", COORDINATE),
    nullable("region", Schema::Text(any)),
    nullable("zip", Schema::Text(any)),
    nullable("timezone", Schema::Text(any)),
    nullable("ip", Schema::Text(any)),
]);

const TEXTS: Schema = Schema::Array(&Schema::Text(any), 0, usize::MAX);

const META: Schema = Schema::Object(&[
    optional(
        "patch_properties",
        Schema::Object(&[
            nullable("append", Schema::OpenObject(any_members)),
            nullable("unappend", Schema::OpenObject(any_members)),
            nullable("unset", Schema::Either(&Schema::Text(any), &TEXTS)),
        ]),
    ),
    optional(
        "patch_identifiers",
        Schema::Object(&[
            optional("append", Schema::OpenObject(any_members)),
            optional("unappend", Schema::OpenObject(any_members)),
        ]),
    ),
]);

const EMAIL: Member = nullable("email", Schema::Text(email));
/// An impossible number does not always refuse the request: `phones` decides.
const PHONE_NUMBER: Member = nullable("phone_number", Schema::Text(any));
const EXTERNAL_ID: Member = nullable("external_id", Schema::Text(id));
const KX: Member = nullable("_kx", Schema::Text(any));
const FIRST_NAME: Member = nullable("first_name", Schema::Text(any));
const LAST_NAME: Member = nullable("last_name", Schema::Text(any));
const ORGANIZATION: Member = nullable("organization", Schema::Text(any));
const LOCALE: Member = nullable("locale", Schema::Text(any));
const TITLE: Member = nullable("title", Schema::Text(any));
const IMAGE: Member = nullable("image", Schema::Text(any));
const PROPERTIES: Member = nullable("properties", Schema::OpenObject(any_members));

/// A profile to create or update.
pub(super) const PROFILE: Schema = Schema::Checked(
    &Schema::Object(&[
        required("type", Schema::Constant("profile")),
        nullable("id", Schema::Text(any)),
        required(
            "attributes",
            Schema::Object(&[
                EMAIL,
                PHONE_NUMBER,
                EXTERNAL_ID,
                KX,
                FIRST_NAME,
                LAST_NAME,
                ORGANIZATION,
                LOCALE,
                TITLE,
                IMAGE,
                optional("location", LOCATION),
                PROPERTIES,
            ]),
        ),
        optional("meta", META),
    ]),
    profile_rule,
);

/// The profile of an event. Unlike other profiles it may have an anonymous id.
pub(super) const EVENT_PROFILE: Schema = Schema::Checked(
    &Schema::Object(&[
        required("type", Schema::Constant("profile")),
        nullable("id", Schema::Text(any)),
        required(
            "attributes",
            Schema::Object(&[
                EMAIL,
                PHONE_NUMBER,
                EXTERNAL_ID,
                nullable("anonymous_id", Schema::Text(any)),
                KX,
                FIRST_NAME,
                LAST_NAME,
                ORGANIZATION,
                LOCALE,
                TITLE,
                IMAGE,
                optional("location", LOCATION),
                PROPERTIES,
            ]),
        ),
        optional("meta", META),
    ]),
    event_profile_rule,
);

fn any_members(_: &Map<String, Value>) -> Result<(), &'static str> {
    Ok(())
}

fn profile_rule(profile: &Map<String, Value>) -> Result<(), &'static str> {
    if is_larger_than(MAX_PROFILE_BYTES, profile) {
        return Err("The maximum payload size per-profile is 100KB");
    }
    identified(profile)
}

fn event_profile_rule(profile: &Map<String, Value>) -> Result<(), &'static str> {
    if is_larger_than(MAX_EVENT_PROFILE_BYTES, profile) {
        return Err("The maximum size of the profile is 95 KB");
    }
    identified(profile)
}

fn is_larger_than(bytes: usize, profile: &Map<String, Value>) -> bool {
    serde_json::to_vec(profile).map_or(0, |json| json.len()) > bytes
}

fn identified(profile: &Map<String, Value>) -> Result<(), &'static str> {
    let is_identifier = |value: Option<&Value>| value.is_some_and(Value::is_string);
    let attributes = profile.get("attributes").and_then(Value::as_object);
    let mut is_identified = is_identifier(profile.get("id"));
    for name in IDENTIFIERS {
        is_identified |= is_identifier(attributes.and_then(|attributes| attributes.get(name)));
    }
    if is_identified {
        Ok(())
    } else {
        Err("At least one profile identifier is required")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::klaviyo::testing::pointers_of;

    fn pointers(schema: Schema, profile: &Value) -> Vec<String> {
        pointers_of(schema.check(profile))
    }

    #[test]
    fn a_profile_needs_one_identifier() {
        let profile = |attributes| json!({"type": "profile", "attributes": attributes});
        for attributes in [
            json!({"email": "sarah@klaviyo-demo.com"}),
            json!({"external_id": "usr_1"}),
            json!({"phone_number": "+15005550006"}),
            json!({"_kx": "x"}),
        ] {
            assert_eq!(
                pointers(PROFILE, &profile(attributes.clone())),
                [""; 0],
                "{attributes}"
            );
        }
        let with_id = json!({"type": "profile", "id": "1", "attributes": {}});
        assert_eq!(pointers(PROFILE, &with_id), [""; 0]);
        for attributes in [
            json!({}),
            json!({"email": null}),
            json!({"first_name": "Sarah"}),
        ] {
            assert_eq!(
                pointers(PROFILE, &profile(attributes.clone())),
                [""],
                "{attributes}"
            );
        }
    }

    #[test]
    fn attributes_are_klaviyo_s_and_of_the_right_kind() {
        let profile = json!({"type": "profile", "meta": {"patch_properties": {"unset": ["old"]}}, "attributes": {
            "email": "s@klaviyo-demo.com", "location": {"latitude": 1.5, "longitude": "2", "city": null},
            "properties": {"anything": [{}]}}});
        assert_eq!(pointers(PROFILE, &profile), [""; 0]);
        let wrong = json!({"type": "profile", "meta": {"patch_properties": {"unset": [1]}}, "attributes": {
            "email": "nobody", "location": {"state": "NY", "zip": 10017},
            "first_name": 5, "firstName": "Sarah", "properties": []}});
        let expected = [
            "/attributes/email",
            "/attributes/first_name",
            "/attributes/location/zip",
            "/attributes/location/state",
            "/attributes/properties",
            "/attributes/firstName",
            "/meta/patch_properties/unset/0",
        ];
        assert_eq!(pointers(PROFILE, &wrong), expected);
    }

    #[test]
    fn only_the_profile_of_an_event_has_an_anonymous_id() {
        let profile = json!({"type": "profile", "attributes": {"anonymous_id": "a"}});
        assert_eq!(pointers(EVENT_PROFILE, &profile), [""; 0]);
        assert_eq!(pointers(PROFILE, &profile), ["/attributes/anonymous_id"]);
    }

    #[test]
    fn a_profile_has_a_limited_size() {
        let profile = |bytes: usize| json!({"type": "profile", "attributes": {"external_id": "1", "properties": {"x": "x".repeat(bytes)}}});
        assert_eq!(pointers(PROFILE, &profile(102_000)), [""; 0]);
        assert_eq!(pointers(PROFILE, &profile(102_400)), [""]);
        assert_eq!(pointers(EVENT_PROFILE, &profile(94_000)), [""; 0]);
        assert_eq!(pointers(EVENT_PROFILE, &profile(95_000)), [""]);
    }
}
