//! The event source mapping, which reads the retry queue for Lambda:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>

use std::rc::Rc;
use std::time::Duration;

use segment_klaviyo::handler::Reply;
use segment_klaviyo_stand_in::ReceivedRecord;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::simulation::{RETRY_QUEUE, World};

/// The most records that SQS gives away in one request, and the most bytes of Lambda's event.
const MAX_RECEIVED: usize = 10;
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The time until an empty queue is asked again. Long polling would answer at once.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Reads the queue, invocation after invocation. `MaximumConcurrency` of them run side by side.
pub async fn read_queue(world: Rc<World>) {
    loop {
        let records = gather(&world).await;
        let event = event(&records);
        let reply = world.fleet.invoke(&event).await;
        // What the function does not answer stays in the queue until it is visible again.
        if let Ok(Reply::Records(failed)) = reply {
            let failures = &failed.batch_item_failures;
            let is_failed = |id: &str| failures.iter().any(|failure| failure.item_identifier == id);
            let mut state = world.stand_in.state();
            let queue = state.live_queues.get_mut(RETRY_QUEUE).unwrap();
            for record in &records {
                if !is_failed(&record.id) {
                    queue.delete(&record.id);
                }
            }
        }
    }
}

/// Receives records until there are as many as an event may hold, or the window is over.
async fn gather(world: &World) -> Vec<ReceivedRecord> {
    let figures = &world.options.figures;
    let mut records: Vec<ReceivedRecord> = Vec::new();
    let mut bytes = 0;
    let mut window_ends = Instant::now();
    loop {
        let max_count = MAX_RECEIVED.min(figures.batch_size - records.len());
        let (received, is_full) = {
            let mut state = world.stand_in.state();
            let queue = state.live_queues.get_mut(RETRY_QUEUE).unwrap();
            let received = queue.receive(max_count, MAX_EVENT_BYTES - bytes);
            let is_full = received.len() < max_count && queue.has_visible();
            (received, is_full)
        };
        if records.is_empty() {
            window_ends = Instant::now() + figures.window;
        }
        let is_nothing = received.is_empty();
        for record in received {
            bytes += record.bytes;
            records.push(record);
        }
        if !is_nothing {
            sleep(world.options.aws_latency).await;
        }
        let is_over = Instant::now() >= window_ends;
        if !records.is_empty() && (is_full || is_over || records.len() == figures.batch_size) {
            return records;
        }
        if is_nothing {
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// Returns Lambda's event of records.
fn event(records: &[ReceivedRecord]) -> String {
    let mut items = Vec::with_capacity(records.len());
    for record in records {
        items.push(json!({
            "messageId": record.id,
            "receiptHandle": record.id,
            "body": record.body,
            "attributes": {"ApproximateReceiveCount": record.receive_count.to_string()},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:retry",
            "awsRegion": "us-east-1",
        }));
    }
    json!({ "Records": items }).to_string()
}
