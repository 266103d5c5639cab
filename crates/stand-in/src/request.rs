//! A request to Klaviyo, as it arrives and as it is recorded.

use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

use crate::clock;
use crate::response::{JsonResponse, PARTIAL_FAILURE};

/// The key of the reason in the answer of a request that got none.
pub(crate) const NO_ANSWER: &str = "no_answer";

/// The reason for a request that the function has stopped to wait for.
pub const NO_ANSWER_IN_TIME: &str = "no answer in time";

/// A request to Klaviyo that has not been answered yet.
#[derive(Debug, Clone)]
pub(crate) struct KlaviyoRequest {
    pub(crate) received_at: SystemTime,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body as JSON; `Null` for one that is empty or is not JSON.
    pub(crate) json: Value,
}

impl KlaviyoRequest {
    pub(crate) fn new(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Self {
        KlaviyoRequest {
            received_at: clock::now(),
            method,
            uri,
            headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
        }
    }

    /// Returns the text of a header; an absent one is empty.
    pub(crate) fn header(&self, name: &str) -> &str {
        match self.headers.get(name) {
            Some(value) => value.to_str().unwrap_or_default(),
            None => "",
        }
    }

    /// Returns the record of the request with its answer.
    pub(crate) fn into_record(self, answer: &JsonResponse) -> RecordedRequest {
        RecordedRequest {
            received_at: self.received_at,
            method: self.method.to_string(),
            path: self.uri.to_string(),
            bytes: self.body.len(),
            body: self.json,
            status: answer.status,
            left_out: answer.header(PARTIAL_FAILURE).map(str::to_owned),
            answer: answer.body.clone(),
        }
    }
}

/// A request to Klaviyo and its answer.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The time at which it arrived.
    pub received_at: SystemTime,
    /// The HTTP method, such as `POST`.
    pub method: String,
    /// The path and query, such as `/api/events`.
    pub path: String,
    /// The size of the body in bytes.
    pub bytes: usize,
    /// The body as JSON; `Null` when there was none.
    pub body: Value,
    /// The status of the answer; 0 for a connection that was closed instead.
    pub status: u16,
    /// The fields that the answer's `X-Klaviyo-Partial-Failure` names.
    pub left_out: Option<String>,
    /// The body of the answer.
    pub answer: Value,
}

impl RecordedRequest {
    /// Returns the reason why a request that was to be passed on got no answer.
    pub fn no_answer(&self) -> Option<&str> {
        if self.status == 0 {
            self.answer.get(NO_ANSWER)?.as_str()
        } else {
            None
        }
    }
}
