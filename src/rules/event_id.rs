//! The unique ids of events. Whoever reports an event again repeats its id, so that Klaviyo keeps it
//! once.

use std::borrow::Cow;

use super::context::RuleContext;
use super::event_kind::is_listed;
use super::money;
use crate::domain::UniqueId;
use crate::json::{self, NameLetters, RawObject};

/// The keys of an order's id, in any spelling: the first that is there.
const ORDER_ID_KEYS: [&str; 5] = ["order_id", "id", "order_number", "order_name", EVENT_ID_KEY];

/// The key of an event's own id.
const EVENT_ID_KEY: &str = "event_id";

/// Returns the id of the order that an event is about.
pub(super) fn order_id<'a>(properties: &RawObject<'a>) -> Option<Cow<'a, str>> {
    properties.id(&ORDER_ID_KEYS)
}

/// Returns the order's id for an order, and for events of which there is one for each order; else
/// the event's own id, else Segment's id of the message. A message without one is known by its
/// bytes, which a resend repeats.
pub(super) fn unique_id(context: &RuleContext) -> UniqueId {
    if let Some(id) = order_event_id(context) {
        return id;
    }
    match context.message.properties.id(&[EVENT_ID_KEY]) {
        Some(id) => UniqueId::new(&id),
        None => message_id(context),
    }
}

fn order_event_id(context: &RuleContext) -> Option<UniqueId> {
    let kind = context.event_kind;
    let is_once_per_order = kind.is_some_and(|kind| kind.is_order()) || is_once_per_order(context);
    if !is_once_per_order {
        return None;
    }
    let properties = &context.message.properties;
    let order_id = order_id(properties)?;
    if !kind.is_some_and(|kind| kind.is_reversed_order()) {
        return Some(UniqueId::new(&order_id));
    }
    // A refund without an id is told from the next one by its message, unless it is about the whole
    // order: then a second source may report the same one.
    let refund_id = match properties.id(&["refund_id"]) {
        Some(refund_id) => refund_id,
        None if names_a_part(context) => message_id(context).as_str().to_owned().into(),
        None => return Some(UniqueId::new(&order_id)),
    };
    Some(UniqueId::join(&order_id, &refund_id))
}

/// Whether `ONCE_PER_ORDER` holds the event.
pub(super) fn is_once_per_order(context: &RuleContext) -> bool {
    let RuleContext {
        message,
        settings,
        event_kind,
        ..
    } = context;
    match message.event.as_deref() {
        Some(name) => is_listed(&settings.once_per_order, name, *event_kind, settings),
        None => false,
    }
}

/// Whether a refund names products or an amount. An amount has many names, and one that is not seen
/// would cost the next refund: any number under a name of money counts.
fn names_a_part(context: &RuleContext) -> bool {
    let properties = &context.message.properties;
    let products = properties.get("products");
    let has_products = products.is_some_and(|raw| match raw.get().starts_with('[') {
        true => !json::raw_elements(raw).is_empty(),
        false => !json::is_blank(raw),
    });
    has_products
        || money::amounts(context).next().is_some()
        || properties
            .iter()
            .any(|(name, raw)| is_name_of_money(name) && json::number(raw).is_some())
}

fn is_name_of_money(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "amount", "refund", "total", "value", "price", "revenue", "sum", "credit",
    ];
    let letters = NameLetters::new(name);
    WORDS.iter().any(|word| letters.hold(word))
}

fn message_id(context: &RuleContext) -> UniqueId {
    match &context.message.message_id {
        Some(id) => UniqueId::new(id),
        None => UniqueId::hash(context.message.raw.get()),
    }
}
