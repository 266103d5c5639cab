//! The part of SQS that the function uses:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

mod live_queue;

use std::time::Duration;

use serde_json::{Value, json};

use crate::json::{at, optional_array};
use crate::response::JsonResponse;
use crate::state::StandInState;

pub use live_queue::{LiveQueue, QueueRules, ReceivedRecord};

/// The most bytes of the bodies in a request.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// The most entries of a request.
const MAX_BATCH_ENTRIES: usize = 10;

/// When SQS answers 500. By default it never does.
#[derive(Debug, Default)]
pub struct QueueFaults {
    /// Always.
    pub is_down: bool,
    /// After this many further requests.
    pub accepts: Option<usize>,
    /// For a queue whose URL ends like this.
    pub down_queue: Option<&'static str>,
    /// At random, for so many of a hundred requests.
    pub percent: u8,
    random: fastrand::Rng,
}

impl QueueFaults {
    /// Creates faults at random, the same for the same seed and order of requests.
    pub fn at_random(seed: u64, percent: u8) -> Self {
        QueueFaults {
            percent,
            random: fastrand::Rng::with_seed(seed),
            ..QueueFaults::default()
        }
    }

    fn fail_next(&mut self, url: &str) -> bool {
        if let Some(left) = &mut self.accepts {
            if *left == 0 {
                return true;
            }
            *left -= 1;
        }
        let is_down_queue = self.down_queue.is_some_and(|end| url.ends_with(end));
        self.is_down || is_down_queue || self.random.u8(0..100) < self.percent
    }
}

/// Answers a request by its `X-Amz-Target`.
pub(crate) fn answer(state: &mut StandInState, target: &str, body: &[u8]) -> JsonResponse {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let url = at(&request, "/QueueUrl").as_str().unwrap_or_default();
    if state.queue_faults.fail_next(url) {
        return JsonResponse::new(500, json!({"__type": "InternalError", "message": "down"}));
    }
    let entries = optional_array(at(&request, "/Entries"));
    let delays = entries.iter().map(|entry| at(entry, "/DelaySeconds"));
    let delays = delays.map(|delay| delay.as_u64().unwrap_or(0));
    state.queue_requests.push(delays.collect());
    let bodies = entries.iter().map(|entry| at(entry, "/MessageBody"));
    let bytes: usize = bodies
        .map(|body| body.as_str().unwrap_or_default().len())
        .sum();
    if entries.is_empty() || entries.len() > MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES {
        return JsonResponse::new(
            400,
            json!({"__type": "BatchRequestTooLong", "message": "1 to 10 entries of 1 MB in all"}),
        );
    }
    match target.rsplit('.').next() {
        Some("ChangeMessageVisibilityBatch") => change_visibility(state, url, entries),
        _ => send_messages(state, url, entries),
    }
}

/// Answers `SendMessageBatch` and puts the bodies into the queue.
fn send_messages(state: &mut StandInState, url: &str, entries: &[Value]) -> JsonResponse {
    // The whole request fails over one character that XML does not have.
    let is_unreadable = |entry: &Value| {
        let body = at(entry, "/MessageBody").as_str().unwrap_or_default();
        body.contains(['\u{FFFE}', '\u{FFFF}']) || body.bytes().any(|byte| byte < b'\t')
    };
    if entries.iter().any(is_unreadable) {
        return JsonResponse::new(
            400,
            json!({"__type": "InvalidMessageContents", "message": "a character outside of XML"}),
        );
    }
    let mut successful = Vec::new();
    for entry in entries {
        if let Some(body) = at(entry, "/MessageBody").as_str() {
            match state.live_queues.get_mut(url) {
                Some(queue) => queue.send(body, seconds(entry, "/DelaySeconds")),
                None => {
                    let queue = state.queues.entry(url.to_owned()).or_default();
                    queue.push(body.to_owned());
                }
            }
        }
        successful.push(
            json!({"Id": at(entry, "/Id"), "MessageId": "m", "MD5OfMessageBody": "unchecked"}),
        );
    }
    JsonResponse::new(200, json!({"Successful": successful, "Failed": []}))
}

/// Answers `ChangeMessageVisibilityBatch`:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
fn change_visibility(state: &mut StandInState, url: &str, entries: &[Value]) -> JsonResponse {
    let mut queue = state.live_queues.get_mut(url);
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let handle = at(entry, "/ReceiptHandle").as_str().unwrap_or_default();
        let timeout = seconds(entry, "/VisibilityTimeout");
        let is_changed = match &mut queue {
            Some(queue) => queue.change_visibility(handle, timeout),
            // A list has no visibility.
            None => true,
        };
        let id = at(entry, "/Id");
        if is_changed {
            successful.push(json!({ "Id": id }));
        } else {
            failed.push(json!({"Id": id, "Code": "ReceiptHandleIsInvalid", "SenderFault": true}));
        }
    }
    JsonResponse::new(200, json!({"Successful": successful, "Failed": failed}))
}

fn seconds(entry: &Value, pointer: &str) -> Duration {
    Duration::from_secs(at(entry, pointer).as_u64().unwrap_or_default())
}
