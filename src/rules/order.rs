//! The lines of an order: one `Ordered Product` for each, with ids that a resend and a second
//! source (website and server) repeat.
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed>

use std::collections::HashSet;
use std::sync::Arc;

use super::context::RuleContext;
use super::event_id::order_id;
use super::event_kind::EventKind;
use super::line_names::NameSettings;
use super::product::{self, Product, product_lines};
use super::{limits, money, property_names};
use crate::domain::{MetricName, UniqueId};
use crate::json::{JsonObject, RawObject, is_same_key};
use crate::klaviyo::{Event, Properties, SharedProperties};

/// The most bytes of the order that all lines together repeat, so that an order with many lines
/// does not outgrow what was delivered.
const MAX_REPEATED_BYTES: usize = 4_000_000;

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
    if context.event_kind != Some(EventKind::OrderCompleted) {
        return Vec::new();
    }
    let lines = product_lines(&message.properties);
    for (_, line) in &lines {
        product::check_amounts(context, line);
    }
    let is_line = |name: &str| is_same_key(name, MetricName::ORDERED_PRODUCT.as_str());
    if settings.events.blocks(is_line) {
        return Vec::new();
    }
    let bytes_per_line = MAX_REPEATED_BYTES / lines.len().max(1);
    let mut shared = JsonObject::default();
    shared.add_missing_raw(
        &message
            .properties
            .without_keys_within(&NOT_INHERITED, bytes_per_line),
    );
    let shared = Arc::new(shared);
    let mut used_ids = HashSet::with_capacity(lines.len());
    let mut events = Vec::with_capacity(lines.len());
    for (index, line) in &lines {
        let product = Product(line);
        let unique_id = line_id(order.unique_id.as_str(), *index, &product, &mut used_ids);
        events.push(Event {
            metric: MetricName::ORDERED_PRODUCT,
            profile: order.profile.clone(),
            time: order.time,
            value: product.total(),
            value_currency: money::currency_or(context, line, order.value_currency),
            unique_id,
            backfill: order.backfill,
            properties: Properties::Shared(SharedProperties {
                own: own_properties(line, context),
                shared: shared.clone(),
                max_keys: limits::MAX_PROPERTIES,
            }),
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

/// Returns the line's own properties, then further names for them, as many as Klaviyo takes.
fn own_properties<'a>(line: &RawObject<'a>, context: &RuleContext<'_, 'a>) -> JsonObject<'a> {
    let order_id = order_id(&context.message.properties);
    let names = NameSettings::from_settings(context.settings);
    let names = property_names::for_line(line, order_id, names);
    let mut properties = JsonObject::from_raw(line, limits::MAX_PROPERTIES, names.len());
    properties.add_missing(&names, limits::MAX_PROPERTIES);
    properties
}
