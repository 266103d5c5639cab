//! Orders: one event for the order, one `Ordered Product` for each of its lines, with ids that a
//! resend and a second source (website and server) repeat.
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed>

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::event::{currency, unique_id};
use super::limits;
use crate::klaviyo::{Event, Properties};
use crate::segment::Message;
use crate::segment::json::{self, Fields, Json};

const ORDER_ID: [&str; 4] = ["order_id", "orderId", "event_id", "eventId"];
const REFUND_ID: [&str; 2] = ["refund_id", "refundId"];
const LINE_ID: [&str; 4] = ["product_id", "productId", "id", "sku"];
const PRODUCT_URL: [&str; 3] = ["productUrl", "product_url", "url"];
const IMAGE_URL: [&str; 2] = ["imageUrl", "image_url"];

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
        match message.event.as_deref()? {
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

/// The order's event and, of a completed order, one more for each line of `products`. A line that is
/// no object is left out.
pub(super) fn events<'a>(order: Event<'a>, message: &Message<'a>) -> Vec<Event<'a>> {
    let lines = match Order::of(message) {
        Some(Order::Completed) => lines(&message.properties),
        _ => Vec::new(),
    };
    let mut taken = HashSet::with_capacity(lines.len());
    let products: Vec<_> = lines
        .iter()
        .map(|(index, line)| {
            let unique_id = line_id(&order.unique_id, *index, line, &mut taken);
            ordered_product(&order, unique_id, line, &message.properties)
        })
        .collect();
    std::iter::once(order).chain(products).collect()
}

fn lines<'a>(properties: &Fields<'a>) -> Vec<(usize, Fields<'a>)> {
    let products = properties.raw("products").map(RawValue::get);
    let elements: Vec<&RawValue> = products
        .and_then(|raw| serde_json::from_str(raw).ok())
        .unwrap_or_default();
    elements
        .into_iter()
        .enumerate()
        .filter_map(|(index, raw)| Some((index, Fields::parse(raw)?)))
        .collect()
}

/// `<order>_<product>`, or the line's index for a product without an id. Whatever is taken already
/// gets the index too, so that no two lines are one event.
fn line_id(order: &str, index: usize, line: &Fields, taken: &mut HashSet<String>) -> String {
    let mut id = match line.text(&LINE_ID) {
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
    line: &Fields<'a>,
    of_order: &Fields<'a>,
) -> Event<'a> {
    let price = line.raw("price").and_then(json::number);
    let quantity = line.raw("quantity").and_then(json::number).unwrap_or(1.0);
    Event {
        metric: Cow::Borrowed("Ordered Product"),
        profile: order.profile.clone(),
        properties: Properties::Merged(properties(line, of_order)),
        time: order.time.clone(),
        value: price
            .map(|price| rounded(price * quantity))
            .filter(|value| value.is_finite()),
        value_currency: currency(line).or_else(|| order.value_currency.clone()),
        unique_id,
    }
}

/// The line's own properties, then those of the order that it does not have, as many as Klaviyo takes.
/// The other lines are not repeated in each.
fn properties<'a>(line: &Fields<'a>, of_order: &Fields<'a>) -> Fields<'a> {
    let mut merged = line.clone();
    for (name, keys) in [
        ("Product URL", PRODUCT_URL.as_slice()),
        ("Image URL", IMAGE_URL.as_slice()),
    ] {
        if let Some(url) = line.text(keys).filter(|_| !line.has(name)) {
            merged.push(name, Json::Text(url));
        }
    }
    let room = limits::PROPERTIES.saturating_sub(merged.len());
    let inherited = of_order
        .iter()
        .filter(|(name, _)| name != "products" && !line.has(name));
    for (name, value) in inherited.take(room) {
        merged.push(name.clone(), value.clone());
    }
    merged
}

/// Money without the dust of binary fractions (3 × 19.99 = 59.97), to a hundredth of a cent.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
