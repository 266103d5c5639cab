//! The part of SQS that the function and the command-line tool use:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>

mod live_queue;
mod received;

use std::time::Duration;

use serde_json::{Value, json};

use crate::json::{at, optional_array};
use crate::response::JsonResponse;
use crate::state::StandInState;
use received::{change_visibility, delete, receive};

pub use live_queue::{LiveQueue, QueueRules, ReceivedRecord};
pub use received::ReceivedMessage;

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

/// Answers a request by the operation that its `X-Amz-Target` names.
pub(crate) fn answer(state: &mut StandInState, operation: &str, body: &[u8]) -> JsonResponse {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let url = at(&request, "/QueueUrl").as_str().unwrap_or_default();
    if state.queue_faults.fail_next(url) {
        return JsonResponse::new(500, json!({"__type": "InternalError", "message": "down"}));
    }
    match operation {
        "SendMessageBatch" => send_messages(state, url, &request),
        "ReceiveMessage" => receive(&mut state.queues, &mut state.received, &request),
        "DeleteMessageBatch" => delete(&mut state.received, &request),
        "ChangeMessageVisibilityBatch" => {
            change_visibility(&mut state.queues, &mut state.received, &request)
        }
        "ListDeadLetterSourceQueues" => source_queues(url),
        _ => JsonResponse::new(
            400,
            json!({"__type": "InvalidAction", "message": "the stand-in does not know this"}),
        ),
    }
}

/// Answers `ListDeadLetterSourceQueues`: the retry queue is beside the dead-letter queue.
fn source_queues(url: &str) -> JsonResponse {
    let mut urls = Vec::new();
    if let Some(base) = url.strip_suffix("/dead-letters") {
        urls.push(format!("{base}/retry"));
    }
    JsonResponse::new(200, json!({"queueUrls": urls}))
}

/// Answers `SendMessageBatch` and puts the bodies into the queue.
fn send_messages(state: &mut StandInState, url: &str, request: &Value) -> JsonResponse {
    let entries = optional_array(at(request, "/Entries"));
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

fn seconds(entry: &Value, pointer: &str) -> Duration {
    Duration::from_secs(at(entry, pointer).as_u64().unwrap_or_default())
}
