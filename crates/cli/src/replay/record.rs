//! Recorded messages, in the batches in which they are sent.

use segment_klaviyo::delivery::{InboundMessage, MessageResult, decide_batch};
use segment_klaviyo::klaviyo::OperationId;
use segment_klaviyo::outcome::{Outcome, RetryReason};
use segment_klaviyo::settings::RuleSettings;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::source::Position;

/// A recorded message.
pub(super) struct ReplayMessage {
    /// The position of its line.
    pub(super) position: Position,
    /// The message's own bytes.
    pub(super) raw: Box<RawValue>,
    /// The ids of the operations that Klaviyo has acknowledged.
    pub(super) completed: Vec<OperationId>,
    /// The result of the last attempt.
    pub(super) result: Option<MessageResult>,
}

impl ReplayMessage {
    pub(super) fn new(position: Position, raw: Box<RawValue>) -> Self {
        ReplayMessage {
            position,
            raw,
            completed: Vec::new(),
            result: None,
        }
    }

    /// The message as the function takes it.
    pub(super) fn inbound(&self, first_seen_at: OffsetDateTime) -> InboundMessage<'_> {
        InboundMessage::resumed((&self.raw).into(), first_seen_at, self.completed.clone())
    }

    /// Takes over the result of an attempt, and the operations that are completed after it.
    pub(super) fn set_result(&mut self, result: MessageResult) {
        self.completed.clone_from(&result.completed);
        self.result = Some(result);
    }

    /// The reason why the last attempt was not enough.
    pub(super) fn retry_reason(&self) -> Option<RetryReason> {
        match self.result.as_ref()?.outcome {
            Outcome::Retry(reason) | Outcome::Queued(reason) => Some(reason),
            Outcome::Delivered | Outcome::Ignored(_) | Outcome::Rejected(_) => None,
        }
    }

    /// Whether nothing is left to do for it.
    pub(super) fn is_settled(&self) -> bool {
        self.result.is_some() && self.retry_reason().is_none()
    }
}

/// Applies the rules to messages and sends nothing. A message that would be sent gets the result of
/// a delivered one.
pub(super) fn decide(
    messages: &mut [ReplayMessage],
    rules: &RuleSettings,
    first_seen_at: OffsetDateTime,
) {
    for message in messages {
        let mut result = None;
        for planned in decide_batch([message.inbound(first_seen_at)], rules) {
            if !planned.is_settled() && !planned.is_rejected() {
                planned.settle(Outcome::Delivered);
            }
            result = Some(planned.result());
        }
        message.result = result;
    }
}

/// A line that is not a message, or a file that cannot be read from this line on.
pub(super) struct UnreadableLine {
    /// The position of the line.
    pub(super) position: Position,
    /// The stable name of the reason.
    pub(super) reason: &'static str,
    /// The problem, and what is accepted.
    pub(super) detail: String,
}

/// The lines that are read and sent together.
pub(super) struct Batch {
    /// The messages that match the filter.
    pub(super) messages: Vec<ReplayMessage>,
    /// The number of messages that do not match the filter.
    pub(super) left_out: u64,
    /// The lines that are not messages.
    pub(super) unreadable: Vec<UnreadableLine>,
    /// The position after the batch.
    pub(super) end: Position,
    /// The line at which the replay stops: where a file cannot be read, or with `--strict` the
    /// first line that is not a message.
    pub(super) stopped_at: Option<UnreadableLine>,
}
