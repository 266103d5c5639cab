//! Entries of both queues. They have one format, so that redriving the dead-letter queue into the
//! retry queue just works.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;

use crate::clock;
use crate::delivery::{InFlight, InboundMessage, Recollection, UnansweredAttempt};
use crate::domain::Email;
use crate::json::{self, Raw};
use crate::klaviyo::OperationId;
use crate::outcome::{Outcome, RejectReason};

/// A message in a queue.
///
/// The JSON names are older than the field names and stay: during a canary deployment, and after a
/// rollback, the version before reads what this one has written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueueEntry<'a> {
    /// The version of the format.
    version: u8,
    /// The stable name of the reason why the message is here.
    pub reason: Cow<'a, str>,
    /// The reason in words.
    pub detail: Cow<'a, str>,
    /// Klaviyo's own words about a refusal, in a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub klaviyo_detail: Option<Cow<'a, str>>,
    /// The moment at which the message first arrived, in epoch seconds. The rules go by it again.
    #[serde(rename = "decided_at")]
    pub first_seen_at: i64,
    /// The moment at which the message was first put aside, in epoch seconds; none in a dead letter,
    /// which starts afresh when it is redriven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<i64>,
    /// The operations that are still to be done, for people who read the entry.
    #[serde(rename = "to_do")]
    pub pending: Vec<OperationId>,
    /// The operations that Klaviyo has acknowledged, which are never repeated.
    #[serde(rename = "done")]
    pub completed: Vec<OperationId>,
    /// The subscriptions that Klaviyo did not answer, and may have done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<UnansweredAttempt>,
    /// The address of the person, if the message has none and the identity memory has told it. Another
    /// attempt is about the same person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered: Option<Cow<'a, str>>,
    /// Whether the message has waited until somebody told whom it is about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_held: bool,
    /// Whether the identity memory has heard what the message tells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_heard: bool,
    /// The message as Segment sent it.
    #[serde(borrow)]
    pub message: Raw<'a>,
}

/// The reason why the body of a record is no entry.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EntryError {
    /// The body is not JSON of that form. The error holds no part of it.
    #[error("not an entry of this function's queues (line {line}, column {column})")]
    Json {
        /// The line of the first wrong byte, from 1.
        line: usize,
        /// The column of the first wrong byte, from 1.
        column: usize,
    },
    /// The body is not compressed as this function does it.
    #[error("not a compressed entry of this function's queues")]
    Compression,
    /// The entry has another version.
    #[error("an entry of version {0}: expected version {VERSION}")]
    Version(u8),
}

impl From<&serde_json::Error> for EntryError {
    fn from(error: &serde_json::Error) -> Self {
        EntryError::Json {
            line: error.line(),
            column: error.column(),
        }
    }
}

/// The most bytes of the operations' ids in an entry. A message of Segment's has at most 32 KB.
const MAX_ID_BYTES: usize = 32_000;

/// How many pending operations an entry names that has too many.
const MAX_PENDING_SHOWN: usize = 100;

/// The version of the format that is written, and the only one that is read.
const VERSION: u8 = 1;

impl<'a> QueueEntry<'a> {
    /// Creates the entry of a message. `now` is the moment at which it is put aside, and of attempts
    /// that were not answered.
    pub fn new(message: &'a InFlight<'_>, now: OffsetDateTime) -> Self {
        let outcome = message.outcome();
        let klaviyo_detail = match &outcome {
            Outcome::Rejected(RejectReason::RefusedByKlaviyo { detail, .. }) => {
                detail.for_dead_letter().map(|text| text.to_owned().into())
            }
            _ => None,
        };
        let inbound = message.inbound();
        let now = now.unix_timestamp();
        // Whoever redrives a dead letter wants another attempt.
        let (unanswered, queued_at) = match &outcome {
            Outcome::Rejected(_) => (Vec::new(), None),
            _ => (message.unanswered(now), inbound.queued_at.or(Some(now))),
        };
        let (reason, detail) = match outcome {
            Outcome::Rejected(reason) => (reason.reason(), reason.to_string()),
            Outcome::Retry(reason) | Outcome::Queued(reason) => {
                (reason.reason(), reason.to_string())
            }
            Outcome::Ignored(reason) => (reason.reason(), reason.to_string()),
            Outcome::Delivered => ("delivered", String::new()),
        };
        let mut entry = QueueEntry {
            version: VERSION,
            reason: reason.into(),
            detail: detail.into(),
            klaviyo_detail,
            queued_at,
            unanswered,
            first_seen_at: inbound.first_seen_at.unix_timestamp(),
            pending: message.pending(),
            completed: message.completed(),
            remembered: inbound.remembered().map(|email| email.as_str().into()),
            was_held: inbound.is_released(),
            was_heard: inbound.is_heard(),
            message: inbound.raw,
        };
        entry.shorten_ids();
        entry
    }

    /// Creates the entry of one operation of a message. The others count as completed.
    pub fn for_operation<'m>(message: &InFlight<'m>, operation: &OperationId) -> QueueEntry<'m> {
        let inbound = message.inbound();
        let mut completed = message.operation_ids();
        completed.retain(|id| id != operation);
        QueueEntry {
            version: VERSION,
            reason: "import_refused".into(),
            detail: "Klaviyo's import job did not accept the profile".into(),
            klaviyo_detail: None,
            queued_at: None,
            unanswered: Vec::new(),
            first_seen_at: inbound.first_seen_at.unix_timestamp(),
            pending: vec![operation.clone()],
            completed,
            remembered: inbound
                .remembered()
                .map(|email| email.as_str().to_owned().into()),
            was_held: inbound.is_released(),
            was_heard: inbound.is_heard(),
            message: inbound.raw,
        }
    }

    /// Creates the entry of an event that has waited until somebody told whose it is.
    pub fn released(message: Raw<'a>, email: &'a str, first_seen_at: i64) -> Self {
        QueueEntry {
            version: VERSION,
            reason: "held".into(),
            detail: "a message has told whose the event is".into(),
            klaviyo_detail: None,
            queued_at: None,
            unanswered: Vec::new(),
            first_seen_at,
            pending: Vec::new(),
            completed: Vec::new(),
            remembered: Some(email.into()),
            was_held: true,
            was_heard: false,
            message,
        }
    }

    /// Shortens the ids of an order with so many lines that they would take more room than the order.
    fn shorten_ids(&mut self) {
        if self.id_bytes() <= MAX_ID_BYTES {
            return;
        }
        // Only people read this list.
        self.pending.truncate(MAX_PENDING_SHOWN);
        for id in &mut self.completed {
            *id = id.shortened();
        }
    }

    fn id_bytes(&self) -> usize {
        let mut bytes = 0;
        for id in self.pending.iter().chain(&self.completed) {
            bytes += id.as_str().len() + 3;
        }
        bytes
    }

    /// Returns about how many bytes the entry takes.
    pub(super) fn bytes(&self) -> usize {
        self.message.get().len() + self.id_bytes()
    }

    /// Writes the entry as the body of an SQS message.
    #[expect(
        clippy::expect_used,
        reason = "an empty body in a queue would be a message lost"
    )]
    pub fn write(&self) -> String {
        let body = serde_json::to_string(self).expect("text and valid JSON can be written");
        json::escape_noncharacters(&body).into_owned()
    }

    /// Parses the body of an SQS message.
    pub fn parse(body: &'a str) -> Result<Self, EntryError> {
        let entry: QueueEntry =
            serde_json::from_str(body).map_err(|error| EntryError::from(&error))?;
        if entry.version == VERSION {
            Ok(entry)
        } else {
            Err(EntryError::Version(entry.version))
        }
    }

    /// Returns the message, to try again.
    pub fn into_inbound(self) -> InboundMessage<'a> {
        // A moment out of range can only be a bug of the writer. The present is the safe choice: no
        // rule takes the message for older than it is.
        let first_seen_at = OffsetDateTime::from_unix_timestamp(self.first_seen_at)
            .unwrap_or_else(|_| clock::now());
        let mut inbound = InboundMessage::resumed(self.message, first_seen_at, self.completed);
        // Only dead letters forget the attempts that were not answered.
        let is_given_up = self.reason == RejectReason::SubscriptionUnanswered.reason();
        inbound.is_redriven = is_given_up && self.unanswered.is_empty();
        inbound.unanswered = self.unanswered.into();
        inbound.queued_at = self.queued_at;
        let remembered = self.remembered.as_deref().and_then(Email::parse);
        let recollection = match remembered {
            Some(email) if self.was_held => Some(Recollection::Released(email)),
            Some(email) => Some(Recollection::Person(email)),
            None => self.was_heard.then_some(Recollection::Heard),
        };
        inbound.recollection = recollection.map(Box::new);
        inbound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry that version 0.1.0 wrote into the retry queue.
    const RECORDED: &str = include_str!("../../tests/suite/recorded/queue-entry-0.1.0.json");

    #[test]
    fn entries_of_the_version_before_are_read() {
        let entry = QueueEntry::parse(RECORDED).unwrap();
        assert_eq!(entry.reason, "throttled");
        assert_eq!(entry.pending.len(), 2);
        let inbound = entry.into_inbound();
        assert_eq!(inbound.completed.len(), 1);
        assert_eq!(inbound.message_id(), Some("m-recorded"));
    }

    #[test]
    fn unreadable_entries_say_where_and_hold_nothing_of_the_body() {
        for (body, expected) in [
            ("sarah", EntryError::Json { line: 1, column: 1 }),
            (
                &RECORDED.replacen("\"version\":1", "\"version\":2", 1),
                EntryError::Version(2),
            ),
        ] {
            assert_eq!(QueueEntry::parse(body).unwrap_err(), expected);
        }
    }
}
