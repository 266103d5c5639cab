//! Klaviyo's own e-commerce property names beside Segment's, which flow templates and product feeds
//! look for.
//! <https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration>

use std::borrow::Cow;
use std::collections::HashSet;

use super::order_kind::ORDER_ID_KEYS;
use super::product::{Product, product_lines};
use crate::json::{Json, JsonObject, RawObject};

/// The most items that are listed. Longer lists would take an event over Klaviyo's size; such an
/// order keeps its `products`.
const MAX_ITEMS: usize = 1_000;

/// The names of an element of `Items`.
const ITEM_NAMES: usize = 10;
/// The names of a line.
pub(super) const LINE_NAMES: usize = 9;

/// Returns the properties to add to an event of this name.
pub(super) fn for_event<'a>(event: &str, properties: &RawObject<'a>) -> JsonObject<'a> {
    let mut names = JsonObject::default();
    match event {
        "Product Viewed" | "Product Clicked" => {
            add_viewed_product(&Product(properties), &mut names)
        }
        "Product Added" => add_cart(properties, &mut names),
        "Checkout Started" => add_checkout(properties, &mut names),
        "Order Completed" | "Order Cancelled" | "Order Refunded" => {
            add_order(properties, &mut names);
        }
        _ => {}
    }
    names
}

/// Adds the properties of one line's `Ordered Product`.
pub(super) fn add_for_line<'a>(
    line: &RawObject<'a>,
    order: &RawObject<'a>,
    names: &mut JsonObject<'a>,
) {
    let product = Product(line);
    add_text(names, "OrderId", order.text(&ORDER_ID_KEYS));
    add_text(names, "ProductID", product.id());
    add_text(names, "SKU", product.sku());
    add_text(names, "ProductName", product.name());
    add_number(names, "Quantity", product.quantity());
    add_text(names, "ProductURL", product.url());
    add_text(names, "ImageURL", product.image_url());
    add_list(names, "Categories", product.categories());
    add_text(names, "ProductBrand", product.brand());
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
    add_items(&lines, names);
    add_checkout_url(properties, names);
}

fn add_checkout<'a>(properties: &RawObject<'a>, names: &mut JsonObject<'a>) {
    let lines = product_lines(properties);
    add_item_names(&lines, names);
    add_categories(&lines, names);
    add_items(&lines, names);
    add_checkout_url(properties, names);
}

fn add_order<'a>(properties: &RawObject<'a>, names: &mut JsonObject<'a>) {
    let lines = product_lines(properties);
    add_text(names, "OrderId", properties.text(&ORDER_ID_KEYS));
    add_item_names(&lines, names);
    add_categories(&lines, names);
    let mut brands = Vec::with_capacity(lines.len());
    for (_, line) in &lines {
        brands.extend(Product(line).brand().map(Json::Text));
    }
    add_list(names, "Brands", distinct(brands));
    add_text(
        names,
        "DiscountCode",
        properties.text(&["coupon", "discount_code", "discountCode"]),
    );
    add_number(names, "DiscountValue", properties.number("discount"));
    add_items(&lines, names);
    for (name, keys) in [
        ("BillingAddress", ["billing_address", "billingAddress"]),
        ("ShippingAddress", ["shipping_address", "shippingAddress"]),
    ] {
        let address = keys.iter().find_map(|key| properties.get(key));
        names.push_some(name, address.map(Json::Raw));
    }
}

fn add_item_names<'a>(lines: &[(usize, RawObject<'a>)], names: &mut JsonObject<'a>) {
    let mut item_names = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        item_names.extend(Product(line).name().map(Json::Text));
    }
    add_list(names, "ItemNames", item_names);
}

fn add_categories<'a>(lines: &[(usize, RawObject<'a>)], names: &mut JsonObject<'a>) {
    let mut categories = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        categories.extend(Product(line).categories());
    }
    add_list(names, "Categories", distinct(categories));
}

fn add_items<'a>(lines: &[(usize, RawObject<'a>)], names: &mut JsonObject<'a>) {
    if lines.len() > MAX_ITEMS {
        return;
    }
    let mut items = Vec::with_capacity(lines.len());
    for (_, line) in lines {
        items.push(Json::Object(item(&Product(line))));
    }
    add_list(names, "Items", items);
}

fn item<'a>(product: &Product<'_, 'a>) -> JsonObject<'a> {
    let mut names = JsonObject::with_capacity(ITEM_NAMES);
    add_text(&mut names, "ProductID", product.id());
    add_text(&mut names, "SKU", product.sku());
    add_text(&mut names, "ProductName", product.name());
    add_number(&mut names, "Quantity", product.quantity());
    add_number(&mut names, "ItemPrice", product.price());
    add_number(&mut names, "RowTotal", product.total());
    add_text(&mut names, "ProductURL", product.url());
    add_text(&mut names, "ImageURL", product.image_url());
    add_list(&mut names, "Categories", product.categories());
    add_text(&mut names, "Brand", product.brand());
    names
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
