//! The results of messages: counts, reasons, and the first examples of each reason.

use std::collections::BTreeMap;

use segment_klaviyo::delivery::MessageResult;
use segment_klaviyo::outcome::Outcome;
use segment_klaviyo::response;
use serde::{Deserialize, Serialize};

use super::record::{Batch, UnreadableLine};
use super::source::{Position, SourceFile};
use crate::input;

/// The number of examples that are kept of each reason.
const MAX_EXAMPLES: u64 = 3;

/// The counts of everything that was read. Checkpoints and the report for scripts have these names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Stats {
    /// Lines that are not blank.
    pub(super) read: u64,
    /// Messages that Klaviyo has acknowledged.
    pub(super) delivered: u64,
    /// Messages that a rule does not send.
    pub(super) ignored: u64,
    /// Messages that can never succeed.
    pub(super) rejected: u64,
    /// Lines that are not messages.
    pub(super) unreadable: u64,
    /// Messages that do not match the filter.
    pub(super) left_out: u64,
    /// Messages that Klaviyo did not accept in time.
    pub(super) given_up: u64,
    /// The number of messages for each reason, by outcome.
    pub(super) reasons: BTreeMap<String, BTreeMap<String, u64>>,
    /// The first examples of each reason that a person has to look at.
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
    /// The problem, and what is accepted.
    pub(super) detail: String,
}

impl Stats {
    /// Counts a batch that was sent, or whose messages were decided about.
    #[expect(
        clippy::expect_used,
        reason = "a message that counts as read without a result would be lost"
    )]
    pub(super) fn count(&mut self, batch: &Batch, sources: &[SourceFile]) {
        self.left_out += batch.left_out;
        self.read += batch.left_out + batch.messages.len() as u64;
        // Examples are the first in the order of the lines.
        let mut unreadable = batch.unreadable.iter().peekable();
        for message in &batch.messages {
            while let Some(line) = unreadable.next_if(|line| line.position < message.position) {
                self.count_unreadable(line, sources);
            }
            let result = message.result.as_ref();
            let result = result.expect("batches are counted after an attempt");
            self.count_result(result, &location(sources, message.position));
        }
        for line in unreadable {
            self.count_unreadable(line, sources);
        }
    }

    /// Counts a line that is not a message, or that cannot be read.
    pub(super) fn count_unreadable(&mut self, line: &UnreadableLine, sources: &[SourceFile]) {
        self.read += 1;
        self.unreadable += 1;
        self.count_reason("unreadable", line.reason);
        self.add_example(Example {
            at: location(sources, line.position),
            message_id: None,
            outcome: "unreadable".to_owned(),
            reason: line.reason.to_owned(),
            detail: line.detail.clone(),
        });
    }

    fn count_result(&mut self, result: &MessageResult, location: &str) {
        match result.outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Ignored(_) => self.ignored += 1,
            Outcome::Rejected(_) => self.rejected += 1,
            Outcome::Queued(_) | Outcome::Retry(_) => self.given_up += 1,
        }
        for entry in response::entries(0, result) {
            let outcome = match entry.outcome {
                "retry" => "given_up",
                outcome => outcome,
            };
            self.count_reason(outcome, entry.reason);
            if outcome == "rejected" || outcome == "given_up" {
                self.add_example(Example {
                    at: location.to_owned(),
                    message_id: entry.message_id,
                    outcome: outcome.to_owned(),
                    reason: entry.reason.to_owned(),
                    detail: entry.detail,
                });
            }
        }
    }

    fn count_reason(&mut self, outcome: &str, reason: &str) {
        let reasons = self.reasons.entry(outcome.to_owned()).or_default();
        *reasons.entry(reason.to_owned()).or_default() += 1;
    }

    /// Keeps an example, unless there are enough for its reason, which has been counted.
    fn add_example(&mut self, example: Example) {
        let reasons = self.reasons.get(&example.outcome);
        let count = reasons.and_then(|reasons| reasons.get(&example.reason));
        if count.is_some_and(|count| *count <= MAX_EXAMPLES) {
            self.examples.push(example);
        }
    }

    /// Whether no message was rejected, unreadable or given up.
    pub(super) fn is_clean(&self) -> bool {
        self.rejected + self.unreadable + self.given_up == 0
    }
}

/// Returns `file:line`, counting lines from 1.
pub(super) fn location(sources: &[SourceFile], position: Position) -> String {
    // Past the last file there is none to name: everything is read then.
    let file = match sources.get(position.file) {
        Some(source) => input::name(&source.path),
        None => String::new(),
    };
    format!("{file}:{}", position.line + 1)
}
