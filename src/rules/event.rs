//! Tracks, pages and screens as events: <https://segment.com/docs/connections/spec/track/>

use time::{Duration, OffsetDateTime};

use super::context::RuleContext;
use super::identity::Customer;
use super::order_kind::OrderKind;
use super::skip::Skip;
use super::{limits, money, profile, property_names};
use crate::domain::{MetricName, Timestamp, UniqueId};
use crate::json::JsonObject;
use crate::klaviyo::{Event, Properties};
use crate::outcome::LeftOut;
use crate::segment::Message;

/// No merchant's history begins earlier: a time before this year is a mistake, often a zero.
const MIN_YEAR: i32 = 2000;

/// A time further ahead than this is a mistake.
const MAX_AHEAD: Duration = Duration::days(365);

const TIME: LeftOut = LeftOut {
    field: "timestamp",
    expected: "a time since 2000 such as 2026-11-20T10:00:00Z",
};

/// Returns the event that a message reports; for an order, the event of the whole order.
pub(super) fn from_message<'a>(
    context: &RuleContext<'_, 'a>,
    metric: MetricName<'a>,
    customer: &Customer<'a>,
) -> Result<Event<'a>, Skip> {
    let RuleContext {
        message,
        settings,
        now,
        ..
    } = context;
    let properties = properties(context)?;
    let order_kind = OrderKind::from_message(message);
    let order_id = order_kind.and_then(|kind| kind.unique_id(&message.properties));
    let moment = message
        .timestamp
        .filter(|moment| is_plausible(*moment, *now));
    if moment.is_none() && message.has_timestamp {
        context.leave_out(TIME);
    }
    // Zero hours mean that no event starts a flow, even one without a time.
    let backfill = match (settings.backfill_after, moment) {
        (Some(age), _) if age.is_zero() => true,
        (Some(age), Some(moment)) => *now - moment > age,
        _ => false,
    };
    // Klaviyo merges profiles by their phone numbers, so with email as the only identifier an event
    // must not carry one.
    let with_phone = !settings.enforce_email;
    Ok(Event {
        metric,
        profile: profile::for_event(context, customer, with_phone),
        properties,
        value: money::value(context, order_kind),
        value_currency: money::currency(context, &message.properties),
        unique_id: order_id.unwrap_or_else(|| message_unique_id(message)),
        backfill,
        time: moment.and_then(Timestamp::new),
    })
}

/// Returns the message's own properties, with Klaviyo's names beside them.
fn properties<'a>(context: &RuleContext<'_, 'a>) -> Result<Properties<'a>, Skip> {
    let message = context.message;
    let Some(raw) = message.raw_properties else {
        return Ok(Properties::Built(JsonObject::default()));
    };
    limits::check(raw, message.properties.len()).map_err(Skip::Reject)?;
    let has_room = raw.get().len() < limits::MAX_BYTES_FOR_KLAVIYO_NAMES;
    let names = match message.event.as_deref() {
        Some(event) if context.settings.klaviyo_property_names && has_room => {
            property_names::for_event(event, &message.properties)
        }
        _ => JsonObject::default(),
    };
    if names.is_empty() {
        return Ok(Properties::Raw(raw));
    }
    let mut merged = JsonObject::from_raw(&message.properties, limits::MAX_PROPERTIES, names.len());
    merged.add_missing(&names, limits::MAX_PROPERTIES);
    Ok(Properties::Built(merged))
}

/// Whether a timestamp is plausible: not before 2000, and not over a year ahead.
pub(super) fn is_plausible(moment: OffsetDateTime, now: OffsetDateTime) -> bool {
    moment.year() >= MIN_YEAR && moment <= now + MAX_AHEAD
}

/// Returns Segment's id of the message. A message without one is known by its bytes, which a resend
/// repeats.
fn message_unique_id(message: &Message) -> UniqueId {
    match &message.message_id {
        Some(id) => UniqueId::new(id),
        None => UniqueId::hash(message.raw.get()),
    }
}
