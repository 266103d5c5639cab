//! Records of the retry queue: all messages in them are one delivery, however they were packed.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::destination::Destination;
use crate::clock;
use crate::delivery::Delivery;
use crate::ingress::QueueRecord;
use crate::outcome::Outcome;
use crate::queue::{EntryError, ImportEntry, QueueEntry, RecordBody};
use crate::telemetry::{DeliverySummary, Origin};

/// The most bytes of JSON that are one delivery, about as many as Segment can send. Lambda hands over
/// 6 MB, and compressed that is many times as much.
const MAX_PORTION_BYTES: usize = 6_000_000;

/// The least time for another portion. With less, its records stay as they are.
const MIN_PORTION_TIME: Duration = Duration::from_secs(2);

/// The part of the time that import jobs are followed in at most, so that messages have the rest.
const IMPORT_TIME_DIVISOR: u32 = 3;

/// A record, decompressed.
struct OpenRecord<'r> {
    id: &'r str,
    body: RecordBody<'r>,
}

impl Destination {
    /// Delivers the messages in records of the retry queue. Returns the ids of the records that stay
    /// in the queue. SQS deletes the others, so whatever is left of one is in the queue by itself
    /// before.
    pub(super) async fn handle_records<'r>(
        &self,
        records: &'r [QueueRecord],
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> Vec<&'r str> {
        let mut failed = Vec::new();
        let mut records = records.iter().peekable();
        let mut is_first = true;
        while records.peek().is_some() {
            let time_left = deadline.saturating_duration_since(Instant::now());
            if !is_first && time_left < MIN_PORTION_TIME {
                failed.extend(records.map(QueueRecord::id));
                break;
            }
            is_first = false;
            let mut portion = Vec::new();
            let mut bytes = 0;
            while bytes < MAX_PORTION_BYTES
                && let Some(record) = records.next()
            {
                match RecordBody::read(record.body()) {
                    Ok(body) => {
                        bytes += body.json().len();
                        let id = record.id();
                        portion.push(OpenRecord { id, body });
                    }
                    Err(error) => {
                        self.log_unreadable(&error);
                        failed.push(record.id());
                    }
                }
            }
            failed.extend(self.handle_portion(&portion, deadline, summary).await);
        }
        failed
    }

    /// Handles records together. Returns the ids of those that stay in the queue.
    async fn handle_portion<'r>(
        &self,
        portion: &[OpenRecord<'r>],
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> Vec<&'r str> {
        let time_left = deadline.saturating_duration_since(Instant::now());
        let import_deadline = Instant::now() + time_left / IMPORT_TIME_DIVISOR;
        let now = clock::now().unix_timestamp();
        let mut kept = BTreeSet::new();
        let mut messages = Vec::new();
        let mut unreadable = Vec::new();
        for (index, record) in portion.iter().enumerate() {
            let json = record.body.json();
            if ImportEntry::is_one(json) {
                if !self.follow_import(json, import_deadline, summary).await {
                    kept.insert(index);
                }
                continue;
            }
            let entries = record.body.entries().unwrap_or_else(|error| {
                self.log_unreadable(&error);
                kept.insert(index);
                Vec::new()
            });
            let is_bundle = entries.len() > 1;
            for entry in entries {
                match QueueEntry::parse(entry) {
                    Ok(entry) => {
                        let mut inbound = entry.into_inbound();
                        inbound.record = Some(index);
                        // A redriven message, and one of the version before, begin to wait now.
                        inbound.queued_at = inbound.queued_at.or(Some(now));
                        messages.push(inbound);
                    }
                    Err(error) => {
                        self.log_unreadable(&error);
                        if is_bundle {
                            unreadable.push((index, entry.to_owned()));
                        } else {
                            kept.insert(index);
                        }
                    }
                }
            }
        }
        // They must not hold up the others of their bundles.
        kept.extend(self.queues.put_back(unreadable, deadline).await);
        // What is in a record that stays comes back with it.
        messages.retain(|message| message.record.is_none_or(|record| !kept.contains(&record)));

        let mut records = Vec::with_capacity(messages.len());
        records.extend(messages.iter().filter_map(|message| message.record));
        self.recall_for(&mut messages, deadline).await;
        let delivery = Delivery::plan(messages, &self.settings.rules);
        let results = self
            .process(
                delivery,
                Origin::RetryQueue,
                |message| message.brief_result(),
                deadline,
                summary,
            )
            .await;
        for (record, result) in records.iter().zip(results) {
            if matches!(result.outcome, Outcome::Retry(_)) {
                kept.insert(*record);
            }
        }
        let kept = kept.into_iter().filter_map(|index| portion.get(index));
        kept.map(|record| record.id).collect()
    }

    pub(super) fn log_unreadable(&self, error: &EntryError) {
        self.log.error(
            "a record of the queue cannot be read and stays there",
            error,
        );
    }
}
