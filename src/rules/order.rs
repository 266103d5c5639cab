//! The lines of an order: one `Ordered Product` for each, with ids that a resend and a second
//! source (website and server) repeat.
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed>

use std::collections::HashSet;

use super::context::RuleContext;
use super::order_kind::OrderKind;
use super::product::{Product, read_lines};
use super::{limits, money, property_names};
use crate::domain::{MetricName, UniqueId};
use crate::json::{Json, JsonObject, RawObject};
use crate::klaviyo::{Event, Properties};
use crate::outcome::LeftOut;
use crate::settings::RuleSettings;

/// The most bytes of the order that all lines together repeat, so that an order with many lines
/// does not outgrow what was delivered.
const MAX_REPEATED_BYTES: usize = 4_000_000;

const PRODUCTS: LeftOut = LeftOut {
    field: "products",
    expected: "an array of objects",
};

/// What says something else about an order than about its line.
const NOT_INHERITED: [&str; 16] = [
    "products",
    "id",
    "event_id",
    "product_id",
    "variant_id",
    "sku",
    "name",
    "price",
    "quantity",
    "brand",
    "category",
    "categories",
    "url",
    "product_url",
    "image",
    "image_url",
];

/// Returns an event for each line of a completed order; none for any other event.
pub(super) fn line_events<'a>(order: &Event<'a>, context: &RuleContext<'_, 'a>) -> Vec<Event<'a>> {
    let RuleContext {
        message, settings, ..
    } = context;
    let is_order = OrderKind::from_message(message) == Some(OrderKind::Completed);
    if !is_order || settings.events.blocks(MetricName::ORDERED_PRODUCT.as_str()) {
        return Vec::new();
    }
    let (lines, is_complete) = read_lines(&message.properties);
    if !is_complete {
        context.leave_out(PRODUCTS);
    }
    let bytes_per_line = MAX_REPEATED_BYTES / lines.len().max(1);
    let shared = message
        .properties
        .without_keys_within(&NOT_INHERITED, bytes_per_line);
    let mut used_ids = HashSet::with_capacity(lines.len());
    let mut events = Vec::with_capacity(lines.len());
    for (index, line) in &lines {
        let product = Product(line);
        for key in ["price", "quantity"] {
            money::amount(context, line, key);
        }
        let unique_id = line_id(order.unique_id.as_str(), *index, &product, &mut used_ids);
        events.push(Event {
            metric: MetricName::ORDERED_PRODUCT,
            profile: order.profile.clone(),
            time: order.time,
            value: product.total(),
            value_currency: money::currency(context, line).or(order.value_currency),
            unique_id,
            backfill: order.backfill,
            properties: Properties::Built(line_properties(line, &shared, settings)),
        });
    }
    events
}

/// Returns `<order>_<product>`, or `<order>_<index>` for a product without an id. An id that is
/// used already gets the index too, so that no two lines are one event.
fn line_id(
    order_id: &str,
    index: usize,
    product: &Product,
    used_ids: &mut HashSet<UniqueId>,
) -> UniqueId {
    let mut id = match product.line_id() {
        Some(product_id) => UniqueId::join(order_id, &product_id),
        None => UniqueId::join(order_id, &index.to_string()),
    };
    while !used_ids.insert(id.clone()) {
        id = UniqueId::join(id.as_str(), &index.to_string());
    }
    id
}

/// Returns the line's own properties, then Klaviyo's names for it, then the properties of the order
/// that the line does not have, as many as Klaviyo takes.
fn line_properties<'a>(
    line: &RawObject<'a>,
    shared: &RawObject<'a>,
    settings: &RuleSettings,
) -> JsonObject<'a> {
    let product = Product(line);
    let mut names = JsonObject::with_capacity(property_names::LINE_NAMES + 2);
    names.push_some("Product URL", product.url().map(Json::Text));
    names.push_some("Image URL", product.image_url().map(Json::Text));
    if settings.klaviyo_property_names {
        property_names::add_for_line(line, shared, &mut names);
    }
    let more_keys = names.len() + shared.len();
    let mut properties = JsonObject::from_raw(line, limits::MAX_PROPERTIES, more_keys);
    properties.add_missing(&names, limits::MAX_PROPERTIES);
    properties.add_missing_raw(shared, limits::MAX_PROPERTIES);
    properties
}
