//! Faults at random.

use std::time::Duration;

use serde_json::Value;

use crate::faults::{Fault, Symptom};

/// The delay of a request that hangs: longer than a delivery has in a run with chaos.
const HANG: Duration = Duration::from_secs(10);

/// A Klaviyo that fails at random, the same way for the same seed and order of requests.
#[derive(Debug)]
pub struct Chaos {
    random: fastrand::Rng,
    percent: u8,
}

impl Chaos {
    /// Creates chaos from a seed in which `percent` of a hundred requests fail.
    pub fn new(seed: u64, percent: u8) -> Self {
        Chaos {
            random: fastrand::Rng::with_seed(seed),
            percent,
        }
    }

    /// Returns the fault of the next request, if it has one.
    pub(crate) fn next(&mut self) -> Option<Fault> {
        if self.random.u8(0..100) >= self.percent {
            return None;
        }
        let (status, retry_after) = match self.random.u8(0..6) {
            0 => (429, None),
            1 => (429, Some(self.random.u64(0..3))),
            2 => (500, None),
            3 => (503, None),
            _ => (0, None),
        };
        let symptom = if status == 0 {
            Symptom::Drop
        } else {
            Symptom::Answer {
                status,
                retry_after,
                body: Value::Null,
            }
        };
        let hangs = self.random.u8(0..20) == 0;
        Some(Fault {
            delay: if hangs { HANG } else { Duration::ZERO },
            // A throttled request has done nothing. Of the others, half are done and only their
            // acknowledgement is lost.
            applied: status != 429 && self.random.bool(),
            ..Fault::new("", symptom, 1)
        })
    }
}
