//! One attempt of one request to Klaviyo. Retries are decided in [`retry`](super::retry) and made
//! in [`delivery`](crate::delivery).

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Response, Url};

use super::error::RequestError;
use super::request::ApiRequest;
use super::revision::REVISION;

/// A client of Klaviyo's API.
#[derive(Debug, Clone)]
pub struct Klaviyo {
    http: reqwest::Client,
    base_url: Url,
}

impl Klaviyo {
    /// Creates a client that sends requests below `base_url`.
    pub fn new(http: reqwest::Client, base_url: Url) -> Self {
        Klaviyo { http, base_url }
    }

    /// Sends a request once. Returns the body of Klaviyo's acknowledgement, which may be cut off: a
    /// connection that breaks after the status line does not undo what was acknowledged.
    pub async fn send(
        &self,
        api_key: &str,
        request: &ApiRequest,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let response = self.request(api_key, request, timeout).await?;
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        // Every answer is read to its end, so that its connection can be used again.
        let body = response.bytes().await;
        match status {
            200..=299 => Ok(body.unwrap_or_default()),
            401 | 403 => Err(RequestError::ApiKey),
            429 => Err(RequestError::Throttled { retry_after }),
            400..=499 => Err(RequestError::from_client_error(status, &body?)),
            _ => Err(RequestError::Unavailable { status }),
        }
    }

    /// Sends a request once and returns the response, whatever its status.
    pub(super) async fn request(
        &self,
        api_key: &str,
        request: &ApiRequest,
        timeout: Duration,
    ) -> Result<Response, RequestError> {
        let base_path = self.base_url.path().trim_end_matches('/');
        let mut url = self.base_url.clone();
        url.set_path(&format!("{base_path}{}", request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut authorization = HeaderValue::try_from(format!("Klaviyo-API-Key {api_key}"))
            .map_err(|_| RequestError::ApiKey)?;
        authorization.set_sensitive(true);
        let mut builder = self
            .http
            .request(request.method.clone(), url)
            .timeout(timeout)
            .header(AUTHORIZATION, authorization)
            .header("revision", REVISION);
        if !request.body.is_empty() {
            builder = builder
                .header(CONTENT_TYPE, "application/vnd.api+json")
                .body(request.body.clone());
        }
        Ok(builder.send().await?)
    }
}

/// Reads the seconds of `Retry-After`.
fn retry_after(response: &Response) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    header.trim().parse().ok().map(Duration::from_secs)
}
