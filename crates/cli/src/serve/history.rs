//! The last deliveries, as the page shows them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use segment_klaviyo::response::{ResultEntry, WebhookResponse};
use segment_klaviyo::segment::{InvalidMessage, Message};
use segment_klaviyo_stand_in::RecordedRequest;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// Deliveries that are kept.
const DELIVERIES: usize = 200;

/// Refusals that are kept beside them: anybody can cause those.
const REFUSALS: usize = 20;

/// Characters that are kept of a type, a name or an id.
const CHARACTERS: usize = 127;

/// The status of what nobody signed.
const REFUSED: u16 = 401;

/// Messages that are shown of a delivery, beside those with something to say of them.
const MESSAGES: usize = 100;

/// Bytes of messages and calls that are kept of a delivery in full.
const FULL_BYTES: usize = 256 * 1024;

/// One delivery and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Delivery {
    /// Its place among all of them, from 1.
    number: usize,
    /// When it came, in epoch milliseconds.
    at: i64,
    took_ms: u128,
    bytes: usize,
    /// What Segment was told.
    status: u16,
    retry_after: Option<u64>,
    /// Nobody signed it.
    refused: bool,
    message: String,
    received: usize,
    messages: Vec<Shown>,
    calls: Vec<Call>,
}

/// A message and how it ended.
#[derive(Debug, Serialize)]
struct Shown {
    index: usize,
    /// Its type, and the event's or page's name.
    kind: String,
    name: Option<String>,
    message_id: Option<String>,
    outcome: &'static str,
    reason: Option<&'static str>,
    detail: Option<String>,
    /// The message itself, if there is room for it.
    full: Option<String>,
}

/// A call to Klaviyo.
#[derive(Debug, Serialize)]
struct Call {
    method: String,
    path: String,
    /// What it is about, in a few words.
    about: Option<String>,
    status: u16,
    /// Its body and the answer to it, if there is room for them.
    full: Option<String>,
    answer: Option<String>,
}

/// The last deliveries, the newest first.
#[derive(Debug, Default)]
pub(super) struct History {
    count: usize,
    deliveries: VecDeque<Delivery>,
    refusals: VecDeque<Delivery>,
}

impl History {
    /// Keeps a delivery, and forgets one of its kind if there are too many.
    pub(super) fn add(
        &mut self,
        at: OffsetDateTime,
        took: Duration,
        body: &[u8],
        answer: &WebhookResponse,
        calls: &[RecordedRequest],
    ) {
        self.count += 1;
        let mut room = FULL_BYTES;
        let refused = answer.status == REFUSED;
        let (kept, most) = if refused {
            (&mut self.refusals, REFUSALS)
        } else {
            (&mut self.deliveries, DELIVERIES)
        };
        kept.push_front(Delivery {
            number: self.count,
            at: (at.unix_timestamp_nanos() / 1_000_000) as i64,
            took_ms: took.as_millis(),
            bytes: body.len(),
            status: answer.status,
            retry_after: answer.retry_after,
            refused,
            message: answer.body.message.clone(),
            received: answer.body.received,
            messages: messages(body, answer, &mut room),
            calls: calls
                .iter()
                .map(|call| self::call(call, &mut room))
                .collect(),
        });
        kept.truncate(most);
    }

    /// Those after this number, the newest first.
    pub(super) fn after(&self, number: usize) -> Vec<&Delivery> {
        let newer = |kept: &'_ VecDeque<Delivery>| {
            kept.partition_point(|delivery| delivery.number > number)
        };
        let (deliveries, refusals) = (newer(&self.deliveries), newer(&self.refusals));
        let mut both: Vec<_> = self
            .deliveries
            .iter()
            .take(deliveries)
            .chain(self.refusals.iter().take(refusals))
            .collect();
        both.sort_unstable_by_key(|delivery| Reverse(delivery.number));
        both
    }
}

/// What a delivery held, as far as the function let it in: what nobody signed is not looked at.
fn messages(body: &[u8], answer: &WebhookResponse, room: &mut usize) -> Vec<Shown> {
    let said: BTreeMap<usize, &ResultEntry> = answer
        .body
        .results
        .iter()
        .map(|item| (item.index, item))
        .collect();
    let elements = if answer.body.received == 0 {
        Vec::new()
    } else {
        elements(body)
    };
    let is_shown = |index: &usize| *index < MESSAGES || said.contains_key(index);
    let elements = elements
        .into_iter()
        .enumerate()
        .filter(|(index, _)| is_shown(index));
    elements
        .map(|(index, raw)| shown(index, raw, said.get(&index).copied(), room))
        .collect()
}

fn elements(body: &[u8]) -> Vec<&RawValue> {
    serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(body).map(|one| vec![one]))
        .unwrap_or_default()
}

fn shown(index: usize, raw: &RawValue, said: Option<&ResultEntry>, room: &mut usize) -> Shown {
    let message = Message::parse(raw);
    let text = |key: &str| {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
        serde_json::from_str::<String>(fields.get(key)?.get()).ok()
    };
    let message = message.as_ref().map_err(|InvalidMessage| ()).ok();
    let kind = message
        .and_then(|_| text("type"))
        .map(|kind| cut(&kind, room).unwrap_or_else(|| "…".to_owned()));
    let name = message.and_then(|it| it.event.as_deref().or(it.name.as_deref()));
    Shown {
        index,
        kind: kind.unwrap_or_else(|| "no type".to_owned()),
        name: name.and_then(|name| cut(name, room)),
        message_id: message.and_then(|it| cut(it.message_id.as_deref()?, room)),
        outcome: said.map_or("delivered", |item| item.outcome),
        reason: said.map(|item| item.reason),
        detail: said.map(|item| item.detail.clone()),
        full: pretty(raw, raw.get().len(), room),
    }
}

fn call(call: &RecordedRequest, room: &mut usize) -> Call {
    let full = |json: &Value, room: &mut usize| {
        if json.is_null() {
            None
        } else {
            pretty(json, json.to_string().len(), room)
        }
    };
    Call {
        method: call.method.clone(),
        path: call.path.clone(),
        about: about(&call.body),
        status: call.status,
        full: full(&call.body, room),
        answer: full(&call.answer, room),
    }
}

/// The metric, if a call is about one event, else how many things it is about.
fn about(body: &Value) -> Option<String> {
    const SEVERAL: [(&str, &str); 3] = [
        (
            "/data/attributes/events-bulk-create/data",
            "profiles with events",
        ),
        ("/data/attributes/profiles/data", "profiles"),
        ("/data", "profiles"),
    ];
    let metric = body
        .pointer("/data/attributes/metric/data/attributes/name")
        .and_then(Value::as_str);
    let count = |(place, noun): &(&str, &str)| {
        Some(format!("{} {noun}", body.pointer(place)?.as_array()?.len()))
    };
    metric
        .map(str::to_owned)
        .or_else(|| SEVERAL.iter().find_map(count))
}

/// The beginning of a text, if there is room for it.
fn cut(text: &str, room: &mut usize) -> Option<String> {
    let end = text
        .char_indices()
        .nth(CHARACTERS)
        .map_or(text.len(), |(end, _)| end);
    let (kept, rest) = text.split_at(end);
    *room = room.checked_sub(kept.len())?;
    Some(if rest.is_empty() {
        kept.to_owned()
    } else {
        format!("{kept}…")
    })
}

/// JSON as people read it, if there is room for so many bytes.
fn pretty(json: impl Serialize, bytes: usize, room: &mut usize) -> Option<String> {
    room.checked_sub(bytes)?;
    let value = serde_json::to_value(json).ok()?;
    let text = serde_json::to_string_pretty(&value).ok()?;
    *room = room.checked_sub(text.len())?;
    Some(text)
}
