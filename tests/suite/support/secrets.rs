//! The Secrets Manager of a shop.

use std::time::Duration;

use segment_klaviyo_stand_in::{API_KEY, SHARED_SECRET, StandIn};
use serde_json::{Value, json};

pub(crate) struct SecretsManager<'s> {
    stand_in: &'s StandIn,
}

impl<'s> SecretsManager<'s> {
    pub(crate) fn of(stand_in: &'s StandIn) -> Self {
        SecretsManager { stand_in }
    }

    /// Changes the secret.
    pub(crate) fn store(&self, secret: &str) {
        self.stand_in.state().secret = Some(secret.to_owned());
    }

    pub(crate) fn delete(&self) {
        self.stand_in.state().secret = None;
    }

    /// Takes this long for every answer from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.stand_in.state().secret_delay = delay;
    }

    /// Returns how often the secret was fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.stand_in.state().fetches
    }
}

/// Returns a secret with this Klaviyo key and these shared secrets.
pub(crate) fn secret(klaviyo_api_key: &str, shared_secret: &Value) -> String {
    json!({"klaviyo_api_key": klaviyo_api_key, "segment_shared_secret": shared_secret}).to_string()
}

/// Returns the stand-in's own secret with a webhook token.
pub(crate) fn secret_with_token(token: &str) -> String {
    json!({
        "klaviyo_api_key": API_KEY,
        "segment_shared_secret": SHARED_SECRET,
        "webhook_token": token,
    })
    .to_string()
}
