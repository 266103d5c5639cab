//! One request to Klaviyo and what came of it. No retries here: see `delivery`.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Deserialize;

use super::error::{CallError, Problem, Refusal};
use super::operation::Operation;

/// The revision of the API that bodies are written for:
/// <https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy>
pub const REVISION: &str = "2026-10-15";

/// A request to Klaviyo, ready to be sent, and sent again.
#[derive(Debug, Clone)]
pub struct Call {
    /// The path below the base URL.
    pub path: &'static str,
    /// JSON:API.
    pub body: Bytes,
}

impl Call {
    /// The call that does one operation.
    pub fn single(operation: &Operation) -> Result<Self, serde_json::Error> {
        let path = match operation {
            Operation::Import(_) => "/api/profile-import",
            Operation::Record(_) => "/api/events",
            Operation::Subscribe(_) => "/api/profile-subscription-bulk-create-jobs",
        };
        Ok(Call {
            path,
            body: serde_json::to_vec(operation)?.into(),
        })
    }
}

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

    /// Sends `call` once. `Ok` is Klaviyo's acknowledgement; what follows the status line of one no
    /// longer matters.
    pub async fn send(&self, key: &str, call: &Call, timeout: Duration) -> Result<(), CallError> {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}{}",
            self.base.path().trim_end_matches('/'),
            call.path
        ));
        let mut authorization =
            HeaderValue::try_from(format!("Klaviyo-API-Key {key}")).map_err(|_| CallError::Key)?;
        authorization.set_sensitive(true);
        let request = self
            .http
            .post(url)
            .timeout(timeout)
            .header(AUTHORIZATION, authorization)
            .header("revision", REVISION)
            .header(CONTENT_TYPE, "application/vnd.api+json")
            .body(call.body.clone());
        let response = request.send().await.map_err(fault)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = response.bytes().await;
        match status.as_u16() {
            200..=299 => Ok(()),
            401 | 403 => Err(CallError::Key),
            429 => Err(CallError::Throttled {
                retry_after: retry_after.map(Duration::from_secs),
            }),
            status @ 400..=499 => Err(refusal(status, &body.map_err(fault)?)),
            status => Err(CallError::Unavailable { status }),
        }
    }
}

fn fault(error: reqwest::Error) -> CallError {
    if error.is_timeout() {
        CallError::TimedOut
    } else {
        CallError::Unreachable
    }
}

/// A 4xx is a refusal only in Klaviyo's own words (a JSON:API error document). Anything else comes
/// from something in between, and no message may be lost to that.
fn refusal(status: u16, body: &[u8]) -> CallError {
    #[derive(Deserialize)]
    struct Document {
        errors: Vec<ErrorObject>,
    }
    #[derive(Deserialize)]
    struct ErrorObject {
        #[serde(default)]
        code: String,
        #[serde(default)]
        source: Source,
    }
    #[derive(Deserialize, Default)]
    struct Source {
        #[serde(default)]
        pointer: String,
    }
    match serde_json::from_slice::<Document>(body) {
        Ok(Document { errors }) if !errors.is_empty() => {
            let problem = |error: ErrorObject| Problem {
                code: error.code,
                pointer: error.source.pointer,
            };
            CallError::Refused(Refusal {
                status,
                problems: errors.into_iter().map(problem).collect(),
            })
        }
        _ => CallError::Unavailable { status },
    }
}
