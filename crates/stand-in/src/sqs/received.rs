//! Messages that somebody has received. They are in the queue until they are deleted, and nobody else
//! gets them for the visibility timeout:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::json::at;
use crate::response::JsonResponse;

/// The most messages of one answer.
const MAX_RECEIVED: usize = 10;

/// SQS's default of the visibility timeout, in seconds.
const VISIBILITY_SECONDS: u64 = 30;

/// A message that somebody has received.
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    /// The URL of its queue.
    pub url: String,
    /// The body.
    pub body: String,
    /// The handle by which its receiver deletes it.
    pub receipt_handle: String,
    /// When others can receive it again.
    pub visible_at: Instant,
}

type Queues = BTreeMap<String, Vec<String>>;

/// Answers `ReceiveMessage`.
pub(super) fn receive(
    queues: &mut Queues,
    received: &mut Vec<ReceivedMessage>,
    request: &Value,
) -> JsonResponse {
    show_again(queues, received);
    let url = at(request, "/QueueUrl").as_str().unwrap_or_default();
    let wanted = at(request, "/MaxNumberOfMessages").as_u64().unwrap_or(1);
    let seconds = at(request, "/VisibilityTimeout").as_u64();
    let visible_at = Instant::now() + Duration::from_secs(seconds.unwrap_or(VISIBILITY_SECONDS));
    let queue = queues.entry(url.to_owned()).or_default();
    let count = usize::try_from(wanted)
        .unwrap_or(MAX_RECEIVED)
        .min(MAX_RECEIVED)
        .min(queue.len());
    let mut messages = Vec::new();
    for body in queue.drain(..count) {
        let same = received.iter().filter(|message| message.body == body);
        let id = format!("{}-{}", hash(&body), same.count());
        let receipt_handle = format!("receipt-{id}-{}", fastrand::u64(..));
        messages.push(json!({"MessageId": id, "ReceiptHandle": receipt_handle, "Body": body}));
        received.push(ReceivedMessage {
            url: url.to_owned(),
            body,
            receipt_handle,
            visible_at,
        });
    }
    JsonResponse::new(200, json!({"Messages": messages}))
}

/// Puts the messages back whose time is over.
fn show_again(queues: &mut Queues, received: &mut Vec<ReceivedMessage>) {
    let now = Instant::now();
    for message in std::mem::take(received) {
        if message.visible_at <= now {
            queues.entry(message.url).or_default().push(message.body);
        } else {
            received.push(message);
        }
    }
}

/// Answers `DeleteMessageBatch`.
pub(super) fn delete(received: &mut Vec<ReceivedMessage>, request: &Value) -> JsonResponse {
    for_each_entry(request, |handle, _| {
        let found = received
            .iter()
            .position(|message| message.receipt_handle == handle);
        found.is_some_and(|index| {
            received.swap_remove(index);
            true
        })
    })
}

/// Answers `ChangeMessageVisibilityBatch`.
pub(super) fn change_visibility(
    queues: &mut Queues,
    received: &mut Vec<ReceivedMessage>,
    request: &Value,
) -> JsonResponse {
    let now = Instant::now();
    let answer = for_each_entry(request, |handle, entry| {
        let seconds = at(entry, "/VisibilityTimeout").as_u64().unwrap_or_default();
        for message in received.iter_mut() {
            if message.receipt_handle == handle {
                message.visible_at = now + Duration::from_secs(seconds);
                return true;
            }
        }
        false
    });
    show_again(queues, received);
    answer
}

/// Answers a batch: an entry is successful if `apply` knows its receipt handle.
fn for_each_entry(request: &Value, mut apply: impl FnMut(&str, &Value) -> bool) -> JsonResponse {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in at(request, "/Entries").as_array().into_iter().flatten() {
        let handle = at(entry, "/ReceiptHandle").as_str().unwrap_or_default();
        let id = at(entry, "/Id");
        if apply(handle, entry) {
            successful.push(json!({"Id": id}));
        } else {
            failed.push(json!({"Id": id, "Code": "ReceiptHandleIsInvalid", "SenderFault": true}));
        }
    }
    JsonResponse::new(200, json!({"Successful": successful, "Failed": failed}))
}

fn hash(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
