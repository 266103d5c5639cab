//! What a JSON value of a file holds: messages, Lambda events, or messages of a queue.

use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::json::RawObject;
use segment_klaviyo::signature::{SIGNATURE_HEADER, sign};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::queued::{QueuedMessage, queued_messages};

/// One thing to send or to explain.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message, or an element of an array of messages, which may be anything.
    Message(Box<RawValue>),
    /// A Lambda event that is not one of SQS.
    Event(Box<EventPayload>),
    /// A message of an SQS queue.
    Queued(QueuedMessage),
}

/// The things that reach the function together.
pub(crate) enum Delivery {
    /// Messages that become one request of Segment.
    Messages(Vec<Box<RawValue>>),
    /// An event, as it is.
    Event(Box<EventPayload>),
    /// Records of a queue.
    Queued(Vec<QueuedMessage>),
}

/// Returns what a value holds. The error says what it is not.
pub(crate) fn items(value: &RawValue) -> Result<Vec<Item>, String> {
    if value.get().starts_with('[') {
        let elements: Vec<&RawValue> =
            serde_json::from_str(value.get()).map_err(|error| format!("not JSON: {error}"))?;
        let mut found = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            match single_items(element) {
                Ok(Some(items)) => found.extend(items),
                // The function rejects what is no message, and delivers the others.
                Ok(None) => found.push(Item::Message(element.to_owned())),
                Err(problem) => return Err(format!("element {index}: {problem}")),
            }
        }
        return Ok(found);
    }
    // What `--query` prints of an empty queue.
    if value.get() == "null" {
        return Ok(Vec::new());
    }
    match single_items(value)? {
        Some(items) => Ok(items),
        None => Err("neither an event nor a message".to_owned()),
    }
}

/// Returns what a value other than an array holds; `None` if it is nothing that the tool knows.
fn single_items(value: &RawValue) -> Result<Option<Vec<Item>>, String> {
    if is_message(value) {
        return Ok(Some(vec![Item::Message(value.to_owned())]));
    }
    if let Some(queued) = queued_messages(value) {
        return Ok(Some(queued.into_iter().map(Item::Queued).collect()));
    }
    if is_event(value) {
        let event = serde_json::from_str(value.get())
            .map_err(|error| format!("not a Lambda event: {error}"))?;
        return Ok(Some(vec![Item::Event(Box::new(event))]));
    }
    Ok(None)
}

/// Whether a JSON value is a Segment message: an object with a type.
pub(crate) fn is_message(value: &RawValue) -> bool {
    RawObject::parse(value.into()).is_some_and(|object| object.contains_key("type"))
}

/// Whether a JSON value is an event that Lambda passes to a function. No event has a type.
pub(crate) fn is_event(value: &RawValue) -> bool {
    const MARKS: [&str; 5] = ["requestContext", "httpMethod", "Records", "check", "detail"];
    RawObject::parse(value.into()).is_some_and(|object| {
        !object.contains_key("type") && MARKS.iter().any(|mark| object.contains_key(mark))
    })
}

/// Groups the items of a file: messages that follow each other are one delivery, and so are records
/// of a queue. Each event is one by itself.
pub(crate) fn deliveries(items: Vec<Item>) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for item in items {
        match (item, deliveries.last_mut()) {
            (Item::Message(message), Some(Delivery::Messages(messages))) => messages.push(message),
            (Item::Queued(record), Some(Delivery::Queued(records))) => records.push(record),
            (Item::Message(message), _) => deliveries.push(Delivery::Messages(vec![message])),
            (Item::Queued(record), _) => deliveries.push(Delivery::Queued(vec![record])),
            (Item::Event(event), _) => deliveries.push(Delivery::Event(event)),
        }
    }
    deliveries
}

/// Returns the body with which Segment would send these messages: a single one as it is.
pub(crate) fn body_of(messages: &[Box<RawValue>]) -> String {
    if let [message] = messages
        && is_message(message)
    {
        return message.get().to_owned();
    }
    let messages: Vec<&str> = messages.iter().map(|message| message.get()).collect();
    format!("[{}]", messages.join(","))
}

/// Returns the event of a webhook request with this body, signed with the stand-in's shared secret.
pub(crate) fn signed_event(body: &str) -> Result<EventPayload, String> {
    event_of(body, sign(body.as_bytes(), SHARED_SECRET).as_deref())
}

/// Returns the event of a webhook request with this body and signature.
pub(crate) fn event_of(body: &str, signature: Option<&str>) -> Result<EventPayload, String> {
    let mut headers = Map::new();
    if let Some(signature) = signature {
        headers.insert(SIGNATURE_HEADER.to_owned(), signature.into());
    }
    let event =
        json!({"requestContext": {"http": {"method": "POST"}}, "headers": headers, "body": body});
    serde_json::from_value(event).map_err(|error| error.to_string())
}
