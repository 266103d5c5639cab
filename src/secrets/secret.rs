//! The content of the secret, parsed and validated once.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

/// The form that a secret must have. It is part of every error about a secret.
pub(super) const EXPECTED: &str = r#"{"klaviyo_api_key": "pk_…", "segment_shared_secret": "…" or ["new", "old"], "webhook_token": "…" or ["new", "old"] (optional)}"#;

/// The fields that the function reads.
const KNOWN_FIELDS: [&str; 3] = ["klaviyo_api_key", "segment_shared_secret", "webhook_token"];

/// The problem that makes a secret unusable. It names a field and never holds a value.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum InvalidSecret {
    /// The secret is stored as bytes instead of text.
    #[error("it is binary")]
    Binary,
    /// The text is not a JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field is blank or not a string.
    #[error("{0} is empty or not text")]
    NotText(&'static str),
    /// A field begins or ends with whitespace, which a paste or `echo` leaves there.
    #[error("{0} has spaces or a line break around it")]
    SurroundingSpace(&'static str),
    /// The Klaviyo key is not a private one.
    #[error("klaviyo_api_key is not a private Klaviyo key (these begin with pk_)")]
    NotAPrivateKey,
}

/// The credentials for Segment and Klaviyo. `Debug` shows none of them.
#[derive(Debug)]
pub struct Secret {
    klaviyo_api_key: SecretString,
    shared_secrets: Vec<SecretString>,
    webhook_tokens: Vec<SecretString>,
    unknown_fields: Vec<String>,
}

impl Secret {
    /// Parses the JSON object that Secrets Manager holds.
    pub fn parse(json: &str) -> Result<Self, InvalidSecret> {
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(json) else {
            return Err(InvalidSecret::NotAnObject);
        };

        let klaviyo_api_key = required(&fields, "klaviyo_api_key")?;
        let key = klaviyo_api_key.expose_secret();
        if !key.starts_with("pk_") || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidSecret::NotAPrivateKey);
        }

        let shared_secrets = match fields.get("segment_shared_secret") {
            Some(value) => one_or_more(value, "segment_shared_secret")?,
            None => return Err(InvalidSecret::Missing("segment_shared_secret")),
        };
        let webhook_tokens = match fields.get("webhook_token") {
            Some(value) => one_or_more(value, "webhook_token")?,
            None => Vec::new(),
        };
        Ok(Secret {
            klaviyo_api_key,
            shared_secrets,
            webhook_tokens,
            unknown_fields: unknown_fields(&fields),
        })
    }

    /// Returns Klaviyo's private API key.
    pub fn klaviyo_api_key(&self) -> &str {
        self.klaviyo_api_key.expose_secret()
    }

    /// Returns every shared secret that Segment may sign with. There is at least one; during a
    /// rotation there are two.
    pub fn shared_secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.shared_secrets
            .iter()
            .map(|secret| secret.expose_secret().as_bytes())
    }

    /// Whether every request must carry a token.
    pub fn has_webhook_token(&self) -> bool {
        !self.webhook_tokens.is_empty()
    }

    /// Returns the tokens of which every request must carry one; none if it needs no token. During
    /// a rotation there are two.
    pub fn webhook_tokens(&self) -> impl Iterator<Item = &[u8]> {
        self.webhook_tokens
            .iter()
            .map(|token| token.expose_secret().as_bytes())
    }

    /// Returns the names of the fields that the function does not read, such as a misspelled one.
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown_fields
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.klaviyo_api_key() == other.klaviyo_api_key()
            && self.shared_secrets().eq(other.shared_secrets())
            && self.webhook_tokens().eq(other.webhook_tokens())
            && self.unknown_fields == other.unknown_fields
    }
}

/// Parses a credential, or the list of those that are valid during a rotation.
fn one_or_more(value: &Value, name: &'static str) -> Result<Vec<SecretString>, InvalidSecret> {
    match value {
        Value::Array(values) if !values.is_empty() => {
            values.iter().map(|value| non_empty(value, name)).collect()
        }
        _ => Ok(vec![non_empty(value, name)?]),
    }
}

/// Returns the names of unknown fields. One that does not look like a name may be a credential in
/// the wrong place, and is not repeated.
fn unknown_fields(fields: &Map<String, Value>) -> Vec<String> {
    const MAX_BYTES: usize = 30;
    let mut unknown = Vec::new();
    for name in fields.keys() {
        if KNOWN_FIELDS.contains(&name.as_str()) {
            continue;
        }
        let is_name = name.len() <= MAX_BYTES
            && !name.starts_with("pk_")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '));
        unknown.push(if is_name {
            name.clone()
        } else {
            "(a name that is not shown)".to_owned()
        });
    }
    unknown
}

fn required(
    fields: &Map<String, Value>,
    name: &'static str,
) -> Result<SecretString, InvalidSecret> {
    match fields.get(name) {
        Some(value) => non_empty(value, name),
        None => Err(InvalidSecret::Missing(name)),
    }
}

/// Parses a credential. An empty one is an error: anybody can sign with an empty shared secret.
fn non_empty(value: &Value, name: &'static str) -> Result<SecretString, InvalidSecret> {
    let Some(text) = value.as_str() else {
        return Err(InvalidSecret::NotText(name));
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(InvalidSecret::NotText(name));
    }
    if trimmed != text {
        return Err(InvalidSecret::SurroundingSpace(name));
    }
    Ok(text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_secret_and_a_token_are_text_or_a_list() {
        let one =
            Secret::parse(r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": "a"}"#).unwrap();
        assert_eq!(one.shared_secrets().collect::<Vec<_>>(), [b"a"]);
        assert!(!one.has_webhook_token());
        let two = r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": ["new", "old"], "webhook_token": "t"}"#;
        let two = Secret::parse(two).unwrap();
        assert_eq!(two.shared_secrets().collect::<Vec<_>>(), [b"new", b"old"]);
        assert_eq!(two.webhook_tokens().collect::<Vec<_>>(), [b"t"]);
        let rotated = r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": "a", "webhook_token": ["t2", "t1"]}"#;
        let rotated = Secret::parse(rotated).unwrap();
        assert_eq!(rotated.webhook_tokens().collect::<Vec<_>>(), [b"t2", b"t1"]);
    }

    #[test]
    fn an_unknown_field_is_named_unless_it_may_be_a_credential() {
        for (field, shown) in [
            ("webhook-token", "webhook-token"),
            ("Webhook_Token", "Webhook_Token"),
            ("pk_hush", "(a name that is not shown)"),
            ("token1", "(a name that is not shown)"),
            (
                "abcdefghijklmnopqrstuvwxyzabcdef",
                "(a name that is not shown)",
            ),
        ] {
            let json = format!(
                r#"{{"klaviyo_api_key": "pk_1", "segment_shared_secret": "a", "{field}": "hush"}}"#
            );
            assert_eq!(Secret::parse(&json).unwrap().unknown_fields(), [shown]);
        }
    }

    #[test]
    fn an_error_names_the_field_and_never_shows_a_value() {
        for (json, problem) in [
            ("hush", "it is not a JSON object"),
            (r#"["hush"]"#, "it is not a JSON object"),
            (
                r#"{"segment_shared_secret": "hush"}"#,
                "klaviyo_api_key is missing",
            ),
            (
                r#"{"klaviyo_api_key": "hush", "segment_shared_secret": "hush"}"#,
                "klaviyo_api_key is not a private Klaviyo key (these begin with pk_)",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush"}"#,
                "segment_shared_secret is missing",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": " "}"#,
                "segment_shared_secret is empty or not text",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": "hush\n"}"#,
                "segment_shared_secret has spaces or a line break around it",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": []}"#,
                "segment_shared_secret is empty or not text",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": ["hush", ""]}"#,
                "segment_shared_secret is empty or not text",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": "hush", "webhook_token": 5}"#,
                "webhook_token is empty or not text",
            ),
            (
                r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": "hush", "webhook_token": []}"#,
                "webhook_token is empty or not text",
            ),
        ] {
            assert_eq!(Secret::parse(json).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let json = r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": "hush", "webhook_token": "hush"}"#;
        assert!(!format!("{:?}", Secret::parse(json).unwrap()).contains("hush"));
    }
}
