//! What can go wrong with Klaviyo, on demand.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::stream;
use serde_json::{Value, json};

use super::Reply;

/// Something that goes wrong with requests to one path.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The path that is affected.
    pub path: &'static str,
    /// How many requests are affected.
    pub times: usize,
    /// How long the answer takes.
    pub delay: Duration,
    /// Whether Klaviyo does the work all the same: the acknowledgement that gets lost.
    pub applied: bool,
    /// What the function sees instead of an answer.
    pub symptom: Symptom,
}

/// What a fault looks like from outside.
#[derive(Debug, Clone)]
pub enum Symptom {
    /// An error answer.
    Answer {
        /// Its HTTP status.
        status: u16,
        /// Its `Retry-After`, in seconds.
        retry_after: Option<u64>,
        /// Its body.
        body: Value,
    },
    /// The connection is closed without an answer.
    Drop,
}

impl Fault {
    /// Answers `status` to the next `times` requests for `path`.
    pub fn status(path: &'static str, status: u16, times: usize) -> Self {
        let error = json!({"errors": [{"status": status, "code": "fault", "source": {"pointer": "/data"}}]});
        let symptom = Symptom::Answer { status, retry_after: None, body: error };
        Fault { path, times, delay: Duration::ZERO, applied: false, symptom }
    }
}

impl Fault {
    /// Klaviyo asks to come back in two minutes.
    pub(super) fn busy() -> Self {
        let symptom = Symptom::Answer { status: 429, retry_after: Some(120), body: Value::Null };
        Fault { path: "", times: 1, delay: Duration::ZERO, applied: false, symptom }
    }
}

impl Symptom {
    pub(super) fn reply(&self) -> Reply {
        match self {
            Symptom::Answer { status, body, retry_after } => {
                Reply { status: *status, body: body.clone(), retry_after: *retry_after }
            }
            Symptom::Drop => Reply::new(0, Value::Null),
        }
    }
}

/// The fault that the next request for `path` meets.
pub(super) fn next(faults: &mut [Fault], path: &str) -> Option<Fault> {
    let fault = faults.iter_mut().find(|fault| fault.path == path && fault.times > 0)?;
    fault.times -= 1;
    Some(fault.clone())
}

/// Whether a body holds a text.
pub(super) fn contains(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(body).contains(text)
}

/// An answer whose body breaks before its first byte: the server closes the connection.
pub(super) fn broken_connection() -> Response<Body> {
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("dropped"))]);
    Response::new(Body::from_stream(broken))
}
