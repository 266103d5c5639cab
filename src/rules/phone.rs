//! Phone numbers: an attribute in E.164, never a reason to lose a message.

use serde_json::value::RawValue;

use super::identity::PHONE_KEYS;
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

/// The phone number among these traits or properties.
pub(super) fn read<'a>(fields: &Fields<'a>) -> Option<Phone<'a>> {
    let raw = PHONE_KEYS.iter().find_map(|key| fields.raw(key))?;
    if json::is_null(raw) {
        return Some(Phone::Cleared);
    }
    Some(
        json::text(raw)
            .and_then(|text| e164(&text))
            .map_or(Phone::Unreadable(raw), Phone::Number),
    )
}

/// An international number without the punctuation people put into it.
fn e164(text: &str) -> Option<String> {
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
            assert_eq!(e164(text).as_deref(), expected, "{text}");
        }
    }
}
