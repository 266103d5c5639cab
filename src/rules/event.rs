//! Tracks, pages and screens as events: <https://segment.com/docs/connections/spec/track/>

use time::{Duration, OffsetDateTime};

use super::context::RuleContext;
use super::event_id::unique_id;
use super::identity::Customer;
use super::line_names::NameSettings;
use super::skip::Skip;
use super::{limits, money, product, profile, property_names};
use crate::domain::{MetricName, Timestamp, parse_moment};
use crate::json::{self, JsonObject, Raw};
use crate::klaviyo::{Event, Properties};
use crate::outcome::LeftOut;

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
    if let Some(kind) = context.event_kind {
        product::check(context, kind);
    }
    let moment = moment(context);
    let (value, amount_currency) = money::value(context);
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
        profile: profile::for_event(context, customer, with_phone).into(),
        properties,
        value,
        value_currency: money::currency_or(context, &message.properties, amount_currency),
        unique_id: unique_id(context),
        backfill,
        time: moment.and_then(Timestamp::new),
    })
}

/// Returns the message's own properties, with further names beside them.
fn properties<'a>(context: &RuleContext<'_, 'a>) -> Result<Properties<'a>, Skip> {
    let message = context.message;
    let Some(raw) = message.raw_properties else {
        return Ok(Properties::Built(JsonObject::default()));
    };
    limits::check(raw, message.properties.len()).map_err(Skip::Reject)?;
    let names = names(context, raw);
    if names.is_empty() {
        return Ok(Properties::Raw(raw));
    }
    let mut merged = JsonObject::from_raw(&message.properties, limits::MAX_PROPERTIES, names.len());
    merged.add_missing(&names, limits::MAX_PROPERTIES);
    Ok(Properties::Built(merged))
}

/// Returns the names to add to the properties. Names repeat values, so a large event has fewer.
fn names<'a>(context: &RuleContext<'_, 'a>, raw: Raw<'_>) -> JsonObject<'a> {
    let Some(kind) = context.event_kind else {
        return JsonObject::default();
    };
    let mut settings = NameSettings::from_settings(context.settings);
    loop {
        let names = property_names::for_event(kind, &context.message.properties, settings);
        if names.is_empty() || raw.get().len() + names.bytes() <= limits::MAX_BYTES_WITH_NAMES {
            return names;
        }
        if settings.classic {
            settings.classic = false;
        } else {
            return JsonObject::default();
        }
    }
}

/// Returns the time of a message: the first of its times that can be read and is plausible.
fn moment(context: &RuleContext) -> Option<OffsetDateTime> {
    let message = context.message;
    let is_plausible = |moment: &OffsetDateTime| is_plausible(*moment, context.now);
    if let Some(moment) = message.timestamp.filter(is_plausible) {
        return Some(moment);
    }
    let times = message.times();
    let mut present = times.iter().flatten();
    let moment = present.find_map(|raw| parse_moment(*raw).filter(is_plausible));
    let has_time = times.iter().flatten().any(|raw| !json::is_blank(*raw));
    if moment.is_none() && has_time {
        context.leave_out(TIME);
    }
    moment
}

/// Whether a timestamp is plausible: not before 2000, and not over a year ahead.
pub(super) fn is_plausible(moment: OffsetDateTime, now: OffsetDateTime) -> bool {
    moment.year() >= MIN_YEAR && moment <= now + MAX_AHEAD
}
