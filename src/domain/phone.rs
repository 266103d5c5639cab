//! Phone numbers.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use serde::Serialize;

/// A phone number in E.164: `+`, then 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Parses an international number, without the punctuation that people put into it, or a
    /// national one by the rules of `country`.
    pub fn parse(text: &str, country: Option<Region>) -> Option<Self> {
        parse_international(text).or_else(|| parse_national(text, country?))
    }

    /// Returns the number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parse_international(text: &str) -> Option<PhoneNumber> {
    let mut number = String::from("+");
    for c in text.strip_prefix('+')?.chars() {
        if c.is_ascii_digit() {
            number.push(c);
        } else if !" -.()/\u{a0}".contains(c) {
            return None;
        }
    }
    let digits = number.len() - 1;
    if (7..=15).contains(&digits) && !number.starts_with("+0") {
        Some(PhoneNumber(number))
    } else {
        None
    }
}

/// Google's libphonenumber knows how each country writes its numbers.
fn parse_national(text: &str, country: Region) -> Option<PhoneNumber> {
    /// No number is longer, extension and punctuation included, and the library need not parse a
    /// novel.
    const MAX_BYTES: usize = 40;
    if text.len() > MAX_BYTES {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(text, Some(country)).ok()?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
        return None;
    }
    let formatted = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164);
    Some(PhoneNumber(formatted.into_owned()))
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
            ("500 555 0006", None),
            ("0015005550006", None),
            ("+0123456789", None),
            ("+123456", None),
            ("+1234567890123456", None),
            ("+1 500 555 0006 ext 5", None),
            ("+", None),
        ] {
            let number = PhoneNumber::parse(text, None);
            assert_eq!(number.as_ref().map(PhoneNumber::as_str), expected, "{text}");
        }
    }
}
