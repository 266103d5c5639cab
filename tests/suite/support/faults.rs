//! Faults of Klaviyo that are described and not yet begun.

use std::time::Duration;

use segment_klaviyo_stand_in::{Fault, StandIn, Symptom};
use serde_json::Value;

/// A fault that begins when it is said how often it happens: `klaviyo.fail(EVENTS, 503).times(2)`.
#[must_use = "a fault begins with once(), times() or always()"]
pub(crate) struct PendingFault<'s> {
    stand_in: &'s StandIn,
    fault: Fault,
}

impl<'s> PendingFault<'s> {
    /// Describes a fault that answers this status to requests for `path`.
    pub(super) fn status(stand_in: &'s StandIn, path: &'static str, status: u16) -> Self {
        PendingFault {
            stand_in,
            fault: Fault::status(path, status, 0),
        }
    }

    /// Describes a fault that closes the connection.
    pub(super) fn disconnect(stand_in: &'s StandIn, path: &'static str) -> Self {
        let mut pending = PendingFault::status(stand_in, path, 0);
        pending.fault.symptom = Symptom::Drop;
        pending
    }

    /// Changes the seconds that Klaviyo asks to wait.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        if let Symptom::Answer { retry_after, .. } = &mut self.fault.symptom {
            *retry_after = Some(seconds);
        }
        self
    }

    /// Changes the body of the answer.
    pub(crate) fn body(mut self, answer: Value) -> Self {
        if let Symptom::Answer { body, .. } = &mut self.fault.symptom {
            *body = answer;
        }
        self
    }

    /// Answers only after this time.
    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.fault.delay = delay;
        self
    }

    /// Klaviyo does the work nevertheless: only its acknowledgement is lost.
    pub(crate) fn but_apply(mut self) -> Self {
        self.fault.applied = true;
        self
    }

    /// Begins the fault for the next request.
    pub(crate) fn once(self) {
        self.times(1);
    }

    /// Begins the fault for every request from now on.
    pub(crate) fn always(self) {
        self.times(usize::MAX);
    }

    /// Begins the fault for the next `count` requests.
    pub(crate) fn times(mut self, count: usize) {
        self.fault.times = count;
        self.stand_in.state().faults.push(self.fault);
    }
}
