//! Klaviyo's own e-commerce property names beside Segment's, which flow templates and product feeds
//! look for, and those that Klaviyo Classic sent.
//! <https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration>

use std::borrow::Cow;
use std::collections::HashSet;

use super::event_id::order_id;
use super::event_kind::EventKind;
use super::line_names::{self, NameSettings};
use super::product::{Product, product_lines};
use crate::json::{Json, JsonObject, RawObject};

/// The most items that are listed. Longer lists would take an event over Klaviyo's size; such an
/// order keeps its `products`.
const MAX_ITEMS: usize = 1_000;

/// Returns the properties to add to an event of this kind.
pub(super) fn for_event<'a>(
    kind: EventKind,
    properties: &RawObject<'a>,
    names: NameSettings,
) -> JsonObject<'a> {
    let mut added = JsonObject::default();
    match kind {
        EventKind::OrderCompleted if names.klaviyo || names.classic => {
            add_completed_order(properties, names, &mut added);
        }
        _ if !names.klaviyo => {}
        EventKind::ProductViewed | EventKind::ProductClicked => {
            add_viewed_product(&Product(properties), &mut added)
        }
        EventKind::ProductAdded => add_cart(properties, &mut added),
        EventKind::CheckoutStarted => add_checkout(properties, &mut added),
        EventKind::OrderCompleted | EventKind::OrderCancelled | EventKind::OrderRefunded => {
            let lines = product_lines(properties);
            add_order(&lines, properties, &mut added);
            add_items(&lines, KLAVIYO_ONLY, &mut added);
        }
    }
    added
}

/// Events other than completed orders have none of Klaviyo Classic's names.
const KLAVIYO_ONLY: NameSettings = NameSettings {
    klaviyo: true,
    classic: false,
};

/// Returns the names of one line's `Ordered Product`.
pub(super) fn for_line<'a>(
    line: &RawObject<'a>,
    order_id: Option<Cow<'a, str>>,
    names: NameSettings,
) -> JsonObject<'a> {
    let mut added = JsonObject::with_capacity(line_names::MAX_LINE_NAMES);
    let product = Product(line);
    add_text(&mut added, "Product URL", product.url());
    add_text(&mut added, "Image URL", product.image_url());
    if names.klaviyo {
        add_text(&mut added, "OrderId", order_id);
    }
    line_names::add_line_names(line, names, &mut added);
    added
}

fn add_completed_order<'a>(
    properties: &RawObject<'a>,
    names: NameSettings,
    added: &mut JsonObject<'a>,
) {
    let lines = product_lines(properties);
    if names.klaviyo {
        add_order(&lines, properties, added);
    } else {
        add_item_names(&lines, added);
        add_categories(&lines, added);
    }
    if names.classic {
        add_list(added, "Item Names", item_names(&lines));
    }
    add_items(&lines, names, added);
}

fn add_viewed_product<'a>(product: &Product<'_, 'a>, names: &mut JsonObject<'a>) {
    add_text(names, "ProductName", product.name());
    add_text(names, "ProductID", product.id());
    add_text(names, "SKU", product.sku());
    add_list(names, "Categories", product.categories());
    add_text(names, "ImageURL", product.image_url());
    add_text(names, "URL", product.url());
    add_text(names, "Brand", product.brand());
    add_number(names, "Price", product.price());
    add_number(names, "CompareAtPrice", product.compare_at_price());
}

fn add_cart<'a>(properties: &RawObject<'a>, names: &mut JsonObject<'a>) {
    let product = Product(properties);
    add_text(names, "AddedItemProductName", product.name());
    add_text(names, "AddedItemProductID", product.id());
    add_text(names, "AddedItemSKU", product.sku());
    add_list(names, "AddedItemCategories", product.categories());
    add_text(names, "AddedItemImageURL", product.image_url());
    add_text(names, "AddedItemURL", product.url());
    add_number(names, "AddedItemPrice", product.price());
    add_number(names, "AddedItemQuantity", product.quantity());
    let lines = product_lines(properties);
    add_item_names(&lines, names);
    add_items(&lines, KLAVIYO_ONLY, names);
    add_checkout_url(properties, names);
}

fn add_checkout<'a>(properties: &RawObject<'a>, names: &mut JsonObject<'a>) {
    let lines = product_lines(properties);
    add_item_names(&lines, names);
    add_categories(&lines, names);
    add_items(&lines, KLAVIYO_ONLY, names);
    add_checkout_url(properties, names);
}

fn add_order<'a>(
    lines: &[(usize, RawObject<'a>)],
    properties: &RawObject<'a>,
    names: &mut JsonObject<'a>,
) {
    add_text(names, "OrderId", order_id(properties));
    add_item_names(lines, names);
    add_categories(lines, names);
    let mut brands = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        brands.extend(Product(line).brand().map(Json::Text));
    }
    add_list(names, "Brands", distinct(brands));
    add_text(
        names,
        "DiscountCode",
        properties.text(&["coupon", "discount_code", "discountCode"]),
    );
    add_number(names, "DiscountValue", properties.number("discount"));
    for (name, keys) in [
        ("BillingAddress", ["billing_address", "billingAddress"]),
        ("ShippingAddress", ["shipping_address", "shippingAddress"]),
    ] {
        let address = keys.iter().find_map(|key| properties.get(key));
        names.push_some(name, address.map(Json::Raw));
    }
}

fn add_item_names<'a>(lines: &[(usize, RawObject<'a>)], names: &mut JsonObject<'a>) {
    add_list(names, "ItemNames", item_names(lines));
}

fn item_names<'a>(lines: &[(usize, RawObject<'a>)]) -> Vec<Json<'a>> {
    let mut item_names = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        item_names.extend(Product(line).name().map(Json::Text));
    }
    item_names
}

fn add_categories<'a>(lines: &[(usize, RawObject<'a>)], names: &mut JsonObject<'a>) {
    let mut categories = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        categories.extend(Product(line).categories());
    }
    add_list(names, "Categories", distinct(categories));
}

fn add_items<'a>(
    lines: &[(usize, RawObject<'a>)],
    names: NameSettings,
    added: &mut JsonObject<'a>,
) {
    if lines.len() > MAX_ITEMS {
        return;
    }
    let mut items = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        items.push(Json::Object(line_names::item(line, names)));
    }
    add_list(added, "Items", items);
}

fn add_checkout_url<'a>(properties: &RawObject<'a>, names: &mut JsonObject<'a>) {
    let url = properties.text(&["checkout_url", "checkoutUrl", "checkoutURL"]);
    add_text(names, "CheckoutURL", url);
}

fn add_text<'a>(names: &mut JsonObject<'a>, name: &'static str, text: Option<Cow<'a, str>>) {
    names.push_some(name, text.map(Json::Text));
}

fn add_number<'a>(names: &mut JsonObject<'a>, name: &'static str, number: Option<f64>) {
    names.push_some(name, number.map(Json::Number));
}

/// Adds a list, unless it is empty.
fn add_list<'a>(names: &mut JsonObject<'a>, name: &'static str, values: Vec<Json<'a>>) {
    if !values.is_empty() {
        names.push(name, Json::List(values));
    }
}

/// Returns each value once, in the order of first appearance.
#[expect(clippy::expect_used, reason = "text and raw JSON can be written")]
fn distinct(values: Vec<Json>) -> Vec<Json> {
    let mut seen = HashSet::with_capacity(values.len());
    let mut distinct = Vec::with_capacity(values.len());
    for value in values {
        if seen.insert(serde_json::to_string(&value).expect("valid JSON")) {
            distinct.push(value);
        }
    }
    distinct
}
