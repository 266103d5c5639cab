//! Phone numbers: an attribute in E.164, never a reason to lose a message.

use serde_json::value::RawValue;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

use crate::segment::json::{self, Fields, Json};

/// What a message says of a phone number.
pub(super) enum Phone<'a> {
    /// A number in E.164: `+` and 7 to 15 digits.
    Number(String),
    /// Something else, kept as the merchant wrote it.
    Unreadable(&'a RawValue),
    /// `null`: to be cleared.
    Cleared,
}

impl<'a> Phone<'a> {
    /// What goes into the profile's `phone_number`.
    pub(super) fn attribute(&self) -> Option<Json<'a>> {
        match self {
            Phone::Number(number) => Some(Json::Text(number.clone().into())),
            Phone::Unreadable(_) => None,
            Phone::Cleared => Some(Json::Null),
        }
    }

    /// The number, when there is one that can be called.
    pub(super) fn number(&self) -> Option<&str> {
        match self {
            Phone::Number(number) => Some(number),
            Phone::Unreadable(_) | Phone::Cleared => None,
        }
    }
}

/// The spellings of the phone number's trait.
pub(super) const KEYS: [&str; 3] = ["phone", "phoneNumber", "phone_number"];

/// The phone number among these traits or properties: the first that can be read, else what is there.
pub(super) fn read<'a>(sources: &[&Fields<'a>], country: Option<Region>) -> Option<Phone<'a>> {
    let given = || {
        sources
            .iter()
            .flat_map(|fields| KEYS.iter().filter_map(|key| fields.raw(key)))
    };
    let number = given()
        .find_map(|raw| e164(&json::text(raw)?, country))
        .map(Phone::Number);
    let unreadable = || {
        given()
            .find(|raw| !json::is_blank(raw))
            .map(Phone::Unreadable)
    };
    let cleared = || {
        given()
            .find(|raw| json::is_null(raw))
            .map(|_| Phone::Cleared)
    };
    number.or_else(unreadable).or_else(cleared)
}

/// The number in E.164: an international one without the punctuation people put into it, a national one
/// by the rules of the country.
fn e164(text: &str, country: Option<Region>) -> Option<String> {
    international(text).or_else(|| national(text, country?))
}

fn international(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+')?;
    if digits
        .chars()
        .any(|c| !c.is_ascii_digit() && !" -.()/\u{a0}".contains(c))
    {
        return None;
    }
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    ((7..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

/// Google's libphonenumber knows how each country writes its numbers.
fn national(text: &str, country: Region) -> Option<String> {
    // No number is longer (with an extension and punctuation), and the library need not see a novel.
    if text.len() > 40 {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(text, Some(country)).ok()?;
    let valid = PHONE_NUMBER_UTIL.is_valid_number(&number);
    valid.then(|| {
        PHONE_NUMBER_UTIL
            .format(&number, PhoneNumberFormat::E164)
            .into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::e164;

    #[test]
    fn only_international_numbers_are_read() {
        for (text, expected) in [
            ("+15005550006", Some("+15005550006")),
            ("+1 (500) 555-0006", Some("+15005550006")),
            ("+49.30/123456", Some("+4930123456")),
            ("500 555 0006", None),
            ("0015005550006", None),
            ("+0123456789", None),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+1 500 555 0006 ext 5", None),
            ("+", None),
        ] {
            assert_eq!(e164(text, None).as_deref(), expected, "{text}");
        }
    }
}
