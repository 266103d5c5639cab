//! One request to Klaviyo and what came of it. No retries here: see `delivery`.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Deserialize;

use super::call::ApiRequest;
use super::error::{ApiError, ApiErrors, RequestError};
use super::operation::ProfileKey;
use super::revision::REVISION;

/// Klaviyo, as the settings say where it is.
#[derive(Debug, Clone)]
pub struct Klaviyo {
    http: reqwest::Client,
    base: Url,
}

impl Klaviyo {
    /// Klaviyo at `base`, through `http`.
    pub fn new(http: reqwest::Client, base: Url) -> Self {
        Klaviyo { http, base }
    }

    /// Sends `call` once. `Ok` is Klaviyo's acknowledgement, with the answer's body as far as it came:
    /// what follows the status line of an acknowledgement no longer changes what was done.
    pub async fn send(
        &self,
        key: &str,
        call: &ApiRequest,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let response = self.request(key, call, timeout).await?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = response.bytes().await;
        match status.as_u16() {
            200..=299 => Ok(body.unwrap_or_default()),
            401 | 403 => Err(RequestError::Key),
            429 => Err(RequestError::Throttled {
                retry_after: retry_after.map(Duration::from_secs),
            }),
            status @ 400..=499 => Err(refusal(status, &body.map_err(fault)?)),
            status => Err(RequestError::Unavailable { status }),
        }
    }

    /// Klaviyo's response to `call`, whatever its status.
    pub(super) async fn request(
        &self,
        key: &str,
        call: &ApiRequest,
        timeout: Duration,
    ) -> Result<reqwest::Response, RequestError> {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}{}",
            self.base.path().trim_end_matches('/'),
            call.path
        ));
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut authorization = HeaderValue::try_from(format!("Klaviyo-API-Key {key}"))
            .map_err(|_| RequestError::Key)?;
        authorization.set_sensitive(true);
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .timeout(timeout)
            .header(AUTHORIZATION, authorization)
            .header("revision", REVISION);
        if !call.body.is_empty() {
            request = request
                .header(CONTENT_TYPE, "application/vnd.api+json")
                .body(call.body.clone());
        }
        request.send().await.map_err(fault)
    }
}

/// The ids of the profiles in the answer to [`ApiRequest::find_profiles`], with the values of their keys. `None` when it
/// is not such an answer.
pub fn found(body: &[u8]) -> Option<Vec<Found>> {
    #[derive(Deserialize)]
    struct Document {
        data: Vec<Found>,
    }
    serde_json::from_slice::<Document>(body)
        .ok()
        .map(|document| document.data)
}

/// A profile that Klaviyo knows.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// Klaviyo's own id.
    pub id: String,
    /// What it is known by.
    pub attributes: FoundAttributes,
}

/// The identifiers of a profile that Klaviyo knows.
#[derive(Debug, Deserialize)]
pub struct FoundAttributes {
    /// The address.
    pub email: Option<String>,
    /// The merchant's id.
    pub external_id: Option<String>,
}

impl Found {
    /// Whether `key` is this profile's.
    pub fn is(&self, key: ProfileKey) -> bool {
        match key {
            ProfileKey::Email(email) => self
                .attributes
                .email
                .as_deref()
                .is_some_and(|held| held.eq_ignore_ascii_case(email)),
            ProfileKey::ExternalId(id) => self.attributes.external_id.as_deref() == Some(id),
        }
    }
}

fn fault(error: reqwest::Error) -> RequestError {
    if error.is_timeout() {
        RequestError::TimedOut
    } else {
        RequestError::Unreachable
    }
}

/// A 4xx is a refusal only in Klaviyo's own words (a JSON:API error document). Anything else comes
/// from something in between, and no message may be lost to that.
fn refusal(status: u16, body: &[u8]) -> RequestError {
    #[derive(Deserialize)]
    struct Document {
        errors: Vec<ErrorObject>,
    }
    #[derive(Deserialize)]
    struct ErrorObject {
        code: Option<String>,
        source: Option<Source>,
    }
    #[derive(Deserialize, Default)]
    struct Source {
        pointer: Option<String>,
    }
    match serde_json::from_slice::<Document>(body) {
        Ok(Document { errors }) if !errors.is_empty() => {
            let problem = |error: ErrorObject| ApiError {
                code: error.code.unwrap_or_default(),
                pointer: error
                    .source
                    .and_then(|source| source.pointer)
                    .unwrap_or_default(),
            };
            RequestError::Refused(ApiErrors {
                status,
                problems: errors.into_iter().map(problem).collect(),
            })
        }
        // Too large is too large, whoever says so.
        _ if status == 413 => RequestError::Refused(ApiErrors {
            status,
            problems: Vec::new(),
        }),
        _ => RequestError::Unavailable { status },
    }
}
