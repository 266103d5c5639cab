//! Amounts and currencies.

use super::context::RuleContext;
use crate::domain::Currency;
use crate::json::{self, Raw, RawObject, is_same_key};
use crate::outcome::LeftOut;

const CURRENCY: LeftOut = LeftOut {
    field: "currency",
    expected: "a code of three letters such as USD",
};

/// The property of a refund or cancellation that says how much is taken back.
const REFUND_AMOUNT: &str = "refund_amount";

/// Returns the event's value and the currency that the amount itself names: the first amount of
/// `VALUE_FROM` that can be read. The others before it are left out.
pub(super) fn value(context: &RuleContext) -> (Option<f64>, Option<Currency>) {
    for (name, raw) in amounts(context) {
        match json::number(raw) {
            Some(amount) => return (Some(amount), currency_of_amount(raw)),
            None => context.leave_out(unreadable(field(name))),
        }
    }
    (None, None)
}

/// Iterates over the amounts that an event's value may come from: `refund_amount` of a reversed
/// order, then the properties of `VALUE_FROM`, of which `total` is one for orders only.
pub(super) fn amounts<'c>(
    context: &'c RuleContext<'_, '_>,
) -> impl Iterator<Item = (&'c str, Raw<'c>)> {
    let properties = &context.message.properties;
    let is_reversed = context
        .event_kind
        .is_some_and(|kind| kind.is_reversed_order());
    let is_order = context.event_kind.is_some_and(|kind| kind.is_order());
    let refund = if is_reversed {
        Some(REFUND_AMOUNT)
    } else {
        None
    };
    let names = context.settings.value_from.iter().map(String::as_str);
    let names = names.filter(move |name| is_order || !is_same_key(name, "total"));
    refund.into_iter().chain(names).flat_map(move |name| {
        let values = properties.spellings(name).map(|(_, raw)| raw);
        let nested = nested_amount(properties, name);
        let values = values.chain(nested).filter(|raw| !json::is_blank(*raw));
        values.map(move |raw| (name, raw))
    })
}

/// Returns the amount at a dotted place, such as `totals.grand`.
fn nested_amount<'a>(properties: &RawObject<'a>, name: &str) -> Option<Raw<'a>> {
    if !name.contains('.') {
        return None;
    }
    let path: Vec<&str> = name.split('.').collect();
    properties.at_path(&path)
}

/// Returns the name of an amount as warnings have it.
fn field(name: &str) -> &'static str {
    for known in ["revenue", "value", "total", REFUND_AMOUNT] {
        if is_same_key(known, name) {
            return known;
        }
    }
    "a property of VALUE_FROM"
}

fn unreadable(field: &'static str) -> LeftOut {
    LeftOut {
        field,
        expected: "a number such as 39.95",
    }
}

/// Returns an amount. One that cannot be read is left out.
pub(super) fn amount(context: &RuleContext, object: &RawObject, key: &'static str) -> Option<f64> {
    let amount = object.find(&[key], json::number);
    if amount.is_none() && object.get(key).is_some_and(|raw| !json::is_blank(raw)) {
        context.leave_out(unreadable(key));
    }
    amount
}

/// Returns the code under `currency`, if it has the form of one, and `other` if there is none.
pub(super) fn currency_or(
    context: &RuleContext,
    object: &RawObject,
    other: Option<Currency>,
) -> Option<Currency> {
    let currency = object.find(&["currency"], |raw| Currency::parse(&json::text(raw)?));
    if currency.is_some() {
        return currency;
    }
    if object.get("currency").is_none_or(json::is_blank) {
        return other;
    }
    context.leave_out(CURRENCY);
    None
}

/// Returns the currency that an amount names: `"39.95 USD"`, `{"amount": 5, "currency": "EUR"}`.
fn currency_of_amount(raw: Raw<'_>) -> Option<Currency> {
    if let Some(object) = RawObject::parse(raw) {
        return Currency::parse(&object.text(&["currency", "currency_code"])?);
    }
    Currency::parse(json::currency_code(&json::string(raw)?)?)
}

/// Rounds an amount to a hundredth of a cent, which removes the dust of binary fractions:
/// 3 × 19.99 is 59.97.
pub(super) fn round(amount: f64) -> f64 {
    (amount * 10_000.0).round() / 10_000.0
}
