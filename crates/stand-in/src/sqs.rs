//! SQS, as far as the function uses it:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

use serde_json::{Value, json};

use super::{Reply, StandInState};

/// SQS takes so much in one request.
const BYTES: usize = 1024 * 1024;

pub(super) fn send_message_batch(held: &mut StandInState, body: &[u8]) -> Reply {
    if held.queues_down {
        return Reply::new(500, json!({"__type": "InternalError", "message": "down"}));
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let url = request
        .get("QueueUrl")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let entries = request
        .get("Entries")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    if entries.is_empty() || entries.len() > 10 || body.len() > BYTES {
        return Reply::new(
            400,
            json!({"__type": "BatchRequestTooLong", "message": "1 to 10 entries of 1 MB in all"}),
        );
    }
    let queue = held.queues.entry(url).or_default();
    queue.extend(
        entries
            .iter()
            .filter_map(|entry| entry.get("MessageBody")?.as_str())
            .map(str::to_owned),
    );
    let taken = |entry: &Value| json!({"Id": entry.get("Id"), "MessageId": "m", "MD5OfMessageBody": "unchecked"});
    Reply::new(
        200,
        json!({"Successful": entries.iter().map(taken).collect::<Vec<_>>(), "Failed": []}),
    )
}
