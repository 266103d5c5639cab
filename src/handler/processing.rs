//! Messages on their way through a delivery: they are sent, those that are not finished go into the
//! queues, and each gets its result.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::destination::Destination;
use crate::clock;
use crate::delivery::{Backlog, Delivery, Dispatcher, InFlight, MessageResult};
use crate::outcome::{Outcome, RetryReason};
use crate::telemetry::{DeliverySummary, Origin, elapsed_ms};

/// A result of a message, with what the log says beside it.
struct Processed {
    /// The place of the message in the delivery.
    place: usize,
    /// The record of the retry queue that it is in.
    record: Option<usize>,
    result: MessageResult,
    is_order: bool,
    /// The time since it was put aside.
    waited: Duration,
}

/// Takes the result of a message.
type TakeResult = fn(&InFlight) -> MessageResult;

impl Destination {
    /// Sends the operations of a delivery, and puts unfinished messages into the queues. Returns the
    /// result of each message, in their order.
    pub(super) async fn process(
        &self,
        delivery: Delivery<'_>,
        origin: Origin,
        take_result: TakeResult,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> Vec<MessageResult> {
        let started = Instant::now();
        let dispatcher = self.dispatcher(delivery.len(), origin, deadline);
        let Delivery { batch, backlog } = delivery;

        dispatcher.spill(&batch);

        // Everything that may safely be repeated.
        let mut processed = Vec::with_capacity(batch.len());
        let further_events = async {
            processed = self
                .process_backlog(&dispatcher, backlog, origin, take_result, deadline)
                .await;
        };
        let subscriptions = dispatcher.dispatch_repeatable(&batch, further_events).await;
        self.queues.follow_imports(&batch, deadline).await;
        for message in &batch {
            message.reject_pending_if_refused();
        }
        let (unasked, others): (Vec<_>, Vec<_>) = batch
            .iter()
            .filter(|message| message.needs_retry() || message.is_rejected())
            .partition(|message| message.has_pending_subscription());
        self.queues.settle(&others, origin, deadline).await;

        // Subscriptions go last: a subscription sent twice asks for confirmation twice, so nothing
        // before them may still make Segment resend this delivery. For the same reason none may wait
        // in a queue while Segment resends it.
        let is_backlog_resent = processed.iter().any(|one| is_retry(&one.result));
        if origin == Origin::RetryQueue {
            self.queues.settle(&unasked, origin, deadline).await;
            keep_whole_records(&batch, &processed);
        } else if !is_backlog_resent && !others.iter().any(|message| message.needs_retry()) {
            self.queues.enqueue_unasked(&unasked, deadline).await;
        }
        let is_resent = origin == Origin::Webhook
            && (is_backlog_resent || batch.iter().any(InFlight::needs_retry));
        if !is_resent {
            dispatcher.dispatch_subscriptions(subscriptions).await;
        }
        let unsettled: Vec<_> = batch
            .iter()
            .filter(|message| !message.is_settled())
            .collect();
        if is_resent {
            for message in unsettled {
                message.settle(message.outcome());
            }
        } else {
            self.queues.settle(&unsettled, origin, deadline).await;
        }

        let stats = dispatcher.into_stats();
        summary.klaviyo_ms += elapsed_ms(started);
        summary.klaviyo_requests += stats.latencies.len();
        summary.klaviyo_throttled += stats.throttled;
        summary.revision_refused += stats.revision_refused;
        summary.klaviyo_latencies.extend(stats.latencies);

        self.log_results(self.merge(&batch, processed, take_result), summary)
    }

    /// Puts the messages of a delivery into the retry queue, all or none of them, without sending
    /// anything. Those that a rule does not send are finished. Returns the result of each message, in
    /// their order.
    pub(super) async fn take_in(
        &self,
        delivery: Delivery<'_>,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> Vec<MessageResult> {
        let Delivery { batch, mut backlog } = delivery;
        let mut all: Vec<_> = batch.iter().collect();
        let dead_letters = self
            .queues
            .enqueue_dead_letters(&all, Origin::Webhook, deadline);
        dead_letters.await;
        // A dead letter that cannot be written makes Segment send everything again. Any other reason to
        // retry is one to wait in the queue, as for the identity memory.
        let unwritten = Outcome::Retry(RetryReason::QueueWriteFailed);
        let is_resent = batch.iter().any(|message| message.outcome() == unwritten);
        let slice = backlog.put_off().unwrap_or_default();
        all.extend(&slice.batch);
        for message in &all {
            if matches!(message.outcome(), Outcome::Retry(reason) if reason != RetryReason::QueueWriteFailed)
            {
                message.settle(Outcome::Retry(RetryReason::Intake));
            }
        }
        if !is_resent {
            self.queues.enqueue_unasked(&all, deadline).await;
        }
        let take_result = |message: &InFlight| message.brief_result();
        let mut processed = Vec::new();
        for (place, message) in slice.places.iter().zip(&slice.batch) {
            processed.push(self.processed(*place, message, take_result));
        }
        self.log_results(self.merge(&batch, processed, take_result), summary)
    }

    /// Plans and sends the messages of a backlog, slice by slice. What there is no time for goes into
    /// the queue, without being planned.
    async fn process_backlog(
        &self,
        dispatcher: &Dispatcher<'_>,
        mut backlog: Backlog<'_>,
        origin: Origin,
        take_result: TakeResult,
        deadline: Instant,
    ) -> Vec<Processed> {
        let mut processed = Vec::new();
        loop {
            let slice = if dispatcher.is_in_time() {
                backlog.next_slice(&self.settings.rules)
            } else {
                backlog.put_off()
            };
            let Some(slice) = slice else { return processed };
            dispatcher.dispatch_events(&slice.batch).await;
            let all: Vec<_> = slice.batch.iter().collect();
            self.queues.settle(&all, origin, deadline).await;
            for (place, message) in slice.places.iter().zip(&slice.batch) {
                processed.push(self.processed(*place, message, take_result));
            }
        }
    }

    fn processed(&self, place: usize, message: &InFlight, take_result: TakeResult) -> Processed {
        Processed {
            place,
            record: message.inbound().record,
            result: take_result(message),
            is_order: message.inbound().is_order(&self.settings.rules),
            waited: message.waited(clock::now().unix_timestamp()),
        }
    }

    /// Adds the results of a batch to those of the backlog, by the places that are left.
    fn merge(
        &self,
        batch: &[InFlight<'_>],
        backlog: Vec<Processed>,
        take_result: TakeResult,
    ) -> Vec<Processed> {
        let mut by_place: Vec<Option<Processed>> = Vec::new();
        by_place.resize_with(batch.len() + backlog.len(), || None);
        for one in backlog {
            if let Some(place) = by_place.get_mut(one.place) {
                *place = Some(one);
            }
        }
        let mut rest = batch.iter();
        let mut merged = Vec::with_capacity(by_place.len());
        for (place, processed) in by_place.into_iter().enumerate() {
            let message = || rest.next().map(|m| self.processed(place, m, take_result));
            merged.extend(processed.or_else(message));
        }
        merged
    }

    /// Counts the results, and logs each rejected message: the log is its only trace if Segment
    /// gets a 200.
    fn log_results(
        &self,
        processed: Vec<Processed>,
        summary: &mut DeliverySummary,
    ) -> Vec<MessageResult> {
        let mut results = Vec::with_capacity(processed.len());
        for Processed {
            place,
            result,
            is_order,
            waited,
            ..
        } in processed
        {
            if let Outcome::Rejected(reason) = &result.outcome {
                self.log_rejection(place, &result, reason);
            }
            summary.count_message(&result.outcome, &result.warnings);
            summary.count_wait(&result.outcome, waited);
            if is_order {
                summary.count_order(&result.outcome);
            }
            results.push(result);
        }
        results
    }
}

/// Keeps the subscriptions of messages from being sent whose records stay in the queue because of
/// another message: the record asks again, and nobody may be asked by both.
fn keep_whole_records(batch: &[InFlight<'_>], backlog: &[Processed]) {
    let mut kept = BTreeSet::new();
    for one in backlog {
        kept.extend(one.record.filter(|_| is_retry(&one.result)));
    }
    for message in batch {
        let stays = message.is_settled() && message.needs_retry();
        kept.extend(message.inbound().record.filter(|_| stays));
    }
    for message in batch {
        let record = message.inbound().record;
        let is_kept = record.is_some_and(|record| kept.contains(&record));
        if is_kept && !message.is_settled() && message.has_pending_subscription() {
            message.settle(Outcome::Retry(RetryReason::QueueWriteFailed));
        }
    }
}

fn is_retry(result: &MessageResult) -> bool {
    matches!(result.outcome, Outcome::Retry(_))
}
