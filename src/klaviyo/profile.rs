//! Profiles, and the identifiers that Klaviyo knows them by.

use std::borrow::Cow;

use super::attribute::Attribute;
use crate::domain::{Email, ExternalId, PhoneNumber};
use crate::json::JsonObject;

/// The identifiers of a profile, at least one. Nothing else is ever sent to identify a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProfileIdentifiers<'a> {
    /// An email address, and the merchant's own id beside it.
    Email {
        /// The address, which comes first.
        email: Email,
        /// The merchant's own id, unless the email is to be the only identifier.
        external_id: Option<ExternalId<'a>>,
    },
    /// The merchant's own id alone.
    ExternalId(ExternalId<'a>),
    /// A phone number alone.
    PhoneNumber(PhoneNumber),
    /// Klaviyo's own id of a visitor alone, `_kx`.
    ExchangeId(Cow<'a, str>),
}

/// The one identifier that tells a profile from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProfileKey<'i> {
    /// An email address.
    Email(&'i str),
    /// A merchant's own id.
    ExternalId(&'i str),
    /// A phone number.
    PhoneNumber(&'i str),
    /// Klaviyo's own id of a visitor.
    ExchangeId(&'i str),
}

impl<'a> ProfileIdentifiers<'a> {
    /// Returns the identifier that tells the profile from others: the email, else the merchant's
    /// id, else the only one that is there.
    pub fn key(&self) -> ProfileKey<'_> {
        match self {
            ProfileIdentifiers::Email { email, .. } => ProfileKey::Email(email.as_str()),
            ProfileIdentifiers::ExternalId(id) => ProfileKey::ExternalId(id.as_str()),
            ProfileIdentifiers::PhoneNumber(number) => ProfileKey::PhoneNumber(number.as_str()),
            ProfileIdentifiers::ExchangeId(id) => ProfileKey::ExchangeId(id),
        }
    }

    /// Returns the email address.
    pub fn email(&self) -> Option<&Email> {
        match self {
            ProfileIdentifiers::Email { email, .. } => Some(email),
            _ => None,
        }
    }

    /// Returns the merchant's own id.
    pub fn external_id(&self) -> Option<&ExternalId<'a>> {
        match self {
            ProfileIdentifiers::Email { external_id, .. } => external_id.as_ref(),
            ProfileIdentifiers::ExternalId(id) => Some(id),
            ProfileIdentifiers::PhoneNumber(_) | ProfileIdentifiers::ExchangeId(_) => None,
        }
    }

    /// Whether no identifier of `other` has another value here.
    pub fn agrees_with(&self, other: &ProfileIdentifiers<'_>) -> bool {
        is_same_if_both(self.email(), other.email())
            && is_same_if_both(
                self.external_id().map(ExternalId::as_str),
                other.external_id().map(ExternalId::as_str),
            )
    }

    /// Takes the identifiers of `later` too, which win.
    pub fn merge(&mut self, later: ProfileIdentifiers<'a>) {
        let external_id = later.external_id().or(self.external_id()).cloned();
        if let Some(email) = later.email().or(self.email()).cloned() {
            *self = ProfileIdentifiers::Email { email, external_id };
        } else {
            *self = later;
        }
    }
}

fn is_same_if_both<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

impl<'i> ProfileKey<'i> {
    /// Returns the email, id or number as text.
    pub fn value(self) -> &'i str {
        match self {
            ProfileKey::Email(value)
            | ProfileKey::ExternalId(value)
            | ProfileKey::PhoneNumber(value)
            | ProfileKey::ExchangeId(value) => value,
        }
    }
}

/// A profile as one message describes it.
#[derive(Debug, Clone)]
pub struct Profile<'a> {
    /// The person.
    pub identifiers: ProfileIdentifiers<'a>,
    /// A change of the phone number. Klaviyo matches profiles by it too.
    pub phone_number: Option<PhoneChange>,
    /// Klaviyo's own fields: `first_name`, `organization`, …
    pub attributes: JsonObject<'a>,
    /// Klaviyo's own fields of a place: `city`, `zip`, `timezone`, …
    pub location: JsonObject<'a>,
    /// Custom properties, by the merchant's own names.
    pub properties: JsonObject<'a>,
    /// Changes of custom properties that do not need their present values.
    pub patch: PropertyPatch<'a>,
}

/// A change of a profile's phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneChange {
    /// The profile gets this number.
    Set(PhoneNumber),
    /// The profile loses its number.
    Clear,
}

/// `meta.patch_properties` of a profile:
/// <https://developers.klaviyo.com/en/reference/create_or_update_profile>
#[derive(Debug, Clone, Default)]
pub struct PropertyPatch<'a> {
    /// The names of properties to remove.
    pub unset: Vec<Cow<'a, str>>,
    /// Values to add to list properties.
    pub append: JsonObject<'a>,
    /// Values to take out of list properties.
    pub unappend: JsonObject<'a>,
}

impl PropertyPatch<'_> {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.unset.is_empty() && self.append.is_empty() && self.unappend.is_empty()
    }
}

impl<'a> Profile<'a> {
    /// The most bytes of a profile that is merged from several messages. Klaviyo takes 100 KB; the
    /// rest is for what surrounds the fields.
    const MAX_MERGED_BYTES: usize = 80_000;

    /// Creates a profile with nothing but its identifiers.
    pub fn new(identifiers: ProfileIdentifiers<'a>) -> Self {
        Profile {
            identifiers,
            phone_number: None,
            attributes: JsonObject::default(),
            location: JsonObject::default(),
            properties: JsonObject::default(),
            patch: PropertyPatch::default(),
        }
    }

    /// Whether one update can say what `self` and then `later` say. A patch cannot be merged: it
    /// changes whatever the profile holds at that moment.
    pub fn can_merge(&self, later: &Profile<'_>) -> bool {
        self.patch.is_empty()
            && later.patch.is_empty()
            && self.identifiers.agrees_with(&later.identifiers)
            && self.bytes() + later.bytes() < Self::MAX_MERGED_BYTES
    }

    /// Whether the profile clears one of Klaviyo's own fields, which an import job cannot do: it
    /// ignores nulls. <https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api>
    pub(super) fn clears_a_field(&self) -> bool {
        self.phone_number == Some(PhoneChange::Clear)
            || self.attributes.null_keys().next().is_some()
            || self.location.null_keys().next().is_some()
    }

    /// Takes everything of `later`, whose values win.
    pub fn merge(&mut self, later: Profile<'a>) {
        self.identifiers.merge(later.identifiers);
        if later.phone_number.is_some() {
            self.phone_number = later.phone_number;
        }
        self.attributes.overwrite(later.attributes);
        self.location.overwrite(later.location);
        self.properties.overwrite(later.properties);
    }

    /// Drops an attribute that Klaviyo refuses, and returns whether it was there.
    pub(super) fn drop_attribute(&mut self, attribute: &Attribute) -> bool {
        match attribute {
            Attribute::PhoneNumber => self.phone_number.take().is_some(),
            Attribute::ExternalId => match &mut self.identifiers {
                ProfileIdentifiers::Email { external_id, .. } => external_id.take().is_some(),
                _ => false,
            },
            Attribute::Field(name) => self.attributes.remove(name),
            Attribute::Place(name) => self.location.remove(name),
            Attribute::Property(name) => self.properties.remove(name),
            Attribute::Time | Attribute::Value | Attribute::ValueCurrency => false,
        }
    }

    /// Returns about how many bytes the profile takes in memory until it is sent, its JSON included.
    pub(super) fn weight(&self) -> usize {
        let patch = self.patch.append.weight() + self.patch.unappend.weight();
        self.attributes.weight() + self.location.weight() + self.properties.weight() + patch
    }

    fn bytes(&self) -> usize {
        self.attributes.bytes() + self.location.bytes() + self.properties.bytes()
    }
}
