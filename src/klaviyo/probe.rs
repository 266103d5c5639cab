//! Requests that show which scopes an API key has, and that change nothing.

use std::time::Duration;

use bytes::Bytes;

use super::client::{Klaviyo, read_body};
use super::error::RequestError;
use super::request::ApiRequest;
use crate::domain::ListId;

/// A request that shows whether an API key has some scopes.
///
/// Klaviyo has no endpoint that names the scopes of a key. But it checks them before it validates
/// the body, so a body without any attributes tells: the answer is 403 if the key lacks the scope,
/// and a validation error if it has it.
#[derive(Debug)]
pub struct Probe {
    /// The scopes that the endpoint requires, as in Klaviyo's OpenAPI description.
    pub scopes: &'static str,
    request: ApiRequest,
}

/// The response to a probe, whatever its status.
#[derive(Debug)]
pub struct ProbeResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, or nothing if the connection broke after the status: that alone answers a probe.
    pub body: Bytes,
}

impl Probe {
    /// Creating and updating profiles.
    pub fn write_profiles() -> Self {
        Probe::post("profiles:write", "/api/profile-import")
    }

    /// Recording events.
    pub fn write_events() -> Self {
        Probe::post("events:write", "/api/event-bulk-create-jobs")
    }

    /// Subscribing people and adding them to lists.
    pub fn subscribe() -> Self {
        Probe::post(
            "lists:write, profiles:write, subscriptions:write",
            "/api/profile-subscription-bulk-create-jobs",
        )
    }

    /// Deleting profiles.
    pub fn delete_profiles() -> Self {
        Probe::post("data-privacy:write", "/api/data-privacy-deletion-jobs")
    }

    /// Finding profiles.
    pub fn read_profiles() -> Self {
        Probe {
            scopes: "profiles:read",
            request: ApiRequest::get("/api/profiles", vec![("page[size]", "1".to_owned())]),
        }
    }

    /// Reading the account's metrics, all of them: an account has at most 200.
    /// <https://developers.klaviyo.com/en/reference/get_metrics>
    pub fn read_metrics() -> Self {
        Probe {
            scopes: "metrics:read",
            request: ApiRequest::get("/api/metrics", Vec::new()),
        }
    }

    /// Reading the list: <https://developers.klaviyo.com/en/reference/get_list>
    pub fn read_list(id: &ListId) -> Self {
        Probe {
            scopes: "lists:read",
            request: ApiRequest::read_list(id),
        }
    }

    fn post(scopes: &'static str, path: &'static str) -> Self {
        Probe {
            scopes,
            request: ApiRequest::post(path, br#"{"data":{}}"#.to_vec()),
        }
    }

    /// Sends the request once and returns the response, whatever its status. The error is always
    /// one of the connection or the timeout.
    pub async fn send(
        &self,
        klaviyo: &Klaviyo,
        key: &str,
        timeout: Duration,
    ) -> Result<ProbeResponse, RequestError> {
        let response = klaviyo.request(key, &self.request, timeout).await?;
        let status = response.status().as_u16();
        let body = read_body(response).await.unwrap_or_default();
        Ok(ProbeResponse { status, body })
    }
}
