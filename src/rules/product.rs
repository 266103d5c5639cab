//! Products in every spelling that is read:
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#product-viewed>

use std::borrow::Cow;

use super::context::RuleContext;
use super::event_kind::EventKind;
use super::money;
use crate::json::{self, Json, RawObject};
use crate::outcome::LeftOut;

const PRODUCTS: LeftOut = LeftOut {
    field: "products",
    expected: "an array of objects, and not a text that holds one",
};

/// A line of an order or cart, or the properties of an event about one product.
pub(super) struct Product<'o, 'a>(pub(super) &'o RawObject<'a>);

impl<'a> Product<'_, 'a> {
    /// Returns the id that distinguishes the line within its order: the product, else its variant.
    pub(super) fn line_id(&self) -> Option<Cow<'a, str>> {
        self.0.id(&["product_id", "id", "sku"])
    }

    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        self.0.id(&["product_id", "id"])
    }

    pub(super) fn sku(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["sku"])
    }

    pub(super) fn name(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["name"])
    }

    pub(super) fn brand(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["brand"])
    }

    pub(super) fn url(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["productUrl", "product_url", "url"])
    }

    pub(super) fn image_url(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["imageUrl", "image_url"])
    }

    pub(super) fn price(&self) -> Option<f64> {
        self.0.number("price")
    }

    pub(super) fn compare_at_price(&self) -> Option<f64> {
        self.0
            .number("compare_at_price")
            .or_else(|| self.0.number("compareAtPrice"))
    }

    pub(super) fn quantity(&self) -> Option<f64> {
        self.0.number("quantity")
    }

    /// Returns the quantity. A line without one, or with an empty one, is one piece; a quantity
    /// that cannot be read gives none.
    pub(super) fn quantity_or_one(&self) -> Option<f64> {
        let quantity = self.quantity();
        if quantity.is_none() && self.0.get("quantity").is_none_or(json::is_blank) {
            Some(1.0)
        } else {
            quantity
        }
    }

    /// Returns price × quantity.
    pub(super) fn total(&self) -> Option<f64> {
        let total = money::round(self.price()? * self.quantity_or_one()?);
        if total.is_finite() { Some(total) } else { None }
    }

    /// Returns `categories`, else the one `category`.
    pub(super) fn categories(&self) -> Vec<Json<'a>> {
        if let Some(raw) = self.0.get("categories") {
            let categories = json::raw_elements(raw);
            if !categories.is_empty() {
                return categories.into_iter().map(Json::Raw).collect();
            }
        }
        self.0
            .text(&["category"])
            .map(Json::Text)
            .into_iter()
            .collect()
    }
}

/// Warns about what the names of this kind of event are made of and cannot be read. The lines of a
/// completed order are looked at one by one when they become events.
pub(super) fn check(context: &RuleContext, kind: EventKind) {
    if kind.has_products() {
        check_products(context);
    }
    if kind == EventKind::OrderCompleted || !context.settings.klaviyo_property_names {
        return;
    }
    let properties = &context.message.properties;
    match kind {
        EventKind::ProductViewed | EventKind::ProductClicked => {
            money::amount(context, properties, "price");
        }
        EventKind::ProductAdded => check_amounts(context, properties),
        _ => {}
    }
    if kind.has_products() {
        for (_, line) in product_lines(properties) {
            check_amounts(context, &line);
        }
    }
}

/// Warns about a price or a quantity that cannot be read.
pub(super) fn check_amounts(context: &RuleContext, product: &RawObject) {
    for key in ["price", "quantity"] {
        money::amount(context, product, key);
    }
}

/// Warns about `products` that are no array of objects.
fn check_products(context: &RuleContext) {
    let Some(products) = context.message.properties.get("products") else {
        return;
    };
    if !json::is_blank(products) && !json::is_array_of_objects(products) {
        context.leave_out(PRODUCTS);
    }
}

/// Returns the lines of an order or cart with their indexes. An element of `products` that is no
/// object is left out.
pub(super) fn product_lines<'a>(properties: &RawObject<'a>) -> Vec<(usize, RawObject<'a>)> {
    let Some(products) = properties.get("products") else {
        return Vec::new();
    };
    let elements = json::raw_elements(products);
    let mut lines = Vec::with_capacity(elements.len());
    for (index, raw) in elements.into_iter().enumerate() {
        if let Some(line) = RawObject::parse(raw) {
            lines.push((index, line));
        }
    }
    lines
}
