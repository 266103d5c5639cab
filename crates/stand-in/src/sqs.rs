//! The part of SQS that the function uses:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::json::at;
use crate::response::JsonResponse;

/// The most bytes of a request.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// The most entries of a request.
const MAX_BATCH_ENTRIES: usize = 10;

/// Answers `SendMessageBatch` and puts the bodies into the queue. A queue that is down answers 500.
pub(crate) fn send_message_batch(
    queues: &mut BTreeMap<String, Vec<String>>,
    is_down: bool,
    body: &[u8],
) -> JsonResponse {
    if is_down {
        return JsonResponse::new(500, json!({"__type": "InternalError", "message": "down"}));
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = match at(&request, "/Entries").as_array() {
        Some(entries) => entries.as_slice(),
        None => &[],
    };
    if entries.is_empty() || entries.len() > MAX_BATCH_ENTRIES || body.len() > MAX_BATCH_BYTES {
        return JsonResponse::new(
            400,
            json!({"__type": "BatchRequestTooLong", "message": "1 to 10 entries of 1 MB in all"}),
        );
    }
    let url = at(&request, "/QueueUrl").as_str().unwrap_or_default();
    let queue = queues.entry(url.to_owned()).or_default();
    let mut successful = Vec::new();
    for entry in entries {
        if let Some(body) = at(entry, "/MessageBody").as_str() {
            queue.push(body.to_owned());
        }
        successful.push(
            json!({"Id": at(entry, "/Id"), "MessageId": "m", "MD5OfMessageBody": "unchecked"}),
        );
    }
    JsonResponse::new(200, json!({"Successful": successful, "Failed": []}))
}
