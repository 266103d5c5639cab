//! One attempt of one request to Klaviyo. Retries are decided in [`retry`](super::retry) and made
//! in [`delivery`](crate::delivery).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, Url};

use super::attribute::Attribute;
use super::error::RequestError;
use super::request::{ApiRequest, EVENTS_PATH, PROFILE_IMPORT_PATH};
use super::revision::REVISION;
use super::throttles::Throttles;
use crate::clock;

/// Klaviyo's acknowledgement of a request.
#[derive(Debug, Clone)]
pub struct Acknowledgement {
    /// The body, which may be cut off if the connection broke.
    pub body: Bytes,
    /// Attributes that Klaviyo left out.
    pub left_out: Vec<Attribute>,
}

/// A client of Klaviyo's API.
#[derive(Debug, Clone)]
pub struct Klaviyo {
    http: reqwest::Client,
    base_url: Url,
    is_proven: Arc<AtomicBool>,
    /// The moment of Klaviyo's last answer, in milliseconds of the wall clock, which goes on while
    /// Lambda freezes the process. 0 before the first.
    last_answer: Arc<AtomicU64>,
    throttles: Option<Arc<Throttles>>,
}

impl Klaviyo {
    /// Creates a client that sends requests below `base_url`.
    pub fn new(http: reqwest::Client, base_url: Url) -> Self {
        Klaviyo {
            http,
            base_url,
            is_proven: Arc::default(),
            last_answer: Arc::default(),
            throttles: None,
        }
    }

    /// Makes the client remember which endpoints throttle for longer than a delivery lasts.
    pub fn remember_throttles(self) -> Self {
        let throttles = Some(Arc::default());
        Klaviyo { throttles, ..self }
    }

    /// Whether Klaviyo has acknowledged a request of this program, and not refused the program
    /// since.
    pub fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    /// Whether there was a connection that nobody has used for a while. It may be dead without having
    /// said so, above all after Lambda froze the process.
    pub fn has_idled(&self) -> bool {
        const SHORT: u64 = 2_000;
        match self.last_answer.load(Ordering::Relaxed) {
            0 => false,
            last => wall_clock_ms().saturating_sub(last) > SHORT,
        }
    }

    /// Records that the endpoint of a request throttles for so long, which no delivery can wait for.
    pub fn remember_throttle(&self, request: &ApiRequest, retry_after: Duration) {
        if let Some(throttles) = &self.throttles {
            throttles.record(request, retry_after);
        }
    }

    /// Returns the time for which the endpoint of a request still throttles; `None` if it is not known
    /// to.
    pub fn throttled_for(&self, request: &ApiRequest) -> Option<Duration> {
        let throttles = self.throttles.as_ref()?;
        throttles.time_left(&request.method, &request.path)
    }

    /// Returns the time for which single events are still throttled; `None` if they are not known to
    /// be.
    pub fn single_events_throttled_for(&self) -> Option<Duration> {
        let throttles = self.throttles.as_ref()?;
        throttles.time_left(&Method::POST, EVENTS_PATH)
    }

    /// Returns the time for which single profiles are still throttled; `None` if they are not known
    /// to be.
    pub fn single_profiles_throttled_for(&self) -> Option<Duration> {
        let throttles = self.throttles.as_ref()?;
        throttles.time_left(&Method::POST, PROFILE_IMPORT_PATH)
    }

    /// Records whether Klaviyo serves this program.
    pub fn set_proven(&self, is_proven: bool) {
        self.is_proven.store(is_proven, Ordering::Relaxed);
    }

    /// Sends a request once, and returns Klaviyo's acknowledgement.
    pub async fn send(
        &self,
        api_key: &str,
        request: &ApiRequest,
        timeout: Duration,
    ) -> Result<Acknowledgement, RequestError> {
        let response = self.request(api_key, request, timeout).await?;
        self.last_answer.store(wall_clock_ms(), Ordering::Relaxed);
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let left_out = left_out(&response);
        // Every answer is read to its end, so that its connection can be used again.
        let body = read_body(response).await;
        if request.success.contains(&status) {
            // A connection that breaks after the status line does not undo what was acknowledged.
            let body = body.unwrap_or_default();
            return Ok(Acknowledgement { body, left_out });
        }
        match status {
            401 => Err(RequestError::Unauthorized),
            403 => Err(RequestError::Forbidden),
            429 => Err(RequestError::Throttled { retry_after }),
            400..=499 => Err(RequestError::from_client_error(request, status, &body?)),
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
            .map_err(|_| RequestError::Unauthorized)?;
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

pub(super) fn wall_clock_ms() -> u64 {
    let milliseconds = clock::now().unix_timestamp_nanos() / 1_000_000;
    milliseconds.try_into().unwrap_or(0)
}

/// The most bytes of an answer. Klaviyo's largest, a page of 100 profiles, are far smaller.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Reads an answer, up to [`MAX_ANSWER_BYTES`]. A longer one does not come from Klaviyo.
pub(super) async fn read_body(mut response: Response) -> Result<Bytes, RequestError> {
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(RequestError::Unavailable { status });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads the attributes that Klaviyo left out although it acknowledged the request:
/// <https://community.klaviyo.com/developer-group-64/api-validation-improvements-for-phone-number-handling-18034>
fn left_out(response: &Response) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    if let Some(header) = response.headers().get("X-Klaviyo-Partial-Failure") {
        let names = header.to_str().unwrap_or_default();
        for name in names.split(',') {
            // Klaviyo does this with phone numbers, and no list of the names is documented.
            attributes.push(Attribute::named(name.trim()).unwrap_or(Attribute::PhoneNumber));
        }
    }
    attributes
}

/// Reads the seconds of `Retry-After`.
fn retry_after(response: &Response) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    header.trim().parse().ok().map(Duration::from_secs)
}
