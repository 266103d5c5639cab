//! Values of an event that Klaviyo refuses although its schema allows them, each at its place.

use std::collections::BTreeSet;

use iso_currency::Currency;
use serde_json::Value;

use super::account::Account;
use super::refusal::Refusal;
use crate::json::at;

/// The place of the metric's name in an event.
const METRIC: &str = "/attributes/metric/data/attributes/name";

/// Whether a text is the code of a currency that ISO 4217 lists and no other has replaced.
fn is_current(code: &str) -> bool {
    match Currency::from_code(code) {
        // ISO 4217 lists it beside VED, which the library takes for its successor.
        Some(Currency::VES) => true,
        Some(currency) => currency.is_superseded().is_none(),
        None => false,
    }
}

/// The check of the events of one request.
pub(super) struct EventCheck<'a> {
    account: &'a Account,
    /// The metrics that the request would create.
    new_metrics: BTreeSet<String>,
}

impl<'a> EventCheck<'a> {
    pub(super) fn new(account: &'a Account) -> Self {
        EventCheck {
            account,
            new_metrics: BTreeSet::new(),
        }
    }

    /// Refuses the values of an event whose pointer this is.
    pub(super) fn check(&mut self, event: &Value, pointer: &str, refusals: &mut Vec<Refusal>) {
        let mut refuse = |detail: &str, place: &str| {
            refusals.push(Refusal::invalid(detail, format!("{pointer}{place}")));
        };
        let switches = &self.account.switches;
        if let Some(code) = at(event, "/attributes/value_currency").as_str()
            && !switches.accept_bad_currencies
            && !is_current(code)
        {
            let detail = "expected a currency code as in ISO 4217";
            refuse(detail, "/attributes/value_currency");
        }
        let Some(name) = at(event, METRIC).as_str() else {
            return;
        };
        if self.account.metrics.contains(name) {
            return;
        }
        self.new_metrics.insert(name.to_owned());
        if self.account.metrics.len() + self.new_metrics.len() > switches.max_metrics {
            refuse("The account has as many metrics as it may have", METRIC);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_have_a_current_code() {
        for (code, expected) in [
            ("USD", true),
            ("XCG", true),
            ("VES", true),
            ("usd", false),
            ("ABC", false),
            ("HRK", false),
            ("", false),
        ] {
            assert_eq!(is_current(code), expected, "{code}");
        }
    }
}
