//! Names that say nothing, and sealed contents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::Sha256;

/// The name of an item of the table.
pub(super) type ItemId = String;

/// An id of a person, or their address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name<'i> {
    /// A `userId`.
    User(&'i str),
    /// An `anonymousId`.
    Visitor(&'i str),
    /// An address.
    Address(&'i str),
    /// An event that waits: the item of its id, and a hash of the message.
    Event(&'i str, &'i str),
}

/// The keys that one secret gives. AES-256-GCM comes with the TLS library.
pub(super) struct Vault {
    names: [u8; 32],
    contents: LessSafeKey,
}

impl Vault {
    /// Derives the keys from a secret, each under a label of its own.
    #[expect(clippy::expect_used, reason = "a SHA-256 is a key of AES-256")]
    pub(super) fn new(secret: &[u8]) -> Self {
        let contents = hmac(secret, &[b"segment-klaviyo identity contents 1"]);
        let contents = UnboundKey::new(&AES_256_GCM, &contents).expect("a key of 32 bytes");
        Vault {
            names: hmac(secret, &[b"segment-klaviyo identity names 1"]),
            contents: LessSafeKey::new(contents),
        }
    }

    /// Returns the name of the item of an id.
    pub(super) fn item_id(&self, name: Name) -> ItemId {
        let (kind, value, more) = match name {
            Name::User(value) => ("user/", value, ""),
            Name::Visitor(value) => ("visitor/", value, ""),
            Name::Address(value) => ("address/", value, ""),
            Name::Event(item_id, hash) => ("event/", item_id, hash),
        };
        let parts = [kind, value, more].map(str::as_bytes);
        let digest = hmac(&self.names, &parts);
        format!("identity/{}", hex::encode(digest))
    }

    /// Encrypts the content of an item, which can be read under its own name only. `None` if the
    /// system has no random numbers.
    pub(super) fn seal(&self, item_id: &str, content: Vec<u8>) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = content;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.contents
            .seal_in_place_append_tag(unique, Aad::from(item_id.as_bytes()), &mut sealed)
            .ok()?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        Some(BASE64.encode(bytes))
    }

    /// Decrypts the content of an item. `None` if somebody has changed it.
    pub(super) fn open(&self, item_id: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(item_id.as_bytes());
        let content = self.contents.open_in_place(nonce, aad, &mut sealed).ok()?;
        Some(content.to_vec())
    }
}

#[expect(clippy::expect_used, reason = "an HMAC takes a key of any length")]
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_nothing_and_differ_by_kind_and_secret() {
        let (one, other) = (Vault::new(b"one"), Vault::new(b"other"));
        let name = one.item_id(Name::User("sarah"));
        assert_eq!(name, one.item_id(Name::User("sarah")));
        assert_ne!(name, one.item_id(Name::Visitor("sarah")));
        assert_ne!(name, other.item_id(Name::User("sarah")));
        assert!(!name.contains("sarah"));
    }

    #[test]
    fn contents_open_with_their_secret_and_under_their_name_only() {
        let vault = Vault::new(b"one");
        let sealed = vault.seal("identity/1", b"sarah".to_vec()).unwrap();
        assert_ne!(sealed, vault.seal("identity/1", b"sarah".to_vec()).unwrap());
        assert_eq!(vault.open("identity/1", &sealed).unwrap(), b"sarah");
        assert_eq!(vault.open("identity/2", &sealed), None);
        assert_eq!(Vault::new(b"other").open("identity/1", &sealed), None);
        for broken in ["", "AAAA", "?", &sealed[..sealed.len() - 4]] {
            assert_eq!(vault.open("identity/1", broken), None, "{broken}");
        }
    }
}
