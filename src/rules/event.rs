//! Track → an event: <https://segment.com/docs/connections/spec/track/>

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::identity::Person;
use super::order::Order;
use super::{Stop, klaviyo_names, limits, profile};
use crate::klaviyo::{Event, Properties};
use crate::segment::json::Fields;
use crate::segment::{Message, timestamp};
use crate::settings::RuleSettings;

/// Klaviyo takes unique ids of fewer characters than this.
const UNIQUE_ID_CHARACTERS: usize = 256;

/// No merchant's history begins earlier: such a time is a mistake, often a zero.
const EARLIEST_YEAR: i32 = 2000;

/// The event that a track tells of; for an order, the event of the whole order.
pub(super) fn record<'a>(
    message: &Message<'a>,
    metric: Cow<'a, str>,
    person: &Person<'a>,
    rules: &RuleSettings,
    now: OffsetDateTime,
) -> Result<Event<'a>, Stop> {
    let properties = properties(message, rules)?;
    let order = Order::of(message);
    let time = message
        .timestamp
        .filter(|moment| is_plausible(*moment, now));
    Ok(Event {
        metric,
        profile: profile::of_event(message, person, !rules.enforce_email),
        properties,
        value: value(&message.properties, order.is_some()),
        value_currency: currency(&message.properties),
        unique_id: order
            .and_then(|order| order.unique_id(&message.properties))
            .unwrap_or_else(|| message_id(message)),
        backfill: rules
            .backfill_after
            .is_some_and(|age| age.is_zero() || time.is_some_and(|time| now - time > age)),
        time: time.and_then(timestamp::write),
    })
}

/// The message's own properties, and Klaviyo's names beside them.
fn properties<'a>(message: &Message<'a>, rules: &RuleSettings) -> Result<Properties<'a>, Stop> {
    let Some(raw) = message.raw_properties else {
        return Ok(Properties::Merged(Fields::default()));
    };
    limits::check(raw, message.properties.len()).map_err(Stop::Reject)?;
    let names = match message.event.as_deref() {
        Some(event) if rules.klaviyo_property_names && raw.get().len() < limits::ROOMY_BYTES => {
            klaviyo_names::of_event(event, &message.properties)
        }
        _ => Fields::default(),
    };
    if names.is_empty() {
        return Ok(Properties::Unchanged(raw));
    }
    Ok(Properties::Merged(
        message.properties.with_missing(&names, limits::PROPERTIES),
    ))
}

/// `revenue`, else `value`, else the `total` of an order.
fn value(properties: &Fields, is_order: bool) -> Option<f64> {
    let keys: &[&str] = if is_order {
        &["revenue", "value", "total"]
    } else {
        &["revenue", "value"]
    };
    keys.iter().find_map(|key| properties.number(key))
}

/// The code under `currency`, when it has the form of one.
pub(super) fn currency(properties: &Fields) -> Option<String> {
    let code = properties.text(&["currency"])?;
    (code.len() == 3 && code.bytes().all(|b| b.is_ascii_alphabetic()))
        .then(|| code.to_ascii_uppercase())
}

/// Whether a timestamp can be meant: not before 2000, not over a year ahead.
pub(super) fn is_plausible(moment: OffsetDateTime, now: OffsetDateTime) -> bool {
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
