//! The ids by which Klaviyo knows an event again.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::json;

/// The id of an event, 1 to 255 characters. Klaviyo keeps one event for each profile, metric and
/// unique id, so an id that a resend repeats makes the resend harmless.
/// <https://developers.klaviyo.com/en/reference/create_event>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UniqueId(String);

impl UniqueId {
    /// Klaviyo takes ids of fewer characters than this.
    const CHARACTER_LIMIT: usize = 256;

    /// Takes over an id. One that is too long, or empty, becomes its hash, which is as unique.
    pub fn new(id: &str) -> Self {
        if id.is_empty() || id.chars().count() >= Self::CHARACTER_LIMIT {
            UniqueId::hash(id)
        } else {
            UniqueId(id.to_owned())
        }
    }

    /// Creates an id from text that a resend repeats byte for byte.
    pub fn hash(text: &str) -> Self {
        // A message from a queue has them escaped.
        let text = json::escape_noncharacters(text);
        UniqueId(hex::encode(Sha256::digest(text.as_ref())))
    }

    /// Creates the id of a part of something that has an id: `order-1` and `sku-2` give
    /// `order-1_sku-2`.
    pub fn join(whole: &str, part: &str) -> Self {
        UniqueId::new(&[whole, "_", part].concat())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::UniqueId;

    #[test]
    fn only_ids_that_klaviyo_would_refuse_are_hashed() {
        for (characters, length) in [(0, 64), (1, 1), (255, 255), (256, 64)] {
            assert_eq!(
                UniqueId::new(&"x".repeat(characters)).as_str().len(),
                length
            );
        }
        assert_eq!(UniqueId::join("order-1", "sku-2").as_str(), "order-1_sku-2");
    }
}
