//! Replies to invocations.

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::check::CheckReport;
use crate::ingress::UnsupportedEvent;
use crate::response::WebhookResponse;

/// The reply to an invocation. It serializes as what Lambda's caller expects.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The reply to an HTTP request: status, headers and body.
    Webhook(WebhookResponse),
    /// The reply to a message that Segment invoked the function with: the body of a response. If
    /// Segment should send the message again, the invocation fails instead.
    Message(WebhookResponse),
    /// The reply to records of a queue.
    Records(FailedRecords),
    /// The reply to `{"check": true}`.
    Check(CheckReport),
}

/// The reason why an invocation fails. Its sender then does not take the messages for delivered.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvocationError {
    /// The event is none that the function supports.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedEvent),
    /// The message could not be finished or queued, and has to be sent again.
    #[error("send the message again: {0}")]
    Unfinished(String),
}

/// The records that stay in the queue. All others are deleted:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailedRecords {
    /// The records that SQS delivers again.
    pub batch_item_failures: Vec<FailedRecord>,
}

/// A record that stays in the queue.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailedRecord {
    /// SQS's id of the message.
    pub item_identifier: String,
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Reply::Webhook(response) => response.to_gateway_response().serialize(serializer),
            Reply::Message(response) => response.body.serialize(serializer),
            Reply::Records(failed) => failed.serialize(serializer),
            Reply::Check(report) => report.serialize(serializer),
        }
    }
}
