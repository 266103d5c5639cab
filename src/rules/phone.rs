//! The phone number of a message. One that cannot be read costs itself, never the message.

use rlibphonenumber::Region;

use crate::domain::PhoneNumber;
use crate::json::{self, Raw, RawObject};
use crate::klaviyo::PhoneChange;
use crate::outcome::LeftOut;

/// The spellings of the phone number's trait.
pub(super) const PHONE_KEYS: [&str; 2] = ["phone", "phoneNumber"];

/// A number that cannot be read is no phone number of the profile.
pub(super) const UNREADABLE: LeftOut = LeftOut {
    field: "phone",
    expected: "a number such as +15005550006, or a national one and DEFAULT_COUNTRY",
};

/// The phone number in a message.
pub(super) enum PhoneField<'a> {
    /// A number that Klaviyo takes.
    Number(PhoneNumber),
    /// A value that is no number. It stays a custom property as the merchant wrote it: `phone`, or
    /// its own name if there is none here.
    Unreadable(Option<Raw<'a>>),
    /// `null`, by which the number is cleared.
    Null,
}

impl PhoneField<'_> {
    /// Returns the number, if there is one.
    pub(super) fn number(&self) -> Option<&PhoneNumber> {
        match self {
            PhoneField::Number(number) => Some(number),
            PhoneField::Unreadable(_) | PhoneField::Null => None,
        }
    }

    /// Returns the change of the profile's number.
    pub(super) fn change(&self) -> Option<PhoneChange> {
        match self {
            PhoneField::Number(number) => Some(PhoneChange::Set(number.clone())),
            PhoneField::Unreadable(_) => None,
            PhoneField::Null => Some(PhoneChange::Clear),
        }
    }
}

/// Finds the phone number among these traits or properties: the first that parses, also among
/// `phones`, else the first that is not blank, else a `null`, else `phones` without a number.
pub(super) fn find<'a>(
    sources: &[&RawObject<'a>],
    country: Option<Region>,
) -> Option<PhoneField<'a>> {
    let mut unreadable = None;
    let mut null = None;
    for object in sources {
        for key in PHONE_KEYS {
            for (_, raw) in object.spellings(key) {
                if let Some(number) = read(raw, country) {
                    return Some(PhoneField::Number(number));
                }
                if json::is_null(raw) {
                    null = Some(PhoneField::Null);
                } else if unreadable.is_none() && !json::is_blank(raw) {
                    unreadable = Some(PhoneField::Unreadable(Some(raw)));
                }
            }
        }
    }
    let mut unreadable_list = None;
    for object in sources {
        let Some(phones) = object.get("phones") else {
            continue;
        };
        let mut elements = json::raw_elements(phones);
        if !phones.get().starts_with('[') {
            elements.push(phones);
        }
        if let Some(number) = elements.iter().find_map(|raw| read(*raw, country)) {
            return Some(PhoneField::Number(number));
        }
        if elements.iter().any(|raw| !json::is_blank(*raw)) {
            unreadable_list = Some(PhoneField::Unreadable(None));
        }
    }
    unreadable.or(null).or(unreadable_list)
}

fn read(raw: Raw<'_>, country: Option<Region>) -> Option<PhoneNumber> {
    PhoneNumber::parse(&json::identifier(raw)?, country)
}
