//! Phone numbers.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use serde::Serialize;

/// No number is longer, extension and punctuation included, and the library need not parse a novel.
const MAX_BYTES: usize = 40;

/// A phone number in E.164: `+`, then 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Parses an international number, or a national one by the rules of `country`. Google's
    /// libphonenumber knows how each country writes its numbers, and which of them can exist. Its
    /// metadata is loaded by the first number, which takes about 4 ms.
    pub fn parse(text: &str, country: Option<Region>) -> Option<Self> {
        let is_international = text.trim_start_matches(['(', ' ']).starts_with(['+', '＋']);
        if text.len() > MAX_BYTES || (!is_international && country.is_none()) {
            return None;
        }
        let number = PHONE_NUMBER_UTIL.parse(text, country).ok()?;
        let has_extension = !number.extension().is_empty();
        if (is_international && has_extension) || !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return None;
        }
        let formatted = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164);
        Some(PhoneNumber(formatted.into_owned()))
    }

    /// Returns the number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::PhoneNumber;

    #[test]
    fn only_international_numbers_parse_without_a_country() {
        for (text, expected) in [
            ("+15005550006", Some("+15005550006")),
            ("+1 (500) 555-0006", Some("+15005550006")),
            ("+49.30/123456", Some("+4930123456")),
            ("+44 (0)20 7946 0018", Some("+442079460018")),
            ("+44 07911 123456", Some("+447911123456")),
            ("(+1) 500 555 0006", Some("+15005550006")),
            ("＋１５００５５５０００６", Some("+15005550006")),
            ("+1 (123) 456-7890", None),
            ("500 555 0006", None),
            ("0015005550006", None),
            ("+0123456789", None),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+1 500 555 0006 ext 5", None),
            ("call +15005550006", None),
            ("+", None),
        ] {
            let number = PhoneNumber::parse(text, None);
            assert_eq!(number.as_ref().map(PhoneNumber::as_str), expected, "{text}");
        }
    }
}
