//! The keys of the ledger.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::ListId;

/// The key of one question: a person, a list and a message. It is an HMAC, so that whoever reads the
/// table learns no address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerKey(String);

impl LedgerKey {
    /// Creates the key. `secret` is known to the function alone; `person` is an address or a number.
    #[expect(clippy::expect_used, reason = "an HMAC takes a key of any length")]
    pub fn new(secret: &[u8], list_id: &ListId, person: &str, message: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
        for part in [list_id.as_str(), person, message] {
            mac.update(part.as_bytes());
            // No part holds this byte, so no two questions are written alike.
            mac.update(&[0xFF]);
        }
        let digest = mac.finalize().into_bytes();
        LedgerKey(format!("consent/{}", hex::encode(digest)))
    }

    /// Returns a key that belongs to no question.
    pub(super) fn for_check(id: &str) -> Self {
        LedgerKey(format!("check/{id}"))
    }

    /// Returns the key as the table has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_people_lists_and_messages_have_other_keys() {
        let list = |id| ListId::parse(id).unwrap();
        let key = |secret: &str, id, person, message| {
            LedgerKey::new(secret.as_bytes(), &list(id), person, message)
        };
        let one = key("pk_1", "Y6nRLr", "sarah@klaviyo-demo.com", "m1");
        assert_eq!(one, key("pk_1", "Y6nRLr", "sarah@klaviyo-demo.com", "m1"));
        for other in [
            key("pk_2", "Y6nRLr", "sarah@klaviyo-demo.com", "m1"),
            key("pk_1", "Y6nRLs", "sarah@klaviyo-demo.com", "m1"),
            key("pk_1", "Y6nRLr", "sarah@klaviyo-demo.co", "mm1"),
            key("pk_1", "Y6nRLr", "sarah@klaviyo-demo.com", "m2"),
        ] {
            assert_ne!(one, other);
        }
        assert!(!one.as_str().contains("sarah"));
    }
}
