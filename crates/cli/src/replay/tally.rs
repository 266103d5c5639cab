//! What became of the messages: counts, reasons, and the first examples of each.

use std::collections::BTreeMap;

use segment_klaviyo::batch::MessageResult;
use segment_klaviyo::outcome::Outcome;
use segment_klaviyo::response;
use serde::{Deserialize, Serialize};

use super::batch::{Batch, Unreadable};
use super::input::Source;
use super::lines::Position;

/// Examples kept of each reason.
const EXAMPLES: u64 = 3;

/// Counts of all that was read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Lines with something on them.
    pub(super) read: u64,
    /// Messages that Klaviyo has acknowledged.
    pub(super) delivered: u64,
    /// Messages that a rule does not send.
    pub(super) ignored: u64,
    /// Messages that can never succeed.
    pub(super) rejected: u64,
    /// Lines that are no message.
    pub(super) unreadable: u64,
    /// Messages that are not meant.
    pub(super) left_out: u64,
    /// Messages that Klaviyo did not take in time.
    pub(super) given_up: u64,
    /// Requests to Klaviyo.
    pub(super) calls: u64,
    /// How many messages there are for each reason, by outcome.
    pub(super) reasons: BTreeMap<String, BTreeMap<String, u64>>,
    /// The first of each reason that a person has to look at.
    pub(super) examples: Vec<Example>,
}

/// A line that a person has to look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Example {
    /// `file:line`, from 1.
    pub(super) at: String,
    /// Segment's id of the message.
    pub(super) message_id: Option<String>,
    /// `rejected`, `unreadable` or `given_up`.
    pub(super) outcome: String,
    /// The stable name of the reason.
    pub(super) reason: String,
    /// What is wrong and what is accepted.
    pub(super) detail: String,
}

impl Tally {
    /// Counts a batch in. Messages that were not sent are not counted.
    pub(super) fn count(&mut self, batch: &Batch, sources: &[Source]) {
        self.left_out += batch.left_out;
        self.read += batch.left_out + batch.messages.len() as u64;
        let mut unreadable = batch.unreadable.iter().peekable();
        for message in &batch.messages {
            while let Some(line) = unreadable.next_if(|line| line.at < message.at) {
                self.count_unreadable(line, sources);
            }
            if let Some(ended) = &message.ended {
                self.count_one(ended, message.at, sources);
            }
        }
        unreadable.for_each(|line| self.count_unreadable(line, sources));
    }

    /// Counts a line in that is no message, or that cannot be had.
    pub(super) fn count_unreadable(&mut self, line: &Unreadable, sources: &[Source]) {
        self.read += 1;
        self.unreadable += 1;
        self.note(
            sources,
            line.at,
            None,
            "unreadable",
            line.reason,
            line.why.clone(),
        );
    }

    fn count_one(&mut self, ended: &MessageResult, at: Position, sources: &[Source]) {
        match ended.outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Ignored(_) => self.ignored += 1,
            Outcome::Rejected(_) => self.rejected += 1,
            Outcome::Queued(_) | Outcome::Retry(_) => self.given_up += 1,
        }
        for item in response::entries((0, ended)) {
            let outcome = if item.outcome == "retry" {
                "given_up"
            } else {
                item.outcome
            };
            self.note(
                sources,
                at,
                item.message_id,
                outcome,
                item.reason,
                item.detail,
            );
        }
    }

    fn note(
        &mut self,
        sources: &[Source],
        at: Position,
        message_id: Option<String>,
        outcome: &str,
        reason: &str,
        detail: String,
    ) {
        let count = self
            .reasons
            .entry(outcome.to_owned())
            .or_default()
            .entry(reason.to_owned())
            .or_default();
        *count += 1;
        if *count <= EXAMPLES && ["rejected", "unreadable", "given_up"].contains(&outcome) {
            let (outcome, reason) = (outcome.to_owned(), reason.to_owned());
            self.examples.push(Example {
                at: place(sources, at),
                message_id,
                outcome,
                reason,
                detail,
            });
        }
    }

    /// Whether everything that was read is where it belongs.
    pub(super) fn is_clean(&self) -> bool {
        self.rejected + self.unreadable + self.given_up == 0
    }
}

/// `file:line`, as a person counts lines.
pub(super) fn place(sources: &[Source], at: Position) -> String {
    let file = sources
        .get(at.file)
        .map(|source| source.path.display().to_string())
        .unwrap_or_default();
    format!("{file}:{}", at.line + 1)
}
