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
        let symptom = Symptom::Answer {
            status,
            retry_after: None,
            body: error,
        };
        Fault {
            path,
            times,
            delay: Duration::ZERO,
            applied: false,
            symptom,
        }
    }
}

/// A Klaviyo that fails at random, the same way for the same seed and order of requests.
#[derive(Debug)]
pub struct Chaos {
    random: fastrand::Rng,
    /// How many of a hundred requests go wrong.
    percent: u8,
}

impl Chaos {
    /// Chaos of this seed.
    pub fn new(seed: u64, percent: u8) -> Self {
        Chaos {
            random: fastrand::Rng::with_seed(seed),
            percent,
        }
    }

    /// What goes wrong with the next request, if anything.
    pub(super) fn next(&mut self) -> Option<Fault> {
        if self.random.u8(0..100) >= self.percent {
            return None;
        }
        let answer = |status, retry_after| Symptom::Answer {
            status,
            retry_after,
            body: Value::Null,
        };
        let symptom = match self.random.u8(0..6) {
            0 => answer(429, None),
            1 => answer(429, Some(self.random.u64(0..3))),
            2 => answer(500, None),
            3 => answer(503, None),
            _ => Symptom::Drop,
        };
        let throttles = matches!(symptom, Symptom::Answer { status: 429, .. });
        let hangs = self.random.u8(0..20) == 0;
        Some(Fault {
            path: "",
            times: 1,
            delay: if hangs { HANG } else { Duration::ZERO },
            // Who throttles has done nothing; of the rest, some is done and the acknowledgement lost.
            applied: !throttles && self.random.bool(),
            symptom,
        })
    }
}

/// Longer than a delivery has in a run with chaos.
const HANG: Duration = Duration::from_secs(10);

impl Fault {
    /// Klaviyo asks to come back in two minutes.
    pub(super) fn busy() -> Self {
        let symptom = Symptom::Answer {
            status: 429,
            retry_after: Some(120),
            body: Value::Null,
        };
        Fault {
            path: "",
            times: 1,
            delay: Duration::ZERO,
            applied: false,
            symptom,
        }
    }
}

impl Symptom {
    pub(super) fn reply(&self) -> Reply {
        match self {
            Symptom::Answer {
                status,
                body,
                retry_after,
            } => Reply {
                status: *status,
                body: body.clone(),
                retry_after: *retry_after,
            },
            Symptom::Drop => Reply::new(0, Value::Null),
        }
    }
}

/// The fault that the next request for `path` meets.
pub(super) fn next(faults: &mut [Fault], path: &str) -> Option<Fault> {
    let fault = faults
        .iter_mut()
        .find(|fault| fault.path == path && fault.times > 0)?;
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
