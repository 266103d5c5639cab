//! Amounts and currencies.

use super::context::RuleContext;
use super::order_kind::OrderKind;
use crate::domain::Currency;
use crate::json::{self, RawObject};
use crate::outcome::LeftOut;

const CURRENCY: LeftOut = LeftOut {
    field: "currency",
    expected: "a code of three letters such as USD",
};

/// Returns the event's value: `refund_amount` of a reversed order, else `revenue`, `value`, or the
/// `total` of an order. An amount that cannot be read gives way to the next.
pub(super) fn value(context: &RuleContext, order_kind: Option<OrderKind>) -> Option<f64> {
    let properties = &context.message.properties;
    let keys: &[&'static str] = match order_kind {
        Some(OrderKind::Reversed) => &["refund_amount", "revenue", "value", "total"],
        Some(OrderKind::Completed) => &["revenue", "value", "total"],
        None => &["revenue", "value"],
    };
    for key in keys {
        let amount = amount(context, properties, key);
        if amount.is_some() {
            return amount;
        }
    }
    None
}

/// Returns an amount. One that cannot be read is left out.
pub(super) fn amount(context: &RuleContext, object: &RawObject, key: &'static str) -> Option<f64> {
    let raw = object.get(key).filter(|raw| !json::is_blank(raw))?;
    let amount = json::number(raw);
    if amount.is_none() {
        context.leave_out(LeftOut {
            field: key,
            expected: "a number such as 39.95",
        });
    }
    amount
}

/// Returns the code under `currency`, if it has the form of one.
pub(super) fn currency(context: &RuleContext, object: &RawObject) -> Option<Currency> {
    let raw = object.get("currency").filter(|raw| !json::is_blank(raw))?;
    let currency = json::text(raw).and_then(|code| Currency::parse(&code));
    if currency.is_none() {
        context.leave_out(CURRENCY);
    }
    currency
}

/// Rounds an amount to a hundredth of a cent, which removes the dust of binary fractions:
/// 3 × 19.99 is 59.97.
pub(super) fn round(amount: f64) -> f64 {
    (amount * 10_000.0).round() / 10_000.0
}
