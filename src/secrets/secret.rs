//! The content of the secret, parsed and validated once.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

/// The form that a secret must have. It is part of every error about a secret.
pub(super) const EXPECTED: &str = r#"{"klaviyo_api_key": "pk_…", "segment_shared_secret": "…" or ["new", "old"], "webhook_token": "…" (optional)}"#;

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
    webhook_token: Option<SecretString>,
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

        let mut shared_secrets = Vec::new();
        match fields.get("segment_shared_secret") {
            Some(Value::Array(values)) if !values.is_empty() => {
                for value in values {
                    shared_secrets.push(non_empty(value, "segment_shared_secret")?);
                }
            }
            _ => shared_secrets.push(required(&fields, "segment_shared_secret")?),
        }

        let webhook_token = match fields.get("webhook_token") {
            Some(value) => Some(non_empty(value, "webhook_token")?),
            None => None,
        };
        Ok(Secret {
            klaviyo_api_key,
            shared_secrets,
            webhook_token,
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

    /// Returns the token that every request must carry, if the secret holds one.
    pub fn webhook_token(&self) -> Option<&str> {
        self.webhook_token.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.klaviyo_api_key() == other.klaviyo_api_key()
            && self.shared_secrets().eq(other.shared_secrets())
            && self.webhook_token() == other.webhook_token()
    }
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
    fn a_shared_secret_is_text_or_a_list() {
        let one =
            Secret::parse(r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": "a"}"#).unwrap();
        assert_eq!(one.shared_secrets().collect::<Vec<_>>(), [b"a"]);
        assert_eq!(one.webhook_token(), None);
        let two = r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": ["new", "old"], "webhook_token": "t"}"#;
        let two = Secret::parse(two).unwrap();
        assert_eq!(two.shared_secrets().collect::<Vec<_>>(), [b"new", b"old"]);
        assert_eq!(two.webhook_token(), Some("t"));
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
