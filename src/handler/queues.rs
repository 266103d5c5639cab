//! The queues for messages that Klaviyo cannot take now, or never.

use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::InFlight;
use crate::outcome::{Outcome, RetryReason};
use crate::queue::{Queue, QueueEntry};
use crate::telemetry::Origin;

/// The part of a delivery's time that is left for writing queues. A write takes a few milliseconds;
/// a sixth leaves the SDK time for its retries.
const QUEUE_BUDGET_DIVISOR: u32 = 6;

/// The queues that the settings name.
pub(super) struct Queues {
    /// The queue for messages that Klaviyo cannot take now.
    pub(super) retry: Option<Queue>,
    /// The queue for messages that can never succeed.
    pub(super) dead_letters: Option<Queue>,
}

impl Queues {
    /// Returns the time before `deadline` that is left for writing the queues.
    pub(super) fn budget(&self, deadline: Instant) -> Duration {
        if self.retry.is_none() && self.dead_letters.is_none() {
            return Duration::ZERO;
        }
        deadline.saturating_duration_since(Instant::now()) / QUEUE_BUDGET_DIVISOR
    }

    /// Settles messages: those to retry and those that are rejected go into their queues.
    pub(super) async fn settle(
        &self,
        messages: &[&InFlight<'_>],
        origin: Origin,
        deadline: Instant,
    ) {
        // A record that is to be retried is in the queue already.
        if origin == Origin::Webhook {
            self.enqueue_retries(messages, deadline).await;
        }
        self.enqueue_dead_letters(messages, origin, deadline).await;
        for message in messages {
            if !message.is_settled() {
                message.settle(message.outcome());
            }
        }
    }

    /// Puts messages that are to be retried into the retry queue. A message that the queue does not
    /// take stays with its sender.
    pub(super) async fn enqueue_retries(&self, messages: &[&InFlight<'_>], deadline: Instant) {
        let Some(queue) = &self.retry else { return };
        let mut waiting = Vec::new();
        for message in messages {
            if let Outcome::Retry(reason) = message.outcome() {
                waiting.push((*message, reason));
            }
        }
        let entries = waiting
            .iter()
            .map(|(message, _)| QueueEntry::write(message))
            .collect();
        let accepted = queue.send_all(entries, deadline).await;
        for ((message, reason), is_accepted) in waiting.iter().zip(accepted) {
            message.settle(if is_accepted {
                Outcome::Queued(*reason)
            } else {
                Outcome::Retry(RetryReason::QueueWriteFailed)
            });
        }
    }

    /// Puts rejected messages into the dead-letter queue. If the write fails, the message is
    /// retried.
    ///
    /// A message over the SQS limit from Segment is rejected without being queued: Segment would
    /// otherwise resend the whole delivery for hours. If it came from the retry queue, it stays
    /// there, and SQS moves it after `maxReceiveCount`.
    async fn enqueue_dead_letters(
        &self,
        messages: &[&InFlight<'_>],
        origin: Origin,
        deadline: Instant,
    ) {
        let Some(queue) = &self.dead_letters else {
            return;
        };
        let rejected: Vec<_> = messages
            .iter()
            .filter(|message| message.is_rejected())
            .collect();
        let entries: Vec<_> = rejected
            .iter()
            .map(|message| QueueEntry::write(message))
            .collect();
        let fits: Vec<_> = entries.iter().map(|entry| Queue::fits(entry)).collect();
        let accepted = queue.send_all(entries, deadline).await;
        for ((message, fits), is_accepted) in rejected.iter().zip(fits).zip(accepted) {
            let is_given_up = !fits && origin == Origin::Webhook;
            if !is_accepted && !is_given_up {
                message.settle(Outcome::Retry(RetryReason::QueueWriteFailed));
            }
        }
    }
}
