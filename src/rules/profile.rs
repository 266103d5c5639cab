//! Traits → a Klaviyo profile: <https://segment.com/docs/connections/spec/identify/#traits>

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Stop;
use super::identity::Person;
use super::integrations::Integration;
use super::phone::{self, Phone};
use crate::klaviyo::{ApiRequest, Patch, Profile};
use crate::outcome::RejectReason;
use crate::segment::Message;
use crate::segment::json::{self, Fields, Json};

/// Klaviyo takes profiles up to 100 KB: <https://developers.klaviyo.com/en/reference/create_or_update_profile>
const PROFILE_BYTES: usize = 100_000;

/// A Klaviyo field and the trait it comes from, in every spelling that is read.
type Source = (&'static str, &'static [&'static str]);

const FIRST_NAME: Source = ("first_name", &["firstName", "first_name"]);
const LAST_NAME: Source = ("last_name", &["lastName", "last_name"]);
const ORGANIZATION: Source = ("organization", &["organization", "company"]);
const TEXTS: [Source; 3] = [
    ("title", &["title"]),
    ("image", &["avatar"]),
    ("locale", &["locale"]),
];
const TIMEZONE: Source = ("timezone", &["timezone"]);
const PLACE: [Source; 6] = [
    ("address1", &["street"]),
    ("address2", &["street2", "street_2"]),
    ("city", &["city"]),
    ("region", &["state", "region"]),
    ("zip", &["postalCode", "postal_code", "zip"]),
    ("country", &["country"]),
];

/// The profile that an identify tells of, custom properties and all.
pub(super) fn import<'a>(
    message: &Message<'a>,
    person: &Person<'a>,
    integration: &Integration<'a>,
) -> Result<Profile<'a>, Stop> {
    let mut traits = Traits {
        fields: &message.traits,
        read: vec!["email"],
        patched: Vec::new(),
    };
    let mut attributes = Fields::default();
    let mut location = Fields::default();

    traits.name(&mut attributes);
    traits.company(&mut attributes);
    for source in TEXTS {
        traits.take(source, &mut attributes);
    }
    traits.take(TIMEZONE, &mut location);
    traits.address(&mut location);
    for source in PLACE {
        if !location.has(source.0) {
            traits.take(source, &mut location);
        }
    }

    traits.read.extend(phone::KEYS);
    let patch = patch(integration, &mut traits);
    let mut properties = traits.rest();
    if let Some(Phone::Unreadable(raw)) = person.phone {
        properties.push("phone", Json::Raw(raw));
    }
    let profile = Profile {
        identity: person.identity.clone(),
        phone_number: person.phone.as_ref().and_then(Phone::attribute),
        attributes,
        location,
        properties,
        patch,
    };
    let may_be_too_large = message.raw.get().len() > PROFILE_BYTES / 2;
    if may_be_too_large && ApiRequest::upsert_profile(&profile).body.len() > PROFILE_BYTES {
        return Err(Stop::Reject(RejectReason::ProfileTooLarge));
    }
    Ok(profile)
}

/// The little that an event tells of its profile: identifiers, first and last name.
pub(super) fn of_event<'a>(
    message: &Message<'a>,
    person: &Person<'a>,
    with_phone: bool,
) -> Profile<'a> {
    let mut attributes = Fields::default();
    for (field, keys) in [FIRST_NAME, LAST_NAME] {
        let name = message
            .context_traits
            .text(keys)
            .or_else(|| message.properties.text(keys));
        if let Some(name) = name {
            attributes.push(field, Json::Text(name));
        }
    }
    let number = person
        .phone
        .as_ref()
        .and_then(Phone::number)
        .filter(|_| with_phone);
    Profile {
        identity: person.identity.clone(),
        phone_number: number.map(|number| Json::Text(number.to_owned().into())),
        attributes,
        ..Profile::default()
    }
}

/// Traits, and which of them have found their place.
struct Traits<'t, 'a> {
    fields: &'t Fields<'a>,
    read: Vec<&'static str>,
    patched: Vec<Cow<'a, str>>,
}

impl<'a> Traits<'_, 'a> {
    /// Moves a trait to its Klaviyo field: the first spelling with something in it, else a `null`. Empty
    /// text, as forms send it, says nothing. What is no text at all stays a custom property.
    fn take(&mut self, (field, keys): Source, to: &mut Fields<'a>) {
        let given: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((*key, self.fields.raw(key)?)))
            .collect();
        let text = given
            .iter()
            .find_map(|(_, raw)| json::text(raw))
            .map(Json::Text);
        let null = || {
            given
                .iter()
                .any(|(_, raw)| json::is_null(raw))
                .then_some(Json::Null)
        };
        to.extend_one(field, text.or_else(null));
        let readable = |raw: &RawValue| json::is_blank(raw) || json::text(raw).is_some();
        self.read.extend(
            given
                .into_iter()
                .filter(|(_, raw)| readable(raw))
                .map(|(key, _)| key),
        );
    }

    /// First and last name, else `name` split at its first space.
    fn name(&mut self, attributes: &mut Fields<'a>) {
        self.take(FIRST_NAME, attributes);
        self.take(LAST_NAME, attributes);
        if !attributes.is_empty() {
            return;
        }
        let Some(name) = self.fields.text(&["name"]) else {
            return;
        };
        let (first, last) = match name.split_once(char::is_whitespace) {
            Some((first, last)) => (first.to_owned(), Some(last.trim().to_owned())),
            None => (name.into_owned(), None),
        };
        attributes.push(FIRST_NAME.0, Json::Text(first.into()));
        if let Some(last) = last {
            attributes.push(LAST_NAME.0, Json::Text(last.into()));
        }
        self.read.push("name");
    }

    /// `organization`, `company` or `company.name`.
    fn company(&mut self, attributes: &mut Fields<'a>) {
        self.take(ORGANIZATION, attributes);
        let company = self.fields.object("company");
        if !attributes.has(ORGANIZATION.0) {
            let mut parts = Traits {
                fields: &company,
                read: Vec::new(),
                patched: Vec::new(),
            };
            parts.take((ORGANIZATION.0, &["name"]), attributes);
            let read = parts.read;
            self.settle("company", &company, &read);
        }
    }

    /// The parts of `address`.
    fn address(&mut self, location: &mut Fields<'a>) {
        let address = self.fields.object("address");
        let mut parts = Traits {
            fields: &address,
            read: Vec::new(),
            patched: Vec::new(),
        };
        for source in PLACE {
            parts.take(source, location);
        }
        let read = parts.read;
        self.settle("address", &address, &read);
    }

    /// An object that Klaviyo's fields hold entirely is read; one with more in it is also kept as it is.
    fn settle(&mut self, key: &'static str, object: &Fields, read: &[&str]) {
        if !object.is_empty() && object.iter().all(|(name, _)| read.contains(&name.as_ref())) {
            self.read.push(key);
        }
    }

    /// Values to add to or take from list properties: an object of them, or the names of the traits that
    /// hold them and then are no properties themselves.
    fn changes(&mut self, options: &Fields<'a>, key: &str) -> Fields<'a> {
        let Some(raw) = options.raw(key) else {
            return Fields::default();
        };
        Fields::parse(raw).unwrap_or_else(|| {
            let named = names(raw)
                .into_iter()
                .filter_map(|name| Some((name.clone(), self.fields.raw(&name)?)));
            let changes: Fields = named
                .map(|(name, value)| (name, Json::Raw(value)))
                .collect();
            self.patched
                .extend(changes.iter().map(|(name, _)| name.clone()));
            changes
        })
    }

    /// Everything that has found no place: custom properties, with the types they have.
    fn rest(&self) -> Fields<'a> {
        let is_placed =
            |key: &Cow<str>| self.read.contains(&key.as_ref()) || self.patched.contains(key);
        let rest = self.fields.iter().filter(|(key, _)| !is_placed(key));
        rest.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// `fieldsToUnset`, `fieldsToAppend` and `fieldsToUnappend` of the message's options for Klaviyo.
fn patch<'a>(integration: &Integration<'a>, traits: &mut Traits<'_, 'a>) -> Patch<'a> {
    let options = integration.options();
    Patch {
        unset: options.raw("fieldsToUnset").map(names).unwrap_or_default(),
        append: traits.changes(options, "fieldsToAppend"),
        unappend: traits.changes(options, "fieldsToUnappend"),
    }
}

/// A name, or a list of names.
fn names(raw: &RawValue) -> Vec<Cow<'_, str>> {
    match json::text(raw) {
        Some(name) => vec![name],
        None => {
            let names = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_default();
            names.into_iter().filter_map(json::text).collect()
        }
    }
}
