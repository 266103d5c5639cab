//! Email addresses.

use serde::Serialize;

/// Klaviyo takes addresses of fewer characters than this:
/// <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>
const CHARACTER_LIMIT: usize = 100;

/// A valid email address, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Parses an address by the form that Klaviyo asks for: one `@`, and a domain with a dot in it.
    /// Stricter rules would cost customers: carriers have given out addresses such as `a..b@…`,
    /// which no standard allows.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let (name, top_level) = domain.rsplit_once('.')?;
        for part in [local, name, top_level] {
            if part.is_empty() || part.contains(is_forbidden) {
                return None;
            }
        }
        if text.chars().count() >= CHARACTER_LIMIT {
            return None;
        }
        Some(Email(text.to_lowercase()))
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Klaviyo answers 202 to events of this address and silently drops them, as it does
    /// for two domains that only samples use.
    pub fn is_dropped_by_klaviyo(&self) -> bool {
        let domain = self.0.rsplit_once('@').map(|(_, domain)| domain);
        matches!(domain, Some("example.com" | "test.com"))
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "@<>()[]\\,;:\"".contains(c)
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn addresses_are_lower_cased_and_need_a_domain() {
        for (text, expected) in [
            (
                "Sarah.Mason@Klaviyo-Demo.com",
                Some("sarah.mason@klaviyo-demo.com"),
            ),
            ("a+b@klaviyo-demo.co.uk", Some("a+b@klaviyo-demo.co.uk")),
            ("a..b.@klaviyo-demo.ne.jp", Some("a..b.@klaviyo-demo.ne.jp")),
            ("\"a b\"@klaviyo-demo.com", None),
            ("sarah@klaviyo-demo.com, li@klaviyo-demo.com", None),
            ("sarah@klaviyo-demo.", None),
            ("@klaviyo-demo.com", None),
            ("sarah", None),
            ("sarah@localhost", None),
            ("sarah mason@klaviyo-demo.com", None),
            ("Sarah <sarah@klaviyo-demo.com>", None),
            ("sarah@[127.0.0.1]", None),
            ("a@b@klaviyo-demo.com", None),
            ("", None),
        ] {
            assert_eq!(
                Email::parse(text).as_ref().map(Email::as_str),
                expected,
                "{text}"
            );
        }
    }
}
