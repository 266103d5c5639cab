//! The last deliveries, in the form of the page's JSON.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use segment_klaviyo::response::{ResultEntry, WebhookResponse};
use segment_klaviyo::segment::Message;
use segment_klaviyo::settings::RuleSettings;
use segment_klaviyo_stand_in::RecordedRequest;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::marked_requests::MarkedRequests;
use super::original::Original;

/// The number of signed deliveries that are kept.
const MAX_DELIVERIES: usize = 200;

/// The number of refused requests that are kept besides them. Anybody can cause those.
const MAX_REFUSED: usize = 20;

/// The number of characters that are kept of a type, a name or an id.
const MAX_TEXT_CHARS: usize = 127;

/// The status of a request without a valid signature.
const UNAUTHORIZED: u16 = 401;

/// The number of messages that are kept of a delivery, besides those with a result entry.
const MAX_MESSAGES: usize = 100;

/// The bytes of messages, requests and responses that are kept of one delivery.
const MAX_JSON_BYTES: usize = 256 * 1024;

/// One delivery, with its messages and requests.
#[derive(Debug, Serialize)]
pub(super) struct DeliveryRecord {
    /// Counts all deliveries, from 1.
    number: usize,
    /// The time of arrival in epoch milliseconds.
    received_at: i64,
    duration_ms: u128,
    bytes: usize,
    /// The status of the response to Segment.
    status: u16,
    retry_after: Option<u64>,
    /// Whether it had no valid signature.
    refused: bool,
    message: String,
    received: usize,
    messages: Vec<MessageRow>,
    requests: Vec<RequestRow>,
    /// The request as it came, unless it is too large to be kept.
    #[serde(skip)]
    original: Option<Original>,
    /// Whether it is kept.
    is_kept: bool,
}

/// The last deliveries, the newest first.
#[derive(Debug, Default)]
pub(super) struct History {
    count: usize,
    deliveries: VecDeque<DeliveryRecord>,
    refused: VecDeque<DeliveryRecord>,
}

impl History {
    /// Adds a delivery, and removes the oldest of its kind if there are too many.
    pub(super) fn add(
        &mut self,
        received_at: OffsetDateTime,
        duration: Duration,
        original: Original,
        response: &WebhookResponse,
        requests: &[RecordedRequest],
        rules: &RuleSettings,
    ) {
        self.count += 1;
        let mut room = MAX_JSON_BYTES;
        let body = original.body.as_ref();
        let mut messages = message_rows(body, response, &mut room);
        let marked = MarkedRequests::new(requests);
        let raws = elements(body);
        for row in &mut messages {
            if let Some(raw) = raws.get(row.index) {
                row.requests = marked.of_message(raw, response.body.received, rules, received_at);
            }
        }
        let record = DeliveryRecord {
            number: self.count,
            received_at: (received_at.unix_timestamp_nanos() / 1_000_000) as i64,
            duration_ms: duration.as_millis(),
            bytes: body.len(),
            status: response.status,
            retry_after: response.retry_after,
            refused: response.status == UNAUTHORIZED,
            message: response.body.message.clone(),
            received: response.body.received,
            messages,
            requests: requests
                .iter()
                .map(|request| RequestRow::new(request, &mut room))
                .collect(),
            is_kept: original.body.len() <= MAX_JSON_BYTES,
            original: (original.body.len() <= MAX_JSON_BYTES).then_some(original),
        };
        // Refused requests have a list of their own, so that they cannot push deliveries out.
        let (records, max) = if record.refused {
            (&mut self.refused, MAX_REFUSED)
        } else {
            (&mut self.deliveries, MAX_DELIVERIES)
        };
        records.push_front(record);
        records.truncate(max);
    }

    /// Returns the request of the delivery with this number, if it is kept.
    pub(super) fn original(&self, number: usize) -> Option<&Original> {
        let mut all = self.deliveries.iter().chain(&self.refused);
        let delivery = all.find(|delivery| delivery.number == number)?;
        delivery.original.as_ref()
    }

    /// Returns the deliveries after the one with this number, the newest first.
    pub(super) fn after(&self, number: usize) -> Vec<&DeliveryRecord> {
        let mut newer: Vec<_> = self
            .deliveries
            .iter()
            .chain(&self.refused)
            .filter(|delivery| delivery.number > number)
            .collect();
        newer.sort_unstable_by_key(|delivery| std::cmp::Reverse(delivery.number));
        newer
    }
}

/// Returns the messages of a delivery. A request that the function refused is not parsed.
fn message_rows(body: &[u8], response: &WebhookResponse, room: &mut usize) -> Vec<MessageRow> {
    if response.body.received == 0 {
        return Vec::new();
    }
    let mut results: BTreeMap<usize, &ResultEntry> = BTreeMap::new();
    for result in &response.body.results {
        results.insert(result.index, result);
    }
    let mut rows = Vec::new();
    for (index, raw) in elements(body).into_iter().enumerate() {
        let result = results.get(&index).copied();
        if index < MAX_MESSAGES || result.is_some() {
            rows.push(MessageRow::new(index, raw, result, room));
        }
    }
    rows
}

/// The elements of a batch, or the single message. A body that is neither has none.
pub(super) fn elements(body: &[u8]) -> Vec<&RawValue> {
    if let Ok(elements) = serde_json::from_slice(body) {
        return elements;
    }
    match serde_json::from_slice(body) {
        Ok(single) => vec![single],
        Err(_) => Vec::new(),
    }
}

/// A message and its result.
#[derive(Debug, Serialize)]
struct MessageRow {
    index: usize,
    /// The type of the message.
    kind: String,
    /// The name of the event or page.
    name: Option<String>,
    message_id: Option<String>,
    outcome: &'static str,
    reason: Option<&'static str>,
    detail: Option<String>,
    /// The message itself, if it fits.
    json: Option<String>,
    /// The places of the requests that it became, among those of the delivery; `None` if that is not
    /// known.
    requests: Option<Vec<usize>>,
}

impl MessageRow {
    fn new(index: usize, raw: &RawValue, result: Option<&ResultEntry>, room: &mut usize) -> Self {
        let mut row = MessageRow {
            index,
            kind: "no type".to_owned(),
            name: None,
            message_id: None,
            outcome: "delivered",
            reason: None,
            detail: None,
            json: None,
            requests: None,
        };
        if let Ok(message) = Message::parse(raw) {
            if let Some(kind) = type_of(raw) {
                row.kind = cut(&kind, room).unwrap_or_else(|| "…".to_owned());
            }
            let name = message.event.as_deref().or(message.name.as_deref());
            row.name = name.and_then(|name| cut(name, room));
            let message_id = message.message_id.as_deref();
            row.message_id = message_id.and_then(|message_id| cut(message_id, room));
        }
        if let Some(result) = result {
            row.outcome = result.outcome;
            row.reason = Some(result.reason);
            row.detail = Some(result.detail.clone());
        }
        row.json = indented(raw, raw.get().len(), room);
        row
    }
}

/// The `type` of a message as Segment sent it, also one that the function does not know.
fn type_of(raw: &RawValue) -> Option<String> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    serde_json::from_str(fields.get("type")?.get()).ok()
}

/// A request to Klaviyo.
#[derive(Debug, Serialize)]
struct RequestRow {
    method: String,
    path: String,
    /// The metric, or the number of profiles.
    summary: Option<String>,
    status: u16,
    /// The body and the response, if they fit.
    body: Option<String>,
    response: Option<String>,
}

impl RequestRow {
    fn new(request: &RecordedRequest, room: &mut usize) -> Self {
        RequestRow {
            method: request.method.clone(),
            path: request.path.clone(),
            summary: summary(&request.body),
            status: request.status,
            body: indented_value(&request.body, room),
            response: indented_value(&request.answer, room),
        }
    }
}

/// Returns the metric of a request for one event, otherwise the number of items.
fn summary(body: &Value) -> Option<String> {
    const LISTS: [(&str, &str); 3] = [
        (
            "/data/attributes/events-bulk-create/data",
            "profiles with events",
        ),
        ("/data/attributes/profiles/data", "profiles"),
        ("/data", "profiles"),
    ];
    let metric = body.pointer("/data/attributes/metric/data/attributes/name");
    if let Some(Value::String(metric)) = metric {
        return Some(metric.clone());
    }
    for (pointer, noun) in LISTS {
        if let Some(Value::Array(items)) = body.pointer(pointer) {
            return Some(format!("{} {noun}", items.len()));
        }
    }
    None
}

/// Returns the beginning of a text, if there is room for it.
fn cut(text: &str, room: &mut usize) -> Option<String> {
    let kept = match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end)?),
        None => text.to_owned(),
    };
    *room = room.checked_sub(kept.len())?;
    Some(kept)
}

/// Returns the indented JSON of a value that is not null, if there is room for it.
fn indented_value(value: &Value, room: &mut usize) -> Option<String> {
    if value.is_null() {
        return None;
    }
    indented(value, value.to_string().len(), room)
}

/// Returns indented JSON, if there is room for it. `bytes` is its length without the indentation.
fn indented(json: impl Serialize, bytes: usize, room: &mut usize) -> Option<String> {
    room.checked_sub(bytes)?;
    let value = serde_json::to_value(json).ok()?;
    let text = serde_json::to_string_pretty(&value).ok()?;
    *room = room.checked_sub(text.len())?;
    Some(text)
}
