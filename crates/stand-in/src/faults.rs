//! Faults of Klaviyo, on demand.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::stream;
use serde_json::{Value, json};

use crate::klaviyo::Mishap;
use crate::response::JsonResponse;

/// A fault of requests to one path.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The path of the requests that it affects. One that ends with `*` is the beginning of their
    /// paths.
    pub path: String,
    /// The number of requests that it lets pass first.
    pub after: usize,
    /// The number of requests that it affects.
    pub times: usize,
    /// The time that the answer takes.
    pub delay: Duration,
    /// Whether Klaviyo does the work nevertheless: only the acknowledgement is lost.
    pub applied: bool,
    /// What Klaviyo does worse than usual when it does the work.
    pub mishap: Mishap,
    /// The answer that the function gets.
    pub symptom: Symptom,
}

/// The way in which a fault shows.
#[derive(Debug, Clone)]
pub enum Symptom {
    /// An answer that Klaviyo would not give.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header, in seconds.
        retry_after: Option<u64>,
        /// The body.
        body: Value,
    },
    /// A connection that is closed without an answer.
    Drop,
    /// Klaviyo's own answer, after the delay.
    Delay,
}

impl Fault {
    /// Returns a fault of the next `times` requests for `path`.
    pub fn new(path: impl Into<String>, symptom: Symptom, times: usize) -> Self {
        Fault {
            path: path.into(),
            after: 0,
            times,
            delay: Duration::ZERO,
            applied: false,
            mishap: Mishap::default(),
            symptom,
        }
    }

    /// Returns a fault of the next `times` requests for `path` that only shows in what Klaviyo
    /// keeps, or in its own answer.
    pub fn mishap(path: impl Into<String>, mishap: Mishap, times: usize) -> Self {
        Fault {
            mishap,
            ..Fault::new(path, Symptom::Delay, times)
        }
    }

    /// Returns a fault that answers `status` to the next `times` requests for `path`.
    pub fn status(path: impl Into<String>, status: u16, times: usize) -> Self {
        let symptom = Symptom::Answer {
            status,
            retry_after: None,
            body: error_body(status),
        };
        Fault::new(path, symptom, times)
    }

    /// Returns a fault in which Klaviyo asks to wait for two minutes.
    pub(crate) fn busy() -> Self {
        let symptom = Symptom::Answer {
            status: 429,
            retry_after: Some(120),
            body: Value::Null,
        };
        Fault::new("", symptom, 1)
    }

    /// Whether the request reaches Klaviyo.
    pub(crate) fn reaches_klaviyo(&self) -> bool {
        self.applied || matches!(self.symptom, Symptom::Delay)
    }

    fn is_of(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => self.path == path,
        }
    }

    /// Takes the fault of the next request for `path`, if it has one.
    pub(crate) fn take_next(faults: &mut [Fault], path: &str) -> Option<Fault> {
        for fault in faults {
            if !fault.is_of(path) || fault.times == 0 {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            fault.times -= 1;
            return Some(fault.clone());
        }
        None
    }
}

impl Symptom {
    /// Replaces Klaviyo's answer. The status 0 means a closed connection.
    pub(crate) fn replace(self, answer: JsonResponse) -> JsonResponse {
        match self {
            Symptom::Answer {
                status,
                retry_after,
                body,
            } => match retry_after {
                Some(seconds) => {
                    JsonResponse::new(status, body).with_header("retry-after", seconds)
                }
                None => JsonResponse::new(status, body),
            },
            Symptom::Drop => JsonResponse::empty(0),
            Symptom::Delay => answer,
        }
    }
}

/// Returns the body of an error that names nothing in the request.
pub(crate) fn error_body(status: u16) -> Value {
    json!({"errors": [{"status": status, "code": "fault", "source": {"pointer": "/data"}}]})
}

/// Returns a response whose body fails before its first byte, which makes the server close the
/// connection.
pub(crate) fn broken_connection() -> Response<Body> {
    let failure = stream::iter([Err::<Bytes, _>(std::io::Error::other("dropped"))]);
    Response::new(Body::from_stream(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lets_requests_pass_first_and_affects_only_its_path() {
        let mut faults = vec![Fault {
            after: 1,
            ..Fault::status("/api/events", 503, 2)
        }];
        let mut affected = Vec::new();
        for path in [
            "/api/events",
            "/api/profiles",
            "/api/events",
            "/api/events",
            "/api/events",
        ] {
            affected.push(Fault::take_next(&mut faults, path).is_some());
        }
        assert_eq!(affected, [false, false, true, true, false]);
        let mut faults = vec![Fault::status("/api/lists/*", 503, 9)];
        for (path, is_affected) in [("/api/lists/Y6nRLr", true), ("/api/lists", false)] {
            let fault = Fault::take_next(&mut faults, path);
            assert_eq!(fault.is_some(), is_affected, "{path}");
        }
    }
}
