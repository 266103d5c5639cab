//! Klaviyo's own e-commerce property names, beside Segment's: flow templates and product feeds look
//! for them. <https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration>

use super::order::ORDER_ID;
use super::product::{Product, lines};
use crate::segment::json::{Fields, Json};

/// Lists longer than this would take an event over Klaviyo's size; such an order keeps its products.
const MOST_ITEMS: usize = 1_000;

/// No product has more.
const NAMES: usize = 12;

/// The properties to add to an event of this name, by Segment's names.
pub(super) fn of_event<'a>(event: &str, properties: &Fields<'a>) -> Fields<'a> {
    let mut names = Names(Fields::default());
    match event {
        "Product Viewed" | "Product Clicked" => names.viewed(&Product(properties)),
        "Product Added" => names.added_to_cart(properties),
        "Checkout Started" => names.checkout(properties),
        "Order Completed" | "Order Cancelled" | "Order Refunded" => names.order(properties),
        _ => {}
    }
    names.0
}

/// The properties to add to one line's `Ordered Product`.
pub(super) fn of_line<'a>(line: &Fields<'a>, of_order: &Fields<'a>) -> Fields<'a> {
    let product = Product(line);
    let mut names = Names(Fields::with_room(NAMES));
    names.add("OrderId", of_order.text(&ORDER_ID).map(Json::Text));
    names.add("ProductID", product.id());
    names.add("SKU", product.sku());
    names.add("ProductName", product.name());
    names.add("Quantity", product.quantity().map(Json::Number));
    names.add("ProductURL", product.url());
    names.add("ImageURL", product.image_url());
    names.add_list("Categories", product.categories());
    names.add("ProductBrand", product.brand());
    names.0
}

/// Properties by Klaviyo's names, as far as there is something to say.
struct Names<'a>(Fields<'a>);

impl<'a> Names<'a> {
    fn add(&mut self, name: &'static str, value: Option<Json<'a>>) {
        self.0.extend_one(name, value);
    }

    fn add_list(&mut self, name: &'static str, values: Vec<Json<'a>>) {
        if !values.is_empty() {
            self.0.push(name, Json::List(values));
        }
    }

    fn viewed(&mut self, product: &Product<'_, 'a>) {
        self.add("ProductName", product.name());
        self.add("ProductID", product.id());
        self.add("SKU", product.sku());
        self.add_list("Categories", product.categories());
        self.add("ImageURL", product.image_url());
        self.add("URL", product.url());
        self.add("Brand", product.brand());
        self.add("Price", product.price().map(Json::Number));
        self.add(
            "CompareAtPrice",
            product.compare_at_price().map(Json::Number),
        );
    }

    fn added_to_cart(&mut self, properties: &Fields<'a>) {
        let product = Product(properties);
        self.add("AddedItemProductName", product.name());
        self.add("AddedItemProductID", product.id());
        self.add("AddedItemSKU", product.sku());
        self.add_list("AddedItemCategories", product.categories());
        self.add("AddedItemImageURL", product.image_url());
        self.add("AddedItemURL", product.url());
        self.add("AddedItemPrice", product.price().map(Json::Number));
        self.add("AddedItemQuantity", product.quantity().map(Json::Number));
        let cart = lines(properties);
        self.item_names(&cart);
        self.items(&cart);
        self.checkout_url(properties);
    }

    fn checkout(&mut self, properties: &Fields<'a>) {
        let cart = lines(properties);
        self.item_names(&cart);
        self.categories(&cart);
        self.items(&cart);
        self.checkout_url(properties);
    }

    fn order(&mut self, properties: &Fields<'a>) {
        let ordered = lines(properties);
        self.add("OrderId", properties.text(&ORDER_ID).map(Json::Text));
        self.item_names(&ordered);
        self.categories(&ordered);
        let brands = ordered.iter().filter_map(|(_, line)| Product(line).brand());
        self.add_list("Brands", distinct(brands));
        let code = properties.text(&["coupon", "discount_code", "discountCode"]);
        self.add("DiscountCode", code.map(Json::Text));
        self.add(
            "DiscountValue",
            properties.number("discount").map(Json::Number),
        );
        self.items(&ordered);
        for (name, keys) in [
            ("BillingAddress", ["billing_address", "billingAddress"]),
            ("ShippingAddress", ["shipping_address", "shippingAddress"]),
        ] {
            self.add(
                name,
                keys.iter()
                    .find_map(|key| properties.raw(key))
                    .map(Json::Raw),
            );
        }
    }

    fn item_names(&mut self, lines: &[(usize, Fields<'a>)]) {
        self.add_list(
            "ItemNames",
            lines
                .iter()
                .filter_map(|(_, line)| Product(line).name())
                .collect(),
        );
    }

    fn categories(&mut self, lines: &[(usize, Fields<'a>)]) {
        let categories = lines
            .iter()
            .flat_map(|(_, line)| Product(line).categories());
        self.add_list("Categories", distinct(categories));
    }

    fn items(&mut self, lines: &[(usize, Fields<'a>)]) {
        if lines.len() <= MOST_ITEMS {
            self.add_list(
                "Items",
                lines.iter().map(|(_, line)| item(&Product(line))).collect(),
            );
        }
    }

    fn checkout_url(&mut self, properties: &Fields<'a>) {
        let url = properties.text(&["checkout_url", "checkoutUrl", "checkoutURL"]);
        self.add("CheckoutURL", url.map(Json::Text));
    }
}

fn item<'a>(product: &Product<'_, 'a>) -> Json<'a> {
    let mut names = Names(Fields::with_room(NAMES));
    names.add("ProductID", product.id());
    names.add("SKU", product.sku());
    names.add("ProductName", product.name());
    names.add("Quantity", product.quantity().map(Json::Number));
    names.add("ItemPrice", product.price().map(Json::Number));
    names.add("RowTotal", product.total().map(Json::Number));
    names.add("ProductURL", product.url());
    names.add("ImageURL", product.image_url());
    names.add_list("Categories", product.categories());
    names.add("Brand", product.brand());
    Json::Object(names.0)
}

/// Each value once, in the order of first appearance.
fn distinct<'a>(values: impl Iterator<Item = Json<'a>>) -> Vec<Json<'a>> {
    let mut seen = std::collections::HashSet::new();
    let key = |value: &Json| serde_json::to_string(value).unwrap_or_default();
    values.filter(|value| seen.insert(key(value))).collect()
}
