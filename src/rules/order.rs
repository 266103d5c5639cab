//! Orders: one event for the order, one `Ordered Product` for each of its lines, with ids that a
//! resend and a second source (website and server) repeat.
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed>

use std::borrow::Cow;
use std::collections::HashSet;

use super::event::{currency, unique_id};
use super::product::{Product, lines};
use super::{klaviyo_names, limits};
use crate::klaviyo::{Event, Properties};
use crate::segment::json::Fields;
use crate::segment::{Message, MessageType};
use crate::settings::RuleSettings;

/// The metric of an order's lines.
const ORDERED_PRODUCT: &str = "Ordered Product";

/// What all lines together may repeat of their order.
const SHARED_BYTES: usize = 4_000_000;

/// Where an order's id stands.
pub(super) const ORDER_ID: [&str; 4] = ["order_id", "orderId", "event_id", "eventId"];
const REFUND_ID: [&str; 2] = ["refund_id", "refundId"];

/// An event about an order as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `Order Completed`: its lines are events too.
    Completed,
    /// `Order Cancelled` or `Order Refunded`: Klaviyo takes it off the order by their common id.
    Undone,
}

impl Order {
    /// What the message says of an order, if it is about one.
    pub(super) fn of(message: &Message) -> Option<Self> {
        match message
            .event
            .as_deref()
            .filter(|_| message.message_type == MessageType::Track)?
        {
            "Order Completed" => Some(Order::Completed),
            "Order Cancelled" | "Order Refunded" => Some(Order::Undone),
            _ => None,
        }
    }

    /// The order's id; of a refund with an id of its own, that too, so that a second partial refund is
    /// not taken for the first.
    pub(super) fn unique_id(self, properties: &Fields) -> Option<String> {
        let order = properties.text(&ORDER_ID)?;
        match (self, properties.text(&REFUND_ID)) {
            (Order::Undone, Some(refund)) => Some(unique_id(&format!("{order}_{refund}"))),
            _ => Some(unique_id(&order)),
        }
    }
}

/// The order's event and, of a completed order, one more for each line of `products`.
pub(super) fn events<'a>(
    order: Event<'a>,
    message: &Message<'a>,
    rules: &RuleSettings,
) -> Vec<Event<'a>> {
    if Order::of(message) != Some(Order::Completed) || rules.events.blocks(ORDERED_PRODUCT) {
        return vec![order];
    }
    let lines = lines(&message.properties);
    // The other lines are not repeated in each, and what is repeated must not outgrow the order itself.
    let shared = message
        .properties
        .without("products")
        .within(SHARED_BYTES / lines.len().max(1));
    let mut taken = HashSet::with_capacity(lines.len());
    let mut events = Vec::with_capacity(lines.len() + 1);
    for (index, line) in lines {
        let unique_id = line_id(&order.unique_id, index, &Product(&line), &mut taken);
        events.push(ordered_product(&order, unique_id, line, &shared, rules));
    }
    events.insert(0, order);
    events
}

/// `<order>_<product>`, or the line's index for a product without an id. Whatever is taken already
/// gets the index too, so that no two lines are one event.
fn line_id(order: &str, index: usize, line: &Product, taken: &mut HashSet<String>) -> String {
    let mut id = match line.line_id() {
        Some(product) => unique_id(&format!("{order}_{product}")),
        None => unique_id(&format!("{order}_{index}")),
    };
    while !taken.insert(id.clone()) {
        id = unique_id(&format!("{id}_{index}"));
    }
    id
}

fn ordered_product<'a>(
    order: &Event<'a>,
    unique_id: String,
    line: Fields<'a>,
    of_order: &Fields<'a>,
    rules: &RuleSettings,
) -> Event<'a> {
    Event {
        metric: Cow::Borrowed(ORDERED_PRODUCT),
        profile: order.profile.clone(),
        time: order.time.clone(),
        value: Product(&line).total(),
        value_currency: currency(&line).or_else(|| order.value_currency.clone()),
        unique_id,
        backfill: order.backfill,
        properties: Properties::Merged(properties(line, of_order, rules)),
    }
}

/// The line's own properties, then those of the order that it does not have, as many as Klaviyo takes.
fn properties<'a>(line: Fields<'a>, of_order: &Fields<'a>, rules: &RuleSettings) -> Fields<'a> {
    let mut added: Fields = [
        ("Product URL", Product(&line).url()),
        ("Image URL", Product(&line).image_url()),
    ]
    .into_iter()
    .filter_map(|(name, url)| Some((name, url?)))
    .collect();
    if rules.klaviyo_property_names {
        added.add_missing(&klaviyo_names::of_line(&line, of_order), limits::PROPERTIES);
    }
    let mut merged = line;
    merged.truncate(limits::PROPERTIES);
    merged.add_missing(&added, limits::PROPERTIES);
    merged.add_missing(of_order, limits::PROPERTIES);
    merged
}
