//! What the secret holds, checked once.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// The form a secret must have; part of every error about one.
pub(super) const EXPECTED: &str = r#"{"klaviyo_api_key": "pk_…", "segment_shared_secret": "…" or ["new", "old"], "webhook_token": "…" (optional)}"#;

/// Credentials for both sides. `Debug` shows none of them.
#[derive(Debug)]
pub struct Secret {
    klaviyo_api_key: SecretString,
    shared_secrets: Vec<SecretString>,
    webhook_token: Option<SecretString>,
}

impl Secret {
    /// Reads the JSON object; the error says what is wrong with which field and holds no value.
    pub fn parse(json: &str) -> Result<Self, String> {
        let fields: Map<String, Value> =
            serde_json::from_str(json).map_err(|_| "it is not a JSON object".to_owned())?;
        let klaviyo_api_key = required(&fields, "klaviyo_api_key")?;
        let key = klaviyo_api_key.expose_secret();
        if !key.starts_with("pk_") || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(
                "klaviyo_api_key is not a private Klaviyo key (these begin with pk_)".to_owned(),
            );
        }
        let shared_secrets = match fields.get("segment_shared_secret") {
            Some(Value::Array(several)) if !several.is_empty() => several
                .iter()
                .map(|one| filled(one, "segment_shared_secret"))
                .collect::<Result<_, _>>()?,
            _ => vec![required(&fields, "segment_shared_secret")?],
        };
        let webhook_token = fields
            .get("webhook_token")
            .map(|token| filled(token, "webhook_token"))
            .transpose()?;
        Ok(Secret {
            klaviyo_api_key,
            shared_secrets,
            webhook_token,
        })
    }

    /// Klaviyo's private key.
    pub fn klaviyo_api_key(&self) -> &str {
        self.klaviyo_api_key.expose_secret()
    }

    /// Every shared secret that Segment may sign with, at least one.
    pub fn shared_secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.shared_secrets
            .iter()
            .map(|secret| secret.expose_secret().as_bytes())
    }

    /// The token that every request must carry, if one is asked for.
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

fn required(fields: &Map<String, Value>, name: &str) -> Result<SecretString, String> {
    filled(
        fields
            .get(name)
            .ok_or_else(|| format!("{name} is missing"))?,
        name,
    )
}

/// An empty credential would let everybody in, so it is none.
fn filled(value: &Value, name: &str) -> Result<SecretString, String> {
    match value.as_str() {
        Some(text) if text.trim().is_empty() => Err(format!("{name} is empty or not text")),
        Some(text) if text.trim() != text => {
            Err(format!("{name} has spaces or a line break around it"))
        }
        Some(text) => Ok(text.to_owned().into()),
        None => Err(format!("{name} is empty or not text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_shared_secret_are_read() {
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
    fn an_unusable_secret_is_named_and_never_shown() {
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
            assert_eq!(Secret::parse(json).unwrap_err(), problem);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let json = r#"{"klaviyo_api_key": "pk_hush", "segment_shared_secret": "hush", "webhook_token": "hush"}"#;
        assert!(!format!("{:?}", Secret::parse(json).unwrap()).contains("hush"));
    }
}
