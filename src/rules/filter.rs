//! Which events are sent at all, and under which name.

use std::borrow::Cow;

use super::Stop;
use super::order::Order;
use crate::outcome::{IgnoreReason, RejectReason};
use crate::segment::{Message, MessageType};
use crate::settings::{MetricNames, RuleSettings};

/// Klaviyo takes metric names of fewer characters than this.
const METRIC_CHARACTERS: usize = 128;

/// Klaviyo's own names, which its built-in reports and flow templates look for:
/// <https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration>
const KLAVIYO_NAMES: [(&str, &str); 5] = [
    ("Product Viewed", "Viewed Product"),
    ("Product Added", "Added to Cart"),
    ("Checkout Started", "Started Checkout"),
    ("Order Cancelled", "Canceled Order"),
    ("Order Refunded", "Refunded Order"),
];

/// The metric of an event, unless the settings do not let the event through.
pub(super) fn metric<'a>(
    message: &Message<'a>,
    rules: &RuleSettings,
) -> Result<Cow<'a, str>, Stop> {
    let name = match message.message_type {
        MessageType::Page => viewed(message, "Page"),
        MessageType::Screen => viewed(message, "Screen"),
        _ => message
            .event
            .clone()
            .ok_or(Stop::Reject(RejectReason::InvalidEventName))?,
    };
    if name.trim().is_empty() || name.chars().count() >= METRIC_CHARACTERS {
        return Err(Stop::Reject(RejectReason::InvalidEventName));
    }
    if !rules.events.lets_through(&name) {
        return Err(Stop::Ignore(IgnoreReason::EventFiltered));
    }
    if Order::of(message) == Some(Order::Completed) && !rules.send_placed_order_as_order_completed {
        return Ok("Placed Order".into());
    }
    let renamed = KLAVIYO_NAMES
        .iter()
        .find(|(segment, _)| rules.metric_names == MetricNames::Klaviyo && *segment == name);
    Ok(renamed.map_or(name, |(_, klaviyo)| Cow::Borrowed(*klaviyo)))
}

/// `Viewed <name> Page`, as Segment names such events in its other destinations.
fn viewed<'a>(message: &Message<'a>, what: &str) -> Cow<'a, str> {
    match &message.name {
        Some(name) => format!("Viewed {name} {what}").into(),
        None => format!("Viewed {what}").into(),
    }
}
