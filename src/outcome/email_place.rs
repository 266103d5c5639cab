//! The place of an address that the rules do not read.

use std::fmt;

/// The place of an address in a message, such as `properties.customer.email`, as `EMAIL_FROM` takes
/// it. Its keys are names that somebody gave to a field: a key that may be somebody's address or
/// number makes no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailPlace(String);

impl EmailPlace {
    /// Takes the keys from the message on.
    pub fn new(path: &[String]) -> Option<Self> {
        if path.iter().all(|key| is_name(key)) {
            Some(EmailPlace(path.join(".")))
        } else {
            None
        }
    }

    /// Returns the place as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailPlace {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name(key: &str) -> bool {
    const MAX_BYTES: usize = 40;
    /// A position in an array, a version or a year: shorter than any phone number.
    const MAX_DIGITS: usize = 4;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ');
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    (1..=MAX_BYTES).contains(&key.len()) && key.bytes().all(is_plain) && digits <= MAX_DIGITS
}
