//! Traits as a Klaviyo profile: <https://segment.com/docs/connections/spec/identify/#traits>

use std::borrow::Cow;

use super::context::RuleContext;
use super::exchange_id::EXCHANGE_ID_KEYS;
use super::identity::Customer;
use super::limits;
use super::phone::{self, PHONE_KEYS, PhoneField};
use super::skip::Skip;
use super::traits::{TraitMapping, TraitReader, property_names};
use crate::json::{self, Json, JsonObject, RawObject};
use crate::klaviyo::{ApiRequest, PhoneChange, Profile, ProfileIdentifiers, PropertyPatch};
use crate::outcome::{IgnoreReason, LeftOut, RejectReason};
use crate::segment::Message;

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

const FIRST_NAME: TraitMapping = ("first_name", &["firstName"]);
const LAST_NAME: TraitMapping = ("last_name", &["lastName"]);
const ORGANIZATION: TraitMapping = ("organization", &["organization", "company"]);
const COMPANY_NAME: TraitMapping = ("organization", &["name"]);
const TEXT_FIELDS: [TraitMapping; 3] = [
    ("title", &["title", "position", "jobTitle"]),
    ("image", &["avatar"]),
    ("locale", &["locale"]),
];
/// The region is the last one, as a region among the traits needs another place beside it.
const LOCATION_FIELDS: [TraitMapping; 6] = [
    ("address1", &["street"]),
    ("address2", &["street2"]),
    ("city", &["city"]),
    ("zip", &["postalCode", "zip"]),
    ("country", &["country"]),
    REGION,
];
const REGION: TraitMapping = ("region", &["state", "region"]);

/// The states of a customer's account in Shopify, which are no places:
/// <https://shopify.dev/docs/api/admin-graphql/latest/enums/CustomerState>
const ACCOUNT_STATES: [&str; 4] = ["enabled", "disabled", "invited", "declined"];

/// Returns the profile that an identify describes, custom properties included.
pub(super) fn from_identify<'a>(
    context: &RuleContext<'_, 'a>,
    customer: &Customer<'a>,
) -> Result<Profile<'a>, Skip> {
    let message = context.message;
    let mut traits = TraitReader::new(&message.traits, context.settings.classic_property_names);
    let mut attributes = JsonObject::default();
    let mut location = JsonObject::default();

    traits.mark_consumed("email");
    map_name(&mut traits, &mut attributes);
    map_organization(&mut traits, &mut attributes);
    for mapping in TEXT_FIELDS {
        traits.map_field(mapping, &mut attributes);
    }
    map_location(context, &mut traits, &mut location);
    for key in PHONE_KEYS.into_iter().chain(EXCHANGE_ID_KEYS) {
        traits.mark_consumed(key);
    }
    add_exchange_id(customer, &mut attributes);
    let patch = property_patch(&context.integration.options, &mut traits);
    let mut properties = traits.remaining();
    if let Some(PhoneField::Unreadable(raw)) = customer.phone {
        context.leave_out(phone::UNREADABLE);
        properties.push_some("phone", raw.map(Json::Raw));
    }

    let profile = Profile {
        identifiers: customer.identifiers.clone(),
        phone_number: match customer.identifiers {
            ProfileIdentifiers::PhoneNumber(_) => None,
            _ => customer.phone.as_ref().and_then(PhoneField::change),
        },
        attributes,
        location,
        properties,
        patch,
    };
    checked(profile, message)
}

/// Rejects a profile that is larger or deeper than Klaviyo takes.
fn checked<'a>(profile: Profile<'a>, message: &Message) -> Result<Profile<'a>, Skip> {
    let written = || ApiRequest::upsert_profile(&profile).body;
    if limits::is_nested_too_deeply(message.raw.get(), written) {
        return Err(Skip::Reject(RejectReason::TraitsNestedTooDeeply));
    }
    // Measuring costs a copy, and only a message of half the size can become such a profile.
    let may_be_too_large = message.raw.get().len() > MAX_PROFILE_BYTES / 2;
    if may_be_too_large && written().len() > MAX_PROFILE_BYTES {
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
            Some(name) if is_too_long(&name) => context.leave_out(NAME),
            name => profile.attributes.push_some(field, name.map(Json::Text)),
        }
    }
    add_exchange_id(customer, &mut profile.attributes);
    let is_identifier = matches!(customer.identifiers, ProfileIdentifiers::PhoneNumber(_));
    if with_phone && let Some(phone) = &customer.phone {
        match phone {
            PhoneField::Number(number) if !is_identifier => {
                profile.phone_number = Some(PhoneChange::Set(number.clone()));
            }
            PhoneField::Unreadable(_) => context.leave_out(phone::UNREADABLE),
            PhoneField::Number(_) | PhoneField::Null => {}
        }
    }
    profile
}

/// Whether a name has more bytes in a request than there is room for beside an event.
fn is_too_long(name: &str) -> bool {
    /// A control character is written as `\u0001`.
    const MAX_ESCAPE_BYTES: usize = 6;
    if name.len() <= MAX_NAME_BYTES / MAX_ESCAPE_BYTES {
        return false;
    }
    serde_json::to_string(name).is_ok_and(|written| written.len() > MAX_NAME_BYTES)
}

/// Returns the profile of a person whose group is the organization. A group without a name means
/// nothing.
pub(super) fn from_group<'a>(
    message: &Message<'a>,
    customer: &Customer<'a>,
) -> Result<Profile<'a>, Skip> {
    let name = message.traits.find(&["name"], json::string);
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or(Skip::Ignore(IgnoreReason::UnsupportedType))?;
    let (field, _) = ORGANIZATION;
    let mut profile = Profile::new(customer.identifiers.clone());
    profile.attributes.push(field, Json::Text(name));
    checked(profile, message)
}

/// Adds Klaviyo's own id of the person beside what else identifies.
fn add_exchange_id<'a>(customer: &Customer<'a>, attributes: &mut JsonObject<'a>) {
    if let Some(id) = &customer.exchange_id
        && !matches!(customer.identifiers, ProfileIdentifiers::ExchangeId(_))
    {
        attributes.push("_kx", Json::Text(id.clone()));
    }
}

/// Maps first and last name. One that is no text comes from `name`, split at its first space.
fn map_name<'a>(traits: &mut TraitReader<'_, 'a>, attributes: &mut JsonObject<'a>) {
    let (first_field, first_keys) = FIRST_NAME;
    let (last_field, last_keys) = LAST_NAME;
    let mut first = traits.read(first_keys);
    let mut last = traits.read(last_keys);
    let is_text = |name: &Option<Json>| matches!(name, Some(Json::Text(_)));
    if let Some(name) = traits.object().text(&["name"])
        && !(is_text(&first) && is_text(&last))
    {
        if !is_text(&first) && !is_text(&last) {
            traits.mark_mapped("name");
        }
        let (first_half, last_half) = split_name(name);
        if !is_text(&first) {
            first = Some(Json::Text(first_half));
        }
        if !is_text(&last) {
            last = last_half.map(Json::Text).or(last);
        }
    }
    attributes.push_some(first_field, first);
    attributes.push_some(last_field, last);
}

/// Splits a name at its first space, as Klaviyo Classic did.
fn split_name(name: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match name.split_once(char::is_whitespace) {
        Some((first, last)) => {
            let last = last.trim().to_owned();
            (first.to_owned().into(), Some(last.into()))
        }
        None => (name, None),
    }
}

/// Maps `organization`, `company` or `company.name`.
fn map_organization<'a>(traits: &mut TraitReader<'_, 'a>, attributes: &mut JsonObject<'a>) {
    let (field, keys) = ORGANIZATION;
    let organization = traits.read(keys);
    if !matches!(organization, Some(Json::Text(_))) {
        traits.map_object("company", &[COMPANY_NAME], attributes);
    }
    if !attributes.contains_key(field) {
        attributes.push_some(field, organization);
    }
}

/// Maps the parts of `address`, places among the traits, and the time zone.
fn map_location<'a>(
    context: &RuleContext<'_, 'a>,
    traits: &mut TraitReader<'_, 'a>,
    location: &mut JsonObject<'a>,
) {
    let timezone = match traits.read(&["timezone"]) {
        Some(Json::Text(timezone)) => Some(Json::Text(timezone)),
        cleared => match context.message.timezone() {
            Some(timezone) => Some(Json::Text(timezone)),
            None => cleared,
        },
    };
    location.push_some("timezone", timezone);
    traits.map_object("address", &LOCATION_FIELDS, location);
    for mapping in LOCATION_FIELDS {
        // Parts of the address win over places among the traits.
        let (field, keys) = mapping;
        if location.contains_key(field) {
            continue;
        }
        if mapping != REGION {
            traits.map_field(mapping, location);
        } else if ["city", "zip", "country"]
            .into_iter()
            .any(|place| location.has_value(place))
        {
            location.push_some(field, traits.read_where(keys, is_place));
        }
    }
}

/// Whether a state is a place, and not that of an account.
fn is_place(state: &str) -> bool {
    !ACCOUNT_STATES
        .iter()
        .any(|account_state| account_state.eq_ignore_ascii_case(state))
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
