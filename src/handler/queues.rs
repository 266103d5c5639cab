//! The queues for messages that Klaviyo cannot take now, or never.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock;
use crate::delivery::InFlight;
use crate::outcome::{Outcome, RetryReason};
use crate::queue::{
    Bundle, ImportEntry, Queue, QueueEntry, QueueMessage, body_of, pack, retry_delay, spread,
};
use crate::telemetry::Origin;

/// The part of a delivery's time that is left for writing queues. A write takes a few milliseconds;
/// a sixth leaves the SDK time for its retries.
const QUEUE_BUDGET_DIVISOR: u32 = 6;

/// The time for which a message is tried again, from the moment at which it was first put aside. An
/// outage of a night ends by itself, and Segment tries for four hours.
const PATIENCE: Duration = Duration::from_secs(12 * 60 * 60);

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
        self.give_up_old(messages);
        self.enqueue_retries(messages, deadline).await;
        self.enqueue_dead_letters(messages, origin, deadline).await;
        for message in messages {
            if !message.is_settled() {
                message.settle(message.outcome());
            }
        }
    }

    /// Gives up messages that have waited too long, if there is a queue for them.
    fn give_up_old(&self, messages: &[&InFlight<'_>]) {
        if self.dead_letters.is_none() {
            return;
        }
        let now = clock::now().unix_timestamp();
        for message in messages {
            if let Outcome::Retry(reason) = message.outcome()
                && message.waited(now) >= PATIENCE
            {
                message.give_up(reason);
            }
        }
    }

    /// Puts messages of Segment into the retry queue whose subscriptions were not sent, all or none of
    /// them: what is in the queue must not be sent again by Segment as well, or people would be asked
    /// by both. So nothing is written if one does not fit, and nothing after a failure. Hardly any
    /// delivery needs more than one request. One that does, and fails half-way, leaves some in the
    /// queue; only the ledger of consents tells the two apart then.
    pub(super) async fn enqueue_unasked(&self, messages: &[&InFlight<'_>], deadline: Instant) {
        let Some(queue) = &self.retry else { return };
        let mut retries = Retries::of(messages);
        let accepted = if retries.fit() {
            queue.send_in_order(retries.messages(), deadline).await
        } else {
            Vec::new()
        };
        retries.settle(&accepted);
    }

    /// Puts messages that are to be retried into the retry queue. A message that the queue does not
    /// take stays with its sender.
    pub(super) async fn enqueue_retries(&self, messages: &[&InFlight<'_>], deadline: Instant) {
        let Some(queue) = &self.retry else { return };
        let mut retries = Retries::of(messages);
        let accepted = queue.send_all(retries.messages(), deadline).await;
        retries.settle(&accepted);
    }

    /// Puts entries that cannot be read back into the retry queue, each by itself. Each comes with the
    /// index of its record; returns the indexes of those that the queue did not take.
    pub(super) async fn put_back(
        &self,
        unreadable: Vec<(usize, String)>,
        deadline: Instant,
    ) -> Vec<usize> {
        let (records, entries): (Vec<_>, Vec<_>) = unreadable.into_iter().unzip();
        let Some(queue) = &self.retry else {
            return records;
        };
        let entries = entries.into_iter().map(QueueMessage::from).collect();
        let accepted = queue.send_all(entries, deadline).await;
        let outcomes = records.into_iter().zip(accepted);
        let refused = outcomes.filter(|(_, is_accepted)| !is_accepted);
        refused.map(|(record, _)| record).collect()
    }

    /// Puts rejected messages into the dead-letter queue. If the write fails, the message is
    /// retried.
    ///
    /// A message over the SQS limit from Segment is rejected without being queued: Segment would
    /// otherwise resend the whole delivery for hours. If it came from the retry queue, it stays
    /// there, and SQS moves it after `maxReceiveCount`.
    pub(super) async fn enqueue_dead_letters(
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
        let now = clock::now();
        let mut fits = Vec::with_capacity(rejected.len());
        let mut entries = Vec::with_capacity(rejected.len());
        for message in &rejected {
            let entry = body_of(QueueEntry::new(message, now).write());
            fits.push(Queue::fits(&entry));
            entries.push(entry.into());
        }
        let accepted = queue.send_all(entries, deadline).await;
        for ((message, fits), is_accepted) in rejected.iter().zip(fits).zip(accepted) {
            let is_given_up = !fits && origin == Origin::Webhook;
            if !is_accepted && !is_given_up {
                message.settle(Outcome::Retry(RetryReason::QueueWriteFailed));
            }
        }
    }

    /// Puts entries into the retry queue that follow the import jobs of a delivery. Where that fails,
    /// the import counts as not done: nobody would learn what Klaviyo did not accept. Without a queue
    /// nobody follows.
    pub(super) async fn follow_imports(&self, batch: &[InFlight<'_>], deadline: Instant) {
        let Some(queue) = &self.retry else { return };
        let unsettled: Vec<_> = batch
            .iter()
            .filter(|message| !message.is_settled())
            .collect();
        let entries = ImportEntry::of_batch(&unsettled);
        if entries.is_empty() {
            return;
        }
        let mut fits = Vec::with_capacity(entries.len());
        let mut followers = Vec::with_capacity(entries.len());
        for (entry, _) in &entries {
            let follower = follower(entry);
            fits.push(Queue::fits(&follower.body));
            followers.push(follower);
        }
        let accepted = queue.send_all(followers, deadline).await;
        for (((_, messages), fits), is_accepted) in entries.iter().zip(fits).zip(accepted) {
            // A message that SQS cannot hold, far larger than Segment allows, is not followed: its
            // sender would send it again for hours.
            if fits && !is_accepted {
                for message in messages {
                    message.forget_imports();
                }
            }
        }
    }

    /// Puts an entry into the retry queue again, to ask for the import job later. Returns whether the
    /// queue took it.
    pub(super) async fn follow_again(&self, entry: &ImportEntry<'_>, deadline: Instant) -> bool {
        let Some(queue) = &self.retry else {
            return false;
        };
        let accepted = queue.send_all(vec![follower(entry)], deadline).await;
        accepted == [true]
    }

    /// Puts profiles that could not be repaired into their queues, each as a message of its own.
    pub(super) async fn settle_repaired(&self, messages: &[&InFlight<'_>], deadline: Instant) {
        self.enqueue_retries(messages, deadline).await;
        self.enqueue_dead_letters(messages, Origin::RetryQueue, deadline)
            .await;
    }
}

/// Messages that are to be retried, packed for the retry queue.
struct Retries<'m, 'a> {
    waiting: Vec<(&'m InFlight<'a>, RetryReason)>,
    bundles: Vec<Bundle>,
}

impl<'m, 'a> Retries<'m, 'a> {
    /// Packs those of the messages that are to be retried.
    fn of(messages: &[&'m InFlight<'a>]) -> Self {
        let now = clock::now();
        let seconds = now.unix_timestamp();
        let mut waiting = Vec::new();
        let mut entries = Vec::new();
        for message in messages {
            if let Outcome::Retry(reason) = message.outcome() {
                waiting.push((*message, reason));
                let waited = message.waited(seconds);
                entries.push(QueueMessage {
                    body: QueueEntry::new(message, now).write(),
                    delay: retry_delay(reason, waited, message.wait(seconds)),
                });
            }
        }
        let mut bundles = pack(entries);
        for bundle in &mut bundles {
            bundle.message.delay = spread(bundle.message.delay);
        }
        Retries { waiting, bundles }
    }

    /// Whether SQS takes all of them.
    fn fit(&self) -> bool {
        let mut bundles = self.bundles.iter();
        bundles.all(|bundle| Queue::fits(&bundle.message.body))
    }

    /// Takes the messages for SQS.
    fn messages(&mut self) -> Vec<QueueMessage> {
        let mut messages = Vec::with_capacity(self.bundles.len());
        for bundle in &mut self.bundles {
            messages.push(std::mem::take(&mut bundle.message));
        }
        messages
    }

    /// Settles the messages by whether the queue has accepted their bundles.
    fn settle(&self, accepted: &[bool]) {
        for (index, bundle) in self.bundles.iter().enumerate() {
            let is_accepted = accepted.get(index) == Some(&true);
            for member in &bundle.members {
                let Some((message, reason)) = self.waiting.get(*member) else {
                    continue;
                };
                message.settle(if is_accepted {
                    Outcome::Queued(*reason)
                } else {
                    Outcome::Retry(RetryReason::QueueWriteFailed)
                });
            }
        }
    }
}

fn follower(entry: &ImportEntry) -> QueueMessage {
    QueueMessage {
        body: entry.write(),
        delay: entry.delay(),
    }
}
