//! The metric of an event, and which events are sent.

use super::order_kind::OrderKind;
use super::skip::Skip;
use crate::domain::MetricName;
use crate::outcome::{IgnoreReason, RejectReason};
use crate::segment::{Message, MessageType};
use crate::settings::{MetricNames, RuleSettings};

/// Segment's names, and the names that Klaviyo's built-in reports and flow templates look for:
/// <https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration>
const KLAVIYO_NAMES: [(&str, MetricName<'static>); 5] = [
    ("Product Viewed", MetricName::from_static("Viewed Product")),
    ("Product Added", MetricName::from_static("Added to Cart")),
    (
        "Checkout Started",
        MetricName::from_static("Started Checkout"),
    ),
    ("Order Cancelled", MetricName::from_static("Canceled Order")),
    ("Order Refunded", MetricName::from_static("Refunded Order")),
];

/// Returns the metric of an event, unless the settings filter the event out.
pub(super) fn name<'a>(
    message: &Message<'a>,
    settings: &RuleSettings,
) -> Result<MetricName<'a>, Skip> {
    let name = match message.message_type {
        MessageType::Page => Some(viewed(message, "Page").into()),
        MessageType::Screen => Some(viewed(message, "Screen").into()),
        _ => message.event.clone(),
    };
    let name = name.and_then(MetricName::parse);
    let name = name.ok_or(Skip::Reject(RejectReason::InvalidEventName))?;
    if !settings.events.lets_through(name.as_str()) {
        return Err(Skip::Ignore(IgnoreReason::EventFiltered));
    }
    let is_order = OrderKind::from_message(message) == Some(OrderKind::Completed);
    if is_order && !settings.send_placed_order_as_order_completed {
        return Ok(MetricName::PLACED_ORDER);
    }
    if settings.metric_names == MetricNames::Klaviyo {
        for (segment, klaviyo) in KLAVIYO_NAMES {
            if name.as_str() == segment {
                return Ok(klaviyo);
            }
        }
    }
    Ok(name)
}

/// Returns `Viewed <name> Page`, as Segment names such events in its other destinations.
fn viewed(message: &Message, noun: &str) -> String {
    match &message.name {
        Some(name) => format!("Viewed {name} {noun}"),
        None => format!("Viewed {noun}"),
    }
}
