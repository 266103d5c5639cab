//! Products in every spelling that is read:
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#product-viewed>

use std::borrow::Cow;

use super::money;
use crate::json::{self, Json, RawObject};

/// A line of an order or cart, or the properties of an event about one product.
pub(super) struct Product<'o, 'a>(pub(super) &'o RawObject<'a>);

impl<'a> Product<'_, 'a> {
    /// Returns the id that distinguishes the line within its order: the product, else its variant.
    pub(super) fn line_id(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["product_id", "productId", "id", "sku"])
    }

    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["product_id", "productId", "id"])
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

    /// Returns price × quantity. A line without a quantity is one piece; a quantity that cannot be
    /// read gives no total.
    pub(super) fn total(&self) -> Option<f64> {
        let quantity = if self.0.contains_key("quantity") {
            self.quantity()?
        } else {
            1.0
        };
        let total = money::round(self.price()? * quantity);
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

/// Returns the lines of an order or cart with their indexes. An element of `products` that is no
/// object is left out.
pub(super) fn product_lines<'a>(properties: &RawObject<'a>) -> Vec<(usize, RawObject<'a>)> {
    let (lines, _) = read_lines(properties);
    lines
}

/// Returns the same lines, and whether they are everything that `products` holds.
pub(super) fn read_lines<'a>(properties: &RawObject<'a>) -> (Vec<(usize, RawObject<'a>)>, bool) {
    let Some(products) = properties.get("products") else {
        return (Vec::new(), true);
    };
    let is_list = products.get().starts_with('[') || json::is_blank(products);
    let elements = json::raw_elements(products);
    let element_count = elements.len();
    let mut lines = Vec::with_capacity(element_count);
    for (index, raw) in elements.into_iter().enumerate() {
        if let Some(line) = RawObject::parse(raw) {
            lines.push((index, line));
        }
    }
    let is_complete = is_list && lines.len() == element_count;
    (lines, is_complete)
}
