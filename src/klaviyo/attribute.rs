//! The attributes that a refusal can be about. Such a refusal costs the attribute, and not the
//! operation.

use crate::outcome::LeftOut;

/// An attribute of an operation that Klaviyo refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// The phone number of a profile, or SMS consent.
    PhoneNumber,
    /// The merchant's own id, beside an email.
    ExternalId,
    /// The time of an event.
    Time,
    /// The value of an event.
    Value,
    /// The currency of an event's value.
    ValueCurrency,
    /// One of Klaviyo's own fields of a profile: `locale`, `image`, `title`, …
    Field(&'static str),
    /// A part of a profile's location: `timezone`, `zip`, …
    Place(&'static str),
    /// A custom property, by its name.
    Property(String),
}

const FIELDS: [&str; 7] = [
    "_kx",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
];

const PLACES: [&str; 9] = [
    "address1",
    "address2",
    "city",
    "country",
    "latitude",
    "longitude",
    "region",
    "zip",
    "timezone",
];

impl Attribute {
    /// Returns the attribute at a JSON pointer into a request; none if the pointer is about the
    /// operation as a whole, or about what it cannot do without.
    pub(super) fn at(pointer: &str) -> Option<Self> {
        if pointer.contains("/subscriptions/sms") {
            return Some(Attribute::PhoneNumber);
        }
        if let Some((_, path)) = pointer.split_once("/properties/") {
            let name = path.split('/').next().filter(|name| !name.is_empty())?;
            // https://www.rfc-editor.org/rfc/rfc6901#section-4
            return Some(Attribute::Property(
                name.replace("~1", "/").replace("~0", "~"),
            ));
        }
        if pointer.contains("/metric/") {
            return None;
        }
        let (_, path) = pointer.rsplit_once("attributes/")?;
        Attribute::named(path)
    }

    /// Returns the attribute with a name of Klaviyo's, such as `phone_number` or
    /// `location/timezone`.
    pub(super) fn named(name: &str) -> Option<Self> {
        let attribute = match name {
            "phone_number" | "age_gated_date_of_birth" => Attribute::PhoneNumber,
            "external_id" => Attribute::ExternalId,
            "time" => Attribute::Time,
            "value" => Attribute::Value,
            "value_currency" => Attribute::ValueCurrency,
            _ => match name.strip_prefix("location/") {
                Some(place) => Attribute::Place(find(&PLACES, place)?),
                None => Attribute::Field(find(&FIELDS, name)?),
            },
        };
        Some(attribute)
    }

    /// Returns what to tell the merchant.
    pub fn left_out(&self, expected: &'static str) -> LeftOut {
        let field = match self {
            Attribute::PhoneNumber => "phone",
            Attribute::ExternalId => "external_id",
            Attribute::Time => "time",
            Attribute::Value => "value",
            Attribute::ValueCurrency => "currency",
            Attribute::Field(name) | Attribute::Place(name) => name,
            Attribute::Property(_) => "a property",
        };
        LeftOut { field, expected }
    }
}

fn find(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_name_attributes_in_every_kind_of_request() {
        for (pointer, expected) in [
            ("/data/attributes/locale", Some(Attribute::Field("locale"))),
            (
                "/data/attributes/profiles/data/3/attributes/location/timezone",
                Some(Attribute::Place("timezone")),
            ),
            (
                "/data/attributes/profile/data/attributes/phone_number",
                Some(Attribute::PhoneNumber),
            ),
            (
                "/data/attributes/profiles/data/0/attributes/subscriptions/sms",
                Some(Attribute::PhoneNumber),
            ),
            (
                "/data/attributes/events-bulk-create/data/0/attributes/events/data/2/attributes/value_currency",
                Some(Attribute::ValueCurrency),
            ),
            (
                "/data/attributes/properties/a~1b/attributes/x",
                Some(Attribute::Property("a/b".to_owned())),
            ),
            ("/data/attributes/email", None),
            ("/data/attributes/metric/data/attributes/name", None),
            ("/data/attributes/profiles/data/3", None),
            ("", None),
        ] {
            assert_eq!(Attribute::at(pointer), expected, "{pointer}");
        }
    }
}
