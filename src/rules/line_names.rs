//! The names of a product's values, as an element of `Items` and as an `Ordered Product`: Klaviyo's
//! own, and those that Klaviyo Classic sent in the cloud and, without blanks, in the browser.

use super::product::Product;
use crate::json::{Json, JsonObject, RawObject};
use crate::settings::RuleSettings;

/// A value of a product.
#[derive(Clone, Copy)]
enum Value {
    Id,
    Sku,
    Name,
    Quantity,
    Price,
    Total,
    Url,
    ImageUrl,
    Categories,
    Brand,
}

/// Whose name it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    Klaviyo,
    Classic,
    Both,
}

use Value::{Brand, Categories, Id, ImageUrl, Name, Price, Quantity, Sku, Total, Url};
use Vocabulary::{Both, Classic, Klaviyo};

const ITEM_NAMES: [(&str, Value, Vocabulary); 16] = [
    ("ProductID", Id, Klaviyo),
    ("id", Id, Classic),
    ("SKU", Sku, Both),
    ("ProductName", Name, Klaviyo),
    ("Name", Name, Classic),
    ("Quantity", Quantity, Both),
    ("ItemPrice", Price, Both),
    ("Item Price", Price, Classic),
    ("RowTotal", Total, Both),
    ("Row Total", Total, Classic),
    ("ProductURL", Url, Both),
    ("Product URL", Url, Classic),
    ("ImageURL", ImageUrl, Both),
    ("Image URL", ImageUrl, Classic),
    ("Categories", Categories, Both),
    ("Brand", Brand, Klaviyo),
];

const LINE_NAMES: [(&str, Value, Vocabulary); 11] = [
    ("ProductID", Id, Both),
    ("SKU", Sku, Both),
    ("ProductName", Name, Klaviyo),
    ("Name", Name, Classic),
    ("Quantity", Quantity, Both),
    ("ProductURL", Url, Both),
    ("ImageURL", ImageUrl, Both),
    ("Categories", Categories, Klaviyo),
    ("Product Categories", Categories, Classic),
    ("ProductCategories", Categories, Classic),
    ("ProductBrand", Brand, Klaviyo),
];

/// The most names of a line, with its order's id and two URLs.
pub(super) const MAX_LINE_NAMES: usize = LINE_NAMES.len() + 3;

/// Returns an element of `Items`. With Klaviyo Classic's names it begins with the product's own
/// properties.
pub(super) fn item<'a>(line: &RawObject<'a>, names: NameSettings) -> JsonObject<'a> {
    let mut item = if names.classic {
        JsonObject::from_raw(line, usize::MAX, ITEM_NAMES.len())
    } else {
        JsonObject::with_capacity(ITEM_NAMES.len())
    };
    add_names(&ITEM_NAMES, line, names, &mut item);
    item
}

/// Adds the names of a line's `Ordered Product`.
pub(super) fn add_line_names<'a>(
    line: &RawObject<'a>,
    names: NameSettings,
    target: &mut JsonObject<'a>,
) {
    add_names(&LINE_NAMES, line, names, target);
}

/// Whose names are added.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct NameSettings {
    pub(super) klaviyo: bool,
    pub(super) classic: bool,
}

impl NameSettings {
    pub(super) fn from_settings(settings: &RuleSettings) -> Self {
        NameSettings {
            klaviyo: settings.klaviyo_property_names,
            classic: settings.classic_property_names,
        }
    }

    fn include(self, vocabulary: Vocabulary) -> bool {
        match vocabulary {
            Klaviyo => self.klaviyo,
            Classic => self.classic,
            Both => self.klaviyo || self.classic,
        }
    }
}

fn add_names<'a>(
    table: &[(&'static str, Value, Vocabulary)],
    line: &RawObject<'a>,
    names: NameSettings,
    target: &mut JsonObject<'a>,
) {
    let product = Product(line);
    for (name, value, vocabulary) in table {
        if names.include(*vocabulary) && !target.contains_key(name) {
            target.push_some(*name, json_value(&product, *value, names));
        }
    }
}

fn json_value<'a>(
    product: &Product<'_, 'a>,
    value: Value,
    names: NameSettings,
) -> Option<Json<'a>> {
    match value {
        Id => product.id().map(Json::Text),
        Sku => product.sku().map(Json::Text),
        Name => product.name().map(Json::Text),
        // Klaviyo Classic counted a product without a quantity as one piece.
        Quantity if names.classic => product.quantity_or_one().map(Json::Number),
        Quantity => product.quantity().map(Json::Number),
        Price => product.price().map(Json::Number),
        Total => product.total().map(Json::Number),
        Url => product.url().map(Json::Text),
        ImageUrl => product.image_url().map(Json::Text),
        Categories => {
            let categories = product.categories();
            if categories.is_empty() {
                None
            } else {
                Some(Json::List(categories))
            }
        }
        Brand => product.brand().map(Json::Text),
    }
}
