//! The metric of an event, and which events are sent.

use super::context::RuleContext;
use super::event_kind::{EventKind, is_name_of_event};
use super::skip::Skip;
use crate::domain::MetricName;
use crate::outcome::{IgnoreReason, RejectReason};
use crate::segment::{Message, MessageType};
use crate::settings::MetricNames;

/// Returns the metric of an event, unless the settings filter the event out.
pub(super) fn name<'a>(context: &RuleContext<'_, 'a>) -> Result<MetricName<'a>, Skip> {
    let RuleContext {
        message, settings, ..
    } = context;
    let kind = context.event_kind;
    let name = match message.message_type {
        MessageType::Page => Some(viewed(message, "Page").into()),
        MessageType::Screen => Some(viewed(message, "Screen").into()),
        _ => message.event.clone(),
    };
    let name = name.and_then(MetricName::parse);
    let name = name.ok_or(Skip::Reject(RejectReason::InvalidEventName))?;
    let is_its_name = |listed: &str| is_name_of_event(listed, name.as_str(), kind, settings);
    if !settings.events.lets_through(is_its_name) {
        return Err(Skip::Ignore(IgnoreReason::EventFiltered));
    }
    match kind {
        // Whatever a source calls an order: two of them may report the same one.
        Some(EventKind::OrderCompleted) if settings.send_placed_order_as_order_completed => {
            Ok(MetricName::ORDER_COMPLETED)
        }
        Some(EventKind::OrderCompleted) => Ok(MetricName::PLACED_ORDER),
        Some(kind) if settings.metric_names == MetricNames::Klaviyo => {
            Ok(klaviyo_name(kind).unwrap_or(name))
        }
        _ => Ok(name),
    }
}

/// Returns the name that Klaviyo's built-in reports and flow templates look for:
/// <https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration>
fn klaviyo_name(kind: EventKind) -> Option<MetricName<'static>> {
    const VIEWED: MetricName = MetricName::from_static("Viewed Product");
    const ADDED: MetricName = MetricName::from_static("Added to Cart");
    const CHECKOUT: MetricName = MetricName::from_static("Started Checkout");
    const CANCELLED: MetricName = MetricName::from_static("Canceled Order");
    const REFUNDED: MetricName = MetricName::from_static("Refunded Order");
    match kind {
        EventKind::ProductViewed => Some(VIEWED),
        EventKind::ProductAdded => Some(ADDED),
        EventKind::CheckoutStarted => Some(CHECKOUT),
        EventKind::OrderCancelled => Some(CANCELLED),
        EventKind::OrderRefunded => Some(REFUNDED),
        EventKind::ProductClicked | EventKind::OrderCompleted => None,
    }
}

/// Returns `Viewed <name> Page`, as Segment names such events in its other destinations.
fn viewed(message: &Message, noun: &str) -> String {
    match &message.name {
        Some(name) => format!("Viewed {name} {noun}"),
        None => format!("Viewed {noun}"),
    }
}
