//! Traits as a Klaviyo profile: <https://segment.com/docs/connections/spec/identify/#traits>

use super::context::RuleContext;
use super::identity::Customer;
use super::phone::{self, PHONE_KEYS, PhoneField};
use super::skip::Skip;
use super::traits::{TraitMapping, TraitReader, property_names};
use crate::json::{Json, JsonObject, RawObject};
use crate::klaviyo::{ApiRequest, PhoneChange, Profile, PropertyPatch};
use crate::outcome::{LeftOut, RejectReason};

/// The most bytes of a profile:
/// <https://developers.klaviyo.com/en/reference/create_or_update_profile>
const MAX_PROFILE_BYTES: usize = 100_000;

/// A profile in an event has at most 95 KB, and its names are all that can be long:
/// <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>
const MAX_NAME_BYTES: usize = 40_000;

const NAME: LeftOut = LeftOut {
    field: "name",
    expected: "at most 40,000 bytes beside an event",
};

const FIRST_NAME: TraitMapping = ("first_name", &["firstName", "first_name"]);
const LAST_NAME: TraitMapping = ("last_name", &["lastName", "last_name"]);
const ORGANIZATION: TraitMapping = ("organization", &["organization", "company"]);
const COMPANY_NAME: TraitMapping = ("organization", &["name"]);
const TEXT_FIELDS: [TraitMapping; 3] = [
    ("title", &["title"]),
    ("image", &["avatar"]),
    ("locale", &["locale"]),
];
const TIMEZONE: TraitMapping = ("timezone", &["timezone"]);
const LOCATION_FIELDS: [TraitMapping; 6] = [
    ("address1", &["street"]),
    ("address2", &["street2", "street_2"]),
    ("city", &["city"]),
    ("region", &["state", "region"]),
    ("zip", &["postalCode", "postal_code", "zip"]),
    ("country", &["country"]),
];

/// Returns the profile that an identify describes, custom properties included.
pub(super) fn from_identify<'a>(
    context: &RuleContext<'_, 'a>,
    customer: &Customer<'a>,
) -> Result<Profile<'a>, Skip> {
    let message = context.message;
    let mut traits = TraitReader::new(&message.traits);
    let mut attributes = JsonObject::default();
    let mut location = JsonObject::default();

    traits.mark_consumed("email");
    map_name(&mut traits, &mut attributes);
    map_organization(&mut traits, &mut attributes);
    for mapping in TEXT_FIELDS {
        traits.map_field(mapping, &mut attributes);
    }
    traits.map_field(TIMEZONE, &mut location);
    map_address(&mut traits, &mut location);
    for mapping in LOCATION_FIELDS {
        // Parts of the address win over places among the traits.
        let (field, _) = mapping;
        if !location.contains_key(field) {
            traits.map_field(mapping, &mut location);
        }
    }
    for key in PHONE_KEYS {
        traits.mark_consumed(key);
    }
    let patch = property_patch(&context.integration.options, &mut traits);
    let mut properties = traits.remaining();
    if let Some(PhoneField::Unreadable(raw)) = customer.phone {
        context.leave_out(phone::UNREADABLE);
        properties.push("phone", Json::Raw(raw));
    }

    let profile = Profile {
        identifiers: customer.identifiers.clone(),
        phone_number: customer.phone.as_ref().and_then(PhoneField::change),
        attributes,
        location,
        properties,
        patch,
    };
    // Measuring costs a copy, and only a message of half the size can become such a profile.
    let may_be_too_large = message.raw.get().len() > MAX_PROFILE_BYTES / 2;
    if may_be_too_large && ApiRequest::upsert_profile(&profile).body.len() > MAX_PROFILE_BYTES {
        return Err(Skip::Reject(RejectReason::ProfileTooLarge));
    }
    Ok(profile)
}

/// Returns the profile that an event names: identifiers, first and last name.
pub(super) fn for_event<'a>(
    context: &RuleContext<'_, 'a>,
    customer: &Customer<'a>,
    with_phone: bool,
) -> Profile<'a> {
    let message = context.message;
    let mut profile = Profile::new(customer.identifiers.clone());
    for (field, keys) in [FIRST_NAME, LAST_NAME] {
        let name = message
            .context_traits
            .text(keys)
            .or_else(|| message.properties.text(keys));
        match name {
            Some(name) if name.len() > MAX_NAME_BYTES => context.leave_out(NAME),
            name => profile.attributes.push_some(field, name.map(Json::Text)),
        }
    }
    if with_phone {
        let number = customer.phone.as_ref().and_then(PhoneField::number);
        profile.phone_number = number.cloned().map(PhoneChange::Set);
    }
    profile
}

/// Maps first and last name, else splits `name` at its first space.
fn map_name<'a>(traits: &mut TraitReader<'_, 'a>, attributes: &mut JsonObject<'a>) {
    traits.map_field(FIRST_NAME, attributes);
    traits.map_field(LAST_NAME, attributes);
    if !attributes.is_empty() {
        return;
    }
    let Some(name) = traits.object().text(&["name"]) else {
        return;
    };
    traits.mark_consumed("name");
    let (first_name, _) = FIRST_NAME;
    let (last_name, _) = LAST_NAME;
    match name.split_once(char::is_whitespace) {
        Some((first, last)) => {
            attributes.push(first_name, Json::Text(first.to_owned().into()));
            attributes.push(last_name, Json::Text(last.trim().to_owned().into()));
        }
        None => attributes.push(first_name, Json::Text(name)),
    }
}

/// Maps `organization`, `company` or `company.name`.
fn map_organization<'a>(traits: &mut TraitReader<'_, 'a>, attributes: &mut JsonObject<'a>) {
    traits.map_field(ORGANIZATION, attributes);
    let (field, _) = ORGANIZATION;
    if !attributes.contains_key(field) {
        let company = traits.object().object("company");
        traits.map_object("company", &company, &[COMPANY_NAME], attributes);
    }
}

/// Maps the parts of `address`.
fn map_address<'a>(traits: &mut TraitReader<'_, 'a>, location: &mut JsonObject<'a>) {
    let address = traits.object().object("address");
    traits.map_object("address", &address, &LOCATION_FIELDS, location);
}

/// Reads `fieldsToUnset`, `fieldsToAppend` and `fieldsToUnappend` of the message's options.
fn property_patch<'a>(
    options: &RawObject<'a>,
    traits: &mut TraitReader<'_, 'a>,
) -> PropertyPatch<'a> {
    PropertyPatch {
        unset: options
            .get("fieldsToUnset")
            .map(property_names)
            .unwrap_or_default(),
        append: traits.list_changes(options.get("fieldsToAppend")),
        unappend: traits.list_changes(options.get("fieldsToUnappend")),
    }
}
