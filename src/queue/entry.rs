//! What a queue holds: a Segment message, how far it is, and why it is there. The same in both queues, so
//! that redriving the dead-letter queue into the retry queue just works.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;
use time::OffsetDateTime;

use crate::batch::{InboundMessage, MessageResult};

/// One message of Segment's on its way through a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueueEntry<'a> {
    /// The form of the entry.
    version: u8,
    /// The stable name of the reason it is here.
    pub reason: Cow<'a, str>,
    /// The reason in words.
    pub detail: Cow<'a, str>,
    /// When the rules were applied first, in epoch seconds: a resend decides by the same moment.
    pub decided_at: i64,
    /// The operations still to be done, by their labels.
    pub to_do: Vec<String>,
    /// The operations that Klaviyo has acknowledged, by their labels: never to be repeated.
    pub done: Vec<String>,
    /// The message as Segment sent it.
    #[serde(borrow)]
    pub message: &'a RawValue,
}

/// A body that is no entry of ours.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not an entry of this function's queues (line {line}, column {column})")]
pub struct EntryError {
    line: usize,
    column: usize,
}

/// The form that is written, and the only one that is read.
const VERSION: u8 = 1;

impl<'a> QueueEntry<'a> {
    /// The entry of a message that got so far.
    pub fn new(
        parcel: &InboundMessage<'a>,
        reason: &'static str,
        detail: String,
        ended: &MessageResult,
    ) -> Self {
        QueueEntry {
            version: VERSION,
            reason: reason.into(),
            detail: detail.into(),
            decided_at: parcel.decided_at.unix_timestamp(),
            to_do: ended.to_do.clone(),
            done: ended.done.clone(),
            message: parcel.raw,
        }
    }

    /// The message on its way again.
    pub fn parcel(self) -> InboundMessage<'a> {
        let decided_at = OffsetDateTime::from_unix_timestamp(self.decided_at);
        let first = InboundMessage::new(
            self.message,
            decided_at.unwrap_or_else(|_| OffsetDateTime::now_utc()),
        );
        InboundMessage {
            done: self.done,
            ..first
        }
    }

    /// Reads an entry; the error holds none of it.
    pub fn parse(body: &'a str) -> Result<Self, EntryError> {
        let unreadable = |error: serde_json::Error| EntryError {
            line: error.line(),
            column: error.column(),
        };
        let entry: QueueEntry = serde_json::from_str(body).map_err(unreadable)?;
        if entry.version == VERSION {
            Ok(entry)
        } else {
            Err(EntryError { line: 0, column: 0 })
        }
    }

    /// The entry as the body of an SQS message.
    pub fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
