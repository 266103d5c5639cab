//! Klaviyo's answers about the profiles that it knows.

use serde::Deserialize;

use super::profile::ProfileKey;

/// A profile that Klaviyo knows.
#[derive(Debug, Deserialize)]
pub struct FoundProfile {
    /// Klaviyo's own id.
    pub id: String,
    attributes: FoundAttributes,
}

#[derive(Debug, Deserialize)]
struct FoundAttributes {
    email: Option<String>,
    external_id: Option<String>,
}

impl FoundProfile {
    /// Whether the profile has this address or id.
    pub fn matches(&self, key: ProfileKey) -> bool {
        match key {
            ProfileKey::Email(email) => match &self.attributes.email {
                Some(found) => found.eq_ignore_ascii_case(email),
                None => false,
            },
            ProfileKey::ExternalId(id) => self.attributes.external_id.as_deref() == Some(id),
        }
    }
}

/// Parses the answer to [`ApiRequest::find_profiles`](super::ApiRequest::find_profiles). Returns
/// `None` for any other document.
pub fn parse_profiles(body: &[u8]) -> Option<Vec<FoundProfile>> {
    #[derive(Deserialize)]
    struct ProfilesDocument {
        data: Vec<FoundProfile>,
    }
    let document: ProfilesDocument = serde_json::from_slice(body).ok()?;
    Some(document.data)
}
