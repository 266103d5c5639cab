//! A product as Segment's e-commerce spec has it, in every spelling that is read:
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#product-viewed>

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::segment::json::{Fields, Json};

/// A line of an order or cart, or the properties of an event about one product.
pub(super) struct Product<'f, 'a>(pub(super) &'f Fields<'a>);

impl<'a> Product<'_, 'a> {
    /// What the line is known by in its order: the product, else its variant.
    pub(super) fn line_id(&self) -> Option<Cow<'a, str>> {
        self.0.text(&["product_id", "productId", "id", "sku"])
    }

    pub(super) fn id(&self) -> Option<Json<'a>> {
        self.text(&["product_id", "productId", "id"])
    }

    pub(super) fn sku(&self) -> Option<Json<'a>> {
        self.text(&["sku"])
    }

    pub(super) fn name(&self) -> Option<Json<'a>> {
        self.text(&["name"])
    }

    pub(super) fn brand(&self) -> Option<Json<'a>> {
        self.text(&["brand"])
    }

    pub(super) fn url(&self) -> Option<Json<'a>> {
        self.text(&["productUrl", "product_url", "url"])
    }

    pub(super) fn image_url(&self) -> Option<Json<'a>> {
        self.text(&["imageUrl", "image_url"])
    }

    pub(super) fn price(&self) -> Option<f64> {
        self.number("price")
    }

    pub(super) fn compare_at_price(&self) -> Option<f64> {
        self.number("compare_at_price")
            .or_else(|| self.number("compareAtPrice"))
    }

    pub(super) fn quantity(&self) -> Option<f64> {
        self.number("quantity")
    }

    /// Price × quantity; a line without a quantity is one piece. A quantity that cannot be read is not
    /// guessed at.
    pub(super) fn total(&self) -> Option<f64> {
        let quantity = if self.0.has("quantity") {
            self.quantity()?
        } else {
            1.0
        };
        let total = self.price()? * quantity;
        Some(rounded(total)).filter(|total| total.is_finite())
    }

    /// `categories`, else the one `category`.
    pub(super) fn categories(&self) -> Vec<Json<'a>> {
        match self.0.raw("categories").map(elements) {
            Some(categories) if !categories.is_empty() => {
                categories.into_iter().map(Json::Raw).collect()
            }
            _ => self.text(&["category"]).into_iter().collect(),
        }
    }

    fn text(&self, keys: &[&str]) -> Option<Json<'a>> {
        self.0.text(keys).map(Json::Text)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.0.number(key)
    }
}

/// The lines of an order or cart with their places; what is no object is left out.
pub(super) fn lines<'a>(properties: &Fields<'a>) -> Vec<(usize, Fields<'a>)> {
    let products = properties.raw("products").map(elements).unwrap_or_default();
    (0..)
        .zip(products)
        .filter_map(|(index, raw)| Some((index, Fields::parse(raw)?)))
        .collect()
}

/// The elements of an array; none of anything else.
fn elements(raw: &RawValue) -> Vec<&RawValue> {
    if raw.get().starts_with('[') {
        serde_json::from_str(raw.get()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// Money without the dust of binary fractions (3 × 19.99 = 59.97), to a hundredth of a cent.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
