//! What is sent of a file: an event as Lambda would pass it, or records of a queue.

use segment_klaviyo::ingress::EventPayload;

use super::delivery::Delivery;
use crate::harness::Harness;
use crate::input::{self, QueuedMessage};

/// The size of the largest event that Lambda accepts:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_DELIVERY_BYTES: usize = 6 * 1024 * 1024;

/// The most messages of a delivery: <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>
const MAX_MESSAGES: usize = 4_000;

/// One delivery that is still to be sent.
pub(super) enum Input {
    /// A request or another event.
    Event(Box<EventPayload>),
    /// Records of a queue.
    Queued(Vec<QueuedMessage>),
}

impl Input {
    /// Prepares a delivery. Fails if its messages are more than Segment and Lambda allow at a time.
    pub(super) fn new(file: &str, delivery: input::Delivery) -> Result<Self, String> {
        match delivery {
            input::Delivery::Event(event) => Ok(Input::Event(event)),
            input::Delivery::Queued(queued) => Ok(Input::Queued(queued)),
            input::Delivery::Messages(messages) => {
                let body = input::body_of(&messages);
                let advice =
                    format!("`segment-klaviyo replay {file}` sends any number of messages");
                if body.len() > MAX_DELIVERY_BYTES {
                    let megabytes = body.len() as f64 / 1024.0 / 1024.0;
                    return Err(format!(
                        "{megabytes:.1} MB in one delivery, of which Lambda takes 6 MB; {advice}"
                    ));
                }
                if messages.len() > MAX_MESSAGES {
                    return Err(format!(
                        "{} messages in one delivery, of which Segment sends at most 4,000; {advice}",
                        messages.len()
                    ));
                }
                Ok(Input::Event(Box::new(input::signed_event(&body)?)))
            }
        }
    }

    /// Sends it through the function. Fails if nobody answers where Klaviyo should be.
    pub(super) async fn send(&self, file: &str, harness: &Harness) -> Result<Delivery, String> {
        match self {
            Input::Event(event) => {
                let invocation = harness.invoke_reachable(event).await?;
                Delivery::of_invocation(file, harness.klaviyo(), invocation)
            }
            Input::Queued(queued) => {
                let mut entries = Vec::new();
                let mut unreadable = Vec::new();
                for (index, message) in queued.iter().enumerate() {
                    match message.entry() {
                        Ok(entry) => entries.push(entry),
                        Err(problem) => {
                            unreadable.push(format!("message {index} of the queue: {problem}"));
                        }
                    }
                }
                let (results, requests) = harness.deliver_reachable(entries).await?;
                Ok(Delivery::of_records(
                    file,
                    harness.klaviyo(),
                    &results,
                    unreadable,
                    requests,
                ))
            }
        }
    }
}
