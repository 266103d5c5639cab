//! Results of messages.

use crate::klaviyo::OperationId;
use crate::outcome::{Outcome, Warning};

/// The result of a message.
#[derive(Debug, Clone)]
pub struct MessageResult {
    /// Segment's id of the message.
    pub message_id: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// The warnings of the rules and of Klaviyo.
    pub warnings: Vec<Warning>,
    /// The operations that Klaviyo has acknowledged, on this attempt or an earlier one.
    pub completed: Vec<OperationId>,
}
