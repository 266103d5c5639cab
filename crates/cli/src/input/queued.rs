//! Messages of the function's SQS queues, as Lambda, the AWS CLI or a dead-letter queue hold them.

use std::borrow::Cow;

use segment_klaviyo::json::Raw;
use segment_klaviyo::queue::{ImportEntry, QueueEntry, RecordBody};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::item::is_message;

/// A message of an SQS queue.
#[derive(Debug, Clone)]
pub(crate) struct QueuedMessage {
    /// SQS's id, if the form in which it was read has one.
    pub(crate) id: Option<String>,
    /// The body: an entry of the function.
    pub(crate) body: String,
}

/// The reason why a message is in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct QueueReason {
    /// The stable name.
    pub(crate) reason: String,
    /// The reason in words.
    pub(crate) detail: String,
    /// Klaviyo's own words about a refusal, which may quote the message.
    pub(crate) klaviyo_detail: Option<String>,
}

/// An event of SQS: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: Option<String>,
    event_source: String,
    body: String,
}

/// The output of `aws sqs receive-message`:
/// <https://docs.aws.amazon.com/cli/latest/reference/sqs/receive-message.html>
#[derive(Deserialize)]
struct ReceivedMessages {
    #[serde(rename = "Messages")]
    messages: Vec<ReceivedMessage>,
}

/// A message in that output, which `--query` may print alone.
#[derive(Deserialize)]
struct ReceivedMessage {
    #[serde(rename = "ReceiptHandle")]
    _receipt_handle: String,
    #[serde(rename = "MessageId")]
    id: Option<String>,
    #[serde(rename = "Body")]
    body: String,
}

/// Returns the messages of a queue that a value holds; `None` if it is something else.
pub(super) fn queued_messages(value: &RawValue) -> Option<Vec<QueuedMessage>> {
    let json = value.get();
    let mut messages = Vec::new();
    if let Ok(event) = serde_json::from_str::<SqsEvent>(json) {
        for record in event.records {
            if record.event_source != "aws:sqs" {
                return None;
            }
            messages.push((record.message_id, record.body));
        }
    } else if let Ok(received) = serde_json::from_str::<ReceivedMessages>(json) {
        for message in received.messages {
            messages.push((message.id, message.body));
        }
    } else if let Ok(message) = serde_json::from_str::<ReceivedMessage>(json) {
        messages.push((message.id, message.body));
    } else if let Ok(body) = serde_json::from_str::<String>(json) {
        // What `--query 'Messages[].Body'` prints.
        if !is_entry(&body) {
            return None;
        }
        messages.push((None, body));
    } else if is_entry(json) {
        messages.push((None, json.to_owned()));
    } else {
        return None;
    }
    let mut queued = Vec::new();
    for (id, body) in messages {
        for body in entries_of(&body) {
            let id = id.clone();
            queued.push(QueuedMessage { id, body });
        }
    }
    Some(queued)
}

/// Returns the entries in the body of a message, decompressed: several if the function has packed
/// them together, else the body as it is.
fn entries_of(body: &str) -> Vec<String> {
    let Ok(record) = RecordBody::read(body) else {
        return vec![body.to_owned()];
    };
    match record.entries() {
        Ok(entries) => entries.into_iter().map(str::to_owned).collect(),
        Err(_) => vec![body.to_owned()],
    }
}

fn is_entry(body: &str) -> bool {
    let entries = entries_of(body);
    entries
        .iter()
        .any(|entry| QueueEntry::parse(entry).is_ok() || ImportEntry::is_one(entry))
}

impl QueuedMessage {
    /// Parses the entry.
    pub(crate) fn entry(&self) -> Result<QueueEntry<'_>, String> {
        if ImportEntry::is_one(&self.body) {
            return Err(
                "it follows an import job and holds no message; only the deployed function can finish it"
                    .to_owned(),
            );
        }
        QueueEntry::parse(&self.body).map_err(|error| error.to_string())
    }

    /// Returns the reason why it is in the queue, if it is an entry of the function.
    pub(crate) fn reason(&self) -> Option<QueueReason> {
        let entry = self.entry().ok()?;
        Some(QueueReason {
            reason: entry.reason.into_owned(),
            detail: entry.detail.into_owned(),
            klaviyo_detail: entry.klaviyo_detail.map(Cow::into_owned),
        })
    }

    /// Returns the message of Segment that waits in the queue.
    pub(crate) fn message(&self) -> Result<Raw<'_>, String> {
        match self.entry() {
            Ok(entry) => Ok(entry.message),
            // Somebody else's queue may hold the message itself.
            Err(problem) => match serde_json::from_str::<&RawValue>(&self.body) {
                Ok(value) if is_message(value) => Ok(value.into()),
                _ => Err(problem),
            },
        }
    }
}
