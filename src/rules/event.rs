//! Track → an event: <https://segment.com/docs/connections/spec/track/>

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::identity::Person;
use super::order::Order;
use super::{Stop, limits, profile};
use crate::klaviyo::{Event, Properties};
use crate::outcome::Rejected;
use crate::segment::json::{self, Fields};
use crate::segment::{Message, timestamp};
use crate::settings::Rules;

/// Klaviyo takes metric names and unique ids of fewer characters than these.
const METRIC_CHARACTERS: usize = 128;
const UNIQUE_ID_CHARACTERS: usize = 256;

/// No merchant's history begins earlier: such a time is a mistake, often a zero.
const EARLIEST_YEAR: i32 = 2000;

/// The event that a track tells of; for an order, the event of the whole order.
pub(super) fn record<'a>(
    message: &Message<'a>,
    person: &Person<'a>,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Event<'a>, Stop> {
    let name = message
        .event
        .clone()
        .filter(|name| !name.trim().is_empty() && name.chars().count() < METRIC_CHARACTERS);
    let name = name.ok_or(Stop::Reject(Rejected::EventName))?;
    let properties = match message.raw_properties {
        Some(raw) => {
            limits::check(raw, message.properties.len()).map_err(Stop::Reject)?;
            Properties::Unchanged(raw)
        }
        None => Properties::Merged(Fields::default()),
    };

    let order = Order::of(message);
    Ok(Event {
        metric: match order {
            Some(Order::Completed) if !rules.send_placed_order_as_order_completed => {
                "Placed Order".into()
            }
            _ => name,
        },
        profile: profile::of_event(message, person, !rules.enforce_email),
        properties,
        time: message
            .timestamp
            .filter(|moment| plausible(*moment, now))
            .and_then(timestamp::write),
        value: value(&message.properties, order.is_some()),
        value_currency: currency(&message.properties),
        unique_id: order
            .and_then(|order| order.unique_id(&message.properties))
            .unwrap_or_else(|| message_id(message)),
    })
}

/// `revenue`, else `value`, else the `total` of an order.
fn value(properties: &Fields, is_order: bool) -> Option<f64> {
    let keys: &[&str] = if is_order {
        &["revenue", "value", "total"]
    } else {
        &["revenue", "value"]
    };
    keys.iter()
        .find_map(|key| properties.raw(key).and_then(json::number))
}

/// The code under `currency`, when it has the form of one.
pub(super) fn currency(properties: &Fields) -> Option<String> {
    let code = properties.text(&["currency"])?;
    (code.len() == 3 && code.bytes().all(|b| b.is_ascii_alphabetic()))
        .then(|| code.to_ascii_uppercase())
}

fn plausible(moment: OffsetDateTime, now: OffsetDateTime) -> bool {
    moment.year() >= EARLIEST_YEAR && moment <= now + time::Duration::days(365)
}

/// Segment's id of the message. One without an id is known by its bytes, which a resend repeats.
fn message_id(message: &Message) -> String {
    match &message.message_id {
        Some(id) => unique_id(id),
        None => hash(message.raw.get()),
    }
}

/// `id` as far as Klaviyo takes it: a longer one becomes its hash, which is as unique.
pub(super) fn unique_id(id: &str) -> String {
    if id.chars().count() < UNIQUE_ID_CHARACTERS {
        id.to_owned()
    } else {
        hash(id)
    }
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
