//! A batch of messages, from the rules to Klaviyo and what is left to the queues.

use std::time::Duration;

use tokio::time::Instant;

use super::Destination;
use crate::batch::{self, InboundMessage, MessageResult};
use crate::delivery::Delivery;
use crate::outcome::{Outcome, RetryReason};
use crate::queue::{Queue, QueueEntry};
use crate::telemetry::{self, elapsed_ms};

/// The part of a delivery's time that is kept for writing queues.
const QUEUE_PART: u32 = 6;

/// Who sends again what is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Segment: the whole delivery, unless a queue takes what is left of it.
    Segment,
    /// The retry queue: each record by itself.
    Queue,
}

impl Destination {
    /// Applies the rules and does what they decide. What Segment sent and cannot be done now goes into the
    /// retry queue.
    pub(super) async fn process(
        &self,
        parcels: &[InboundMessage<'_>],
        sender: Sender,
        deadline: Instant,
        line: &mut telemetry::DeliverySummary,
    ) -> Vec<MessageResult> {
        let calling = Instant::now();
        let batch::Decided { ended, work } = batch::decide(parcels, &self.settings.rules);
        let labels: Vec<_> = work
            .iter()
            .map(|work| (work.message, work.operation.operation_id()))
            .collect();
        let delivery = Delivery::new(
            &self.klaviyo,
            &self.secrets,
            deadline - self.time_for_queues(deadline),
        );
        let partial = delivery.before_subscriptions(work).await;

        // What cannot be done now, or never, is put aside before anybody is subscribed: nothing may make
        // Segment resend a delivery whose subscriptions are sent.
        let mut so_far = ended.clone();
        batch::account(&mut so_far, &labels, &partial.results);
        let stopped: Vec<bool> = so_far
            .iter()
            .map(|ended| is_unfinished(ended) || is_dead(ended))
            .collect();
        self.put_aside(parcels, &mut so_far, &stopped, sender, deadline)
            .await;
        let is_resent = sender == Sender::Segment && so_far.iter().any(is_unfinished);
        let may_go = |message: usize| !is_resent && stopped.get(message) == Some(&false);
        let results = delivery.subscriptions(partial, may_go).await;

        let mut ended = ended;
        batch::account(&mut ended, &labels, &results);
        for ((ended, so_far), stopped) in ended.iter_mut().zip(so_far).zip(&stopped) {
            if *stopped {
                *ended = so_far;
            }
        }
        let rest: Vec<bool> = stopped.iter().map(|stopped| !stopped).collect();
        self.put_aside(parcels, &mut ended, &rest, sender, deadline)
            .await;
        line.klaviyo_ms = elapsed_ms(calling);
        (line.klaviyo_latencies, line.klaviyo_throttled) = delivery.counts();
        line.klaviyo_requests = line.klaviyo_latencies.len();
        ended
    }

    /// Puts the chosen ones into the queues. Records that are to be retried are in one already.
    async fn put_aside(
        &self,
        parcels: &[InboundMessage<'_>],
        ended: &mut [MessageResult],
        chosen: &[bool],
        sender: Sender,
        deadline: Instant,
    ) {
        if sender == Sender::Segment {
            self.keep(parcels, ended, chosen, deadline).await;
        }
        self.bury(parcels, ended, chosen, sender, deadline).await;
    }

    fn time_for_queues(&self, deadline: Instant) -> Duration {
        let has_queue = self.dead_letters.is_some() || self.retry_queue.is_some();
        if has_queue {
            deadline.saturating_duration_since(Instant::now()) / QUEUE_PART
        } else {
            Duration::ZERO
        }
    }

    /// Puts those of the chosen that are to be retried into the retry queue, if there is one. What it does
    /// not take stays with whoever sent it.
    pub(super) async fn keep(
        &self,
        parcels: &[InboundMessage<'_>],
        ended: &mut [MessageResult],
        chosen: &[bool],
        deadline: Instant,
    ) {
        let Some(queue) = &self.retry_queue else {
            return;
        };
        let waits = |(at, ended): &(usize, &MessageResult)| {
            matches!(ended.outcome, Outcome::Retry(_)) && chosen.get(*at) == Some(&true)
        };
        let waiting: Vec<usize> = (0..)
            .zip(ended.iter())
            .filter(waits)
            .map(|(at, _)| at)
            .collect();
        for (at, there) in waiting.iter().zip(
            queue
                .send_all(entries(&waiting, parcels, ended), deadline)
                .await,
        ) {
            let Some(ended) = ended.get_mut(*at) else {
                continue;
            };
            if let Outcome::Retry(cause) = ended.outcome {
                ended.outcome = if there {
                    Outcome::Queued(cause)
                } else {
                    Outcome::Retry(RetryReason::QueueWriteFailed)
                };
            }
        }
    }

    /// Puts those of the chosen that can never succeed into the dead-letter queue, if there is one. What that
    /// does not take now is not given up. What is larger than SQS ever takes is rejected as without a queue:
    /// Segment would resend it for hours, and its neighbours with it. As a record it stays for SQS to move.
    async fn bury(
        &self,
        parcels: &[InboundMessage<'_>],
        ended: &mut [MessageResult],
        chosen: &[bool],
        sender: Sender,
        deadline: Instant,
    ) {
        let Some(queue) = &self.dead_letters else {
            return;
        };
        let dies = |(at, ended): &(usize, &MessageResult)| {
            is_dead(ended) && chosen.get(*at) == Some(&true)
        };
        let dead: Vec<usize> = (0..)
            .zip(ended.iter())
            .filter(dies)
            .map(|(at, _)| at)
            .collect();
        let bodies = entries(&dead, parcels, ended);
        let fits: Vec<bool> = bodies.iter().map(|body| Queue::fits(body)).collect();
        for ((at, fits), there) in dead
            .iter()
            .zip(fits)
            .zip(queue.send_all(bodies, deadline).await)
        {
            let is_given_up = there || (!fits && sender == Sender::Segment);
            if let (Some(ended), false) = (ended.get_mut(*at), is_given_up) {
                ended.outcome = Outcome::Retry(RetryReason::QueueWriteFailed);
            }
        }
    }
}

fn is_dead(ended: &MessageResult) -> bool {
    matches!(ended.outcome, Outcome::Rejected(_))
}

/// Whether something of it other than its subscription is to be sent again.
fn is_unfinished(ended: &MessageResult) -> bool {
    matches!(ended.outcome, Outcome::Retry(cause) if cause != RetryReason::WaitingForBatch)
}

/// What a queue holds of the messages at these places.
fn entries(places: &[usize], parcels: &[InboundMessage], ended: &[MessageResult]) -> Vec<String> {
    places
        .iter()
        .filter_map(|at| Some(entry(parcels.get(*at)?, ended.get(*at)?)))
        .collect()
}

fn entry(parcel: &InboundMessage, ended: &MessageResult) -> String {
    let (reason, detail) = match &ended.outcome {
        Outcome::Rejected(why) => (why.reason(), why.to_string()),
        Outcome::Retry(why) | Outcome::Queued(why) => (why.reason(), why.to_string()),
        Outcome::Ignored(why) => (why.reason(), why.to_string()),
        Outcome::Delivered => ("delivered", String::new()),
    };
    QueueEntry::new(parcel, reason, detail, ended).write()
}
