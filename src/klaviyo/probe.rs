//! Questions that show what a key may do, and change nothing.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use super::call::ApiRequest;
use super::client::Klaviyo;
use super::error::RequestError;
use super::operation::ListId;

/// A question about a key. Klaviyo has no call that names a key's scopes, but it looks at them before it looks
/// at the body: it refuses a body without any attributes only to who may send a good one.
#[derive(Debug)]
pub struct Probe {
    /// The scopes that the call asks for, after Klaviyo's OpenAPI description.
    pub scopes: &'static str,
    method: Method,
    path: Cow<'static, str>,
    query: Vec<(&'static str, String)>,
}

impl Probe {
    /// Profiles can be created and updated.
    pub const WRITE_PROFILES: Probe = Probe::post("profiles:write", "/api/profile-import");
    /// Events can be recorded.
    pub const WRITE_EVENTS: Probe = Probe::post("events:write", "/api/event-bulk-create-jobs");
    /// People can be subscribed and put on lists.
    pub const SUBSCRIBE: Probe = Probe::post(
        "lists:write, profiles:write, subscriptions:write",
        "/api/profile-subscription-bulk-create-jobs",
    );
    /// Profiles can be deleted.
    pub const DELETE: Probe = Probe::post("data-privacy:write", "/api/data-privacy-deletion-jobs");
    /// Profiles can be looked up.
    pub fn read_profiles() -> Self {
        let query = vec![("page[size]", "1".to_owned())];
        Probe {
            scopes: "profiles:read",
            method: Method::GET,
            path: "/api/profiles".into(),
            query,
        }
    }

    /// The list can be looked at.
    pub fn list(id: &ListId) -> Self {
        let path = format!("/api/lists/{}", id.as_str()).into();
        Probe {
            scopes: "lists:read",
            method: Method::GET,
            path,
            query: Vec::new(),
        }
    }

    const fn post(scopes: &'static str, path: &'static str) -> Self {
        Probe {
            scopes,
            method: Method::POST,
            path: Cow::Borrowed(path),
            query: Vec::new(),
        }
    }
}

impl Klaviyo {
    /// Klaviyo's status and answer, whatever they are.
    pub async fn probe(
        &self,
        key: &str,
        probe: &Probe,
        timeout: Duration,
    ) -> Result<(u16, Bytes), RequestError> {
        let is_get = probe.method == Method::GET;
        let body = if is_get {
            Bytes::new()
        } else {
            Bytes::from_static(br#"{"data":{}}"#)
        };
        let call = ApiRequest {
            method: probe.method.clone(),
            path: probe.path.clone(),
            query: probe.query.clone(),
            body,
        };
        let response = self.request(key, &call, timeout).await?;
        Ok((
            response.status().as_u16(),
            response.bytes().await.unwrap_or_default(),
        ))
    }
}
