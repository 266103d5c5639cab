//! Currency codes.

use serde::{Serialize, Serializer};

/// A code that has the form of ISO 4217: three letters, in upper case. Klaviyo decides whether
/// there is such a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Parses three letters in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut code: [u8; 3] = text.as_bytes().try_into().ok()?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        code.make_ascii_uppercase();
        Some(Currency(code))
    }

    /// Returns the code as text.
    #[expect(
        clippy::expect_used,
        reason = "the constructor takes ASCII letters only"
    )]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a code of ASCII letters")
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Currency;

    #[test]
    fn codes_are_three_letters() {
        for (text, expected) in [
            ("usd", Some("USD")),
            ("EUR", Some("EUR")),
            ("US", None),
            ("US$", None),
            ("€", None),
        ] {
            assert_eq!(
                Currency::parse(text).as_ref().map(Currency::as_str),
                expected,
                "{text}"
            );
        }
    }
}
