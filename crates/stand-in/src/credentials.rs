//! The credentials that the stand-ins accept when nothing else is set, and the secret that holds
//! them.

use serde_json::json;

/// The API key that the stand-in's Klaviyo accepts, unless
/// [`Account::api_key`](crate::Account::api_key) names another.
pub const API_KEY: &str = "pk_local_not_a_real_key";

/// The shared secret that samples are signed with.
pub const SHARED_SECRET: &str = "local-shared-secret";

/// Returns the text of a secret with this API key and the samples' shared secret.
pub fn secret(klaviyo_api_key: &str) -> String {
    secret_of(klaviyo_api_key, SHARED_SECRET)
}

/// Returns the text of a secret with this API key and this shared secret.
pub fn secret_of(klaviyo_api_key: &str, shared_secret: &str) -> String {
    json!({"klaviyo_api_key": klaviyo_api_key, "segment_shared_secret": shared_secret}).to_string()
}
