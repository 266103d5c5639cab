//! Amounts and currencies.

use crate::domain::Currency;
use crate::json::RawObject;

/// Returns `revenue`, else `value`, else the `total` of an order.
pub(super) fn value(properties: &RawObject, is_order: bool) -> Option<f64> {
    let keys: &[&str] = if is_order {
        &["revenue", "value", "total"]
    } else {
        &["revenue", "value"]
    };
    keys.iter().find_map(|key| properties.number(key))
}

/// Returns the code under `currency`, if it has the form of one.
pub(super) fn currency(properties: &RawObject) -> Option<Currency> {
    Currency::parse(&properties.text(&["currency"])?)
}

/// Rounds an amount to a hundredth of a cent, which removes the dust of binary fractions:
/// 3 × 19.99 is 59.97.
pub(super) fn round(amount: f64) -> f64 {
    (amount * 10_000.0).round() / 10_000.0
}
