//! Messages that wait for the identity memory, and events that have waited, there or in a queue.

use time::Duration;

use super::inbound::{InboundMessage, Recollection};
use crate::clock;
use crate::domain::Timestamp;
use crate::klaviyo::Operation;
use crate::outcome::{IgnoreReason, Outcome, RetryReason};
use crate::settings::RuleSettings;

/// Keeps an event from starting flows that has become old since the message first arrived, such as
/// one in a dead letter that is redriven.
pub(super) fn age(operation: &mut Operation, settings: &RuleSettings) {
    let (Operation::RecordEvent(event), Some(age)) = (operation, settings.backfill_after) else {
        return;
    };
    let oldest = Timestamp::new(clock::now() - age);
    event.backfill |= event.time < oldest && event.time.is_some();
}

/// Gives an event that has waited its own time, and keeps one that has waited for long from starting
/// flows.
pub(super) fn release(operation: &mut Operation, inbound: &InboundMessage) {
    const FRESH: Duration = Duration::hours(1);
    if let Operation::RecordEvent(event) = operation {
        event.time = event.time.or_else(|| Timestamp::new(inbound.first_seen_at));
        event.backfill |= event.time < Timestamp::new(clock::now() - FRESH);
    }
}

/// Returns the outcome of a message that is not planned: it waits in the identity memory, or for it.
pub(super) fn unplanned_outcome(inbound: &InboundMessage) -> Option<Outcome> {
    match inbound.recollection.as_deref() {
        Some(Recollection::Unknown) => Some(Outcome::Retry(RetryReason::MemoryUnavailable)),
        Some(Recollection::Held) => Some(Outcome::Ignored(IgnoreReason::Held)),
        _ => None,
    }
}
