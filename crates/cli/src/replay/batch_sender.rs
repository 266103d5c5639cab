//! Sends one batch again and again, until every message is settled or there is no progress.

use std::time::Duration;

use segment_klaviyo::outcome::RetryReason;
use segment_klaviyo::telemetry::DeliverySummary;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::record::ReplayMessage;
use super::stop::StopSignal;
use crate::harness::Harness;

/// The pause before the second attempt, if Klaviyo does not say how long to wait. It doubles up to
/// the maximum.
const INITIAL_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The time for an attempt that begins when it is nearly time to give up. Less would not be one.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// The end of sending a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchEnd {
    /// Every message is settled.
    Finished,
    /// A stop was requested, and some messages are not settled.
    Stopped,
    /// There was no progress for too long.
    GivenUp,
}

/// The state after an attempt that left messages unsettled.
pub(super) struct RetryPause<'m> {
    /// All messages of the batch.
    pub(super) messages: &'m [ReplayMessage],
    /// The number of messages that are not settled.
    pub(super) unsettled: usize,
    /// The decisive reason.
    pub(super) reason: RetryReason,
    /// The time to wait; `None` when the batch is given up.
    pub(super) pause: Option<Duration>,
    /// The number of requests to Klaviyo so far.
    pub(super) requests: u64,
}

/// The function, and how patiently it is used.
pub(super) struct BatchSender<'h> {
    pub(super) harness: &'h Harness,
    /// The time at which the rules were first applied.
    pub(super) first_seen_at: OffsetDateTime,
    /// The time after which a batch without progress is given up.
    pub(super) give_up_after: Duration,
    /// The number of requests to Klaviyo so far.
    pub(super) requests: u64,
}

impl BatchSender<'_> {
    /// Sends the messages until all are settled. Calls `on_pause` after each attempt that is not
    /// the last, and before giving up.
    pub(super) async fn send(
        &mut self,
        messages: &mut [ReplayMessage],
        stop: &mut StopSignal,
        mut on_pause: impl FnMut(RetryPause<'_>) -> Result<(), String>,
    ) -> Result<BatchEnd, String> {
        let mut last_progress = Instant::now();
        let mut next_pause = INITIAL_PAUSE;
        loop {
            let progress_before = progress(messages);
            self.attempt(messages, last_progress + self.give_up_after)
                .await;
            let reasons: Vec<_> = messages
                .iter()
                .filter_map(ReplayMessage::retry_reason)
                .collect();
            let Some(reason) = reasons.iter().copied().reduce(decisive) else {
                return Ok(BatchEnd::Finished);
            };
            if progress(messages) > progress_before {
                last_progress = Instant::now();
                next_pause = INITIAL_PAUSE;
            }
            let left = self.give_up_after.saturating_sub(last_progress.elapsed());
            let pause = match reason {
                RetryReason::Throttled(Some(seconds))
                | RetryReason::ThrottledSingly(Some(seconds)) => {
                    Duration::from_secs(seconds.max(1))
                }
                // The last attempt is made when the time is over, and not long before.
                _ if !left.is_zero() => next_pause.min(left),
                _ => next_pause,
            };
            next_pause = (next_pause * 2).min(MAX_PAUSE);
            // Waiting does not make a rejected key valid, or a retired revision served again.
            let is_hopeless = matches!(
                reason,
                RetryReason::ApiKeyRejected | RetryReason::RevisionRefused
            );
            let gives_up = is_hopeless || pause > left;
            on_pause(RetryPause {
                messages,
                unsettled: reasons.len(),
                reason,
                pause: if gives_up { None } else { Some(pause) },
                requests: self.requests,
            })?;
            if gives_up {
                return Ok(BatchEnd::GivenUp);
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.requested() => {}
            }
            if stop.is_requested() {
                return Ok(BatchEnd::Stopped);
            }
        }
    }

    /// Sends all messages that are not settled, once. The attempt ends by `give_up_at`, or soon after.
    async fn attempt(&mut self, messages: &mut [ReplayMessage], give_up_at: Instant) {
        let mut unsettled = Vec::new();
        for message in messages {
            if !message.is_settled() {
                unsettled.push(message);
            }
        }
        if unsettled.is_empty() {
            return;
        }
        let inbound: Vec<_> = unsettled
            .iter()
            .map(|message| message.inbound(self.first_seen_at))
            .collect();
        let mut summary = DeliverySummary::default();
        let now = Instant::now();
        let deadline =
            (now + self.harness.delivery_budget()).min(give_up_at.max(now + LAST_ATTEMPT));
        let results = self
            .harness
            .destination()
            .deliver(inbound, deadline, &mut summary)
            .await;
        // A message without a result would count as finished.
        assert_eq!(
            unsettled.len(),
            results.len(),
            "the function returns a result for each message"
        );
        self.requests += summary.klaviyo_requests as u64;
        for (message, result) in unsettled.into_iter().zip(results) {
            message.set_result(result);
        }
    }
}

/// Returns the reason that decides the next step: a rejected key, then the longest throttling, then
/// anything but a message that only waits for others.
fn decisive(one: RetryReason, other: RetryReason) -> RetryReason {
    if rank(other) > rank(one) { other } else { one }
}

fn rank(reason: RetryReason) -> (u8, Option<u64>) {
    match reason {
        RetryReason::ApiKeyRejected | RetryReason::RevisionRefused => (3, None),
        RetryReason::Throttled(seconds) | RetryReason::ThrottledSingly(seconds) => (2, seconds),
        RetryReason::WaitingForBatch => (0, None),
        RetryReason::Unavailable
        | RetryReason::Unreachable
        | RetryReason::Timeout
        | RetryReason::SubscriptionUnanswered
        | RetryReason::SubscriptionUnderWay
        | RetryReason::LedgerUnavailable
        | RetryReason::Intake
        | RetryReason::MemoryUnavailable
        | RetryReason::QueueWriteFailed => (1, None),
    }
}

/// A number that grows with each completed operation and each settled message.
fn progress(messages: &[ReplayMessage]) -> usize {
    let mut progress = 0;
    for message in messages {
        progress += message.completed.len() + usize::from(message.is_settled());
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_reasons_is_decisive() {
        use RetryReason::{ApiKeyRejected, Throttled, Unavailable, WaitingForBatch};
        for (one, other, expected) in [
            (WaitingForBatch, Unavailable, Unavailable),
            (Unavailable, Throttled(Some(9)), Throttled(Some(9))),
            (Throttled(Some(9)), Throttled(Some(60)), Throttled(Some(60))),
            (Throttled(None), Throttled(Some(1)), Throttled(Some(1))),
            (Throttled(Some(60)), ApiKeyRejected, ApiKeyRejected),
        ] {
            assert_eq!(decisive(one, other), expected);
            assert_eq!(decisive(other, one), expected);
        }
    }
}
