//! Names that Klaviyo knows things by: lists, metrics, and profiles by the merchant's own id.

use std::borrow::Cow;

use serde::Serialize;

/// The id of a list, such as `Y6nRLr`. It becomes part of request paths, so it holds letters,
/// digits, `-` and `_` only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(String);

impl ListId {
    /// Parses 1 to 64 letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if is_plain && (1..=64).contains(&text.len()) {
            Some(ListId(text.to_owned()))
        } else {
            None
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The merchant's own id of a person, 1 to 255 characters.
/// <https://developers.klaviyo.com/en/reference/create_or_update_profile>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ExternalId<'a>(Cow<'a, str>);

impl<'a> ExternalId<'a> {
    /// The most characters that Klaviyo takes.
    const MAX_CHARACTERS: usize = 255;

    /// Parses 1 to 255 characters.
    pub fn parse(text: Cow<'a, str>) -> Option<Self> {
        if text.is_empty() || text.chars().count() > Self::MAX_CHARACTERS {
            None
        } else {
            Some(ExternalId(text))
        }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a metric: 1 to 127 characters, not all of them spaces.
/// <https://developers.klaviyo.com/en/reference/create_event>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct MetricName<'a>(Cow<'a, str>);

impl<'a> MetricName<'a> {
    /// Klaviyo takes names of fewer characters than this.
    const CHARACTER_LIMIT: usize = 128;

    /// The metric of one line of an order.
    pub const ORDERED_PRODUCT: MetricName<'static> = MetricName::from_static("Ordered Product");
    /// The metric of an order.
    pub const ORDER_COMPLETED: MetricName<'static> = MetricName::from_static("Order Completed");
    /// The metric of an order, unless `SEND_PLACED_ORDER_AS_ORDER_COMPLETED` is on.
    pub const PLACED_ORDER: MetricName<'static> = MetricName::from_static("Placed Order");

    /// Takes a name that is written in the code. In a constant, the compiler checks its length.
    pub const fn from_static(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() < Self::CHARACTER_LIMIT);
        MetricName(Cow::Borrowed(name))
    }

    /// Parses a name of 1 to 127 characters.
    pub fn parse(text: Cow<'a, str>) -> Option<Self> {
        if text.trim().is_empty() || text.chars().count() >= Self::CHARACTER_LIMIT {
            None
        } else {
            Some(MetricName(text))
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_ids_are_safe_in_a_path() {
        for (text, is_valid) in [
            ("Y6nRLr", true),
            ("a-b_9", true),
            ("", false),
            ("../x", false),
            ("a b", false),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(ListId::parse(text).is_some(), is_valid, "{text}");
        }
    }

    #[test]
    fn names_and_ids_keep_to_klaviyos_limits_in_characters() {
        for (characters, is_metric, is_id) in [
            (0, false, false),
            (1, true, true),
            (127, true, true),
            (128, false, true),
            (255, false, true),
            (256, false, false),
        ] {
            let text = "ü".repeat(characters);
            assert_eq!(
                MetricName::parse(text.clone().into()).is_some(),
                is_metric,
                "{characters}"
            );
            assert_eq!(
                ExternalId::parse(text.into()).is_some(),
                is_id,
                "{characters}"
            );
        }
        assert_eq!(MetricName::parse("  ".into()), None);
    }
}
