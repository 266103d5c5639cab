//! The difference between two evaluations of the same message, as people want to read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::evaluation::{Evaluation, RuleDecision};
use super::json_api::custom_property;
use super::json_path::JsonPath;
use super::request_preview::RequestPreview;
use super::text::one_line;

/// The difference between two evaluations, such as those under two groups of settings.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Difference {
    /// The decisions before and after, if they or their reasons differ.
    pub(crate) decision: Option<(RuleDecision, RuleDecision)>,
    /// The names of the requests that are sent only before.
    pub(crate) removed: Vec<String>,
    /// The names of the requests that are sent only after.
    pub(crate) added: Vec<String>,
    /// The changes within requests that are sent both times.
    pub(crate) changes: Vec<AttributeChange>,
    /// The names of the warnings before and after, if they differ.
    pub(crate) warnings: Option<(Vec<String>, Vec<String>)>,
}

/// The change of one attribute of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttributeChange {
    /// The index of the request before the change.
    pub(crate) request_index: usize,
    /// The name of the request before the change.
    pub(crate) request: String,
    /// The attribute. A custom property is one attribute.
    pub(crate) attribute: JsonPath,
    /// The value before, if the request had the attribute.
    pub(crate) before: Option<Value>,
    /// The value after, if the request has the attribute.
    pub(crate) after: Option<Value>,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChangeKind {
    /// It exists only after the change.
    Added,
    /// It exists only before the change.
    Removed,
    /// It has another value.
    Changed,
}

impl ChangeKind {
    /// Returns the sign that is printed before a change.
    pub(crate) fn sign(self) -> char {
        match self {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '−',
            ChangeKind::Changed => '~',
        }
    }
}

impl AttributeChange {
    /// Returns the name of the custom property that changes, if the attribute is one.
    pub(crate) fn property(&self) -> Option<String> {
        custom_property(&self.attribute).map(|name| name.to_string())
    }

    /// Returns the kind of the change.
    pub(crate) fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(_), Some(_)) => ChangeKind::Changed,
        }
    }
}

impl Difference {
    /// Compares two evaluations.
    pub(crate) fn between(before: &Evaluation, after: &Evaluation) -> Self {
        let mut difference = Difference::default();
        if before.decision != after.decision {
            difference.decision = Some((before.decision.clone(), after.decision.clone()));
        }
        if before.warnings != after.warnings {
            difference.warnings = Some((warning_names(before), warning_names(after)));
        }
        let mut unmatched: Vec<&RequestPreview> =
            after.requests.iter().map(AsRef::as_ref).collect();
        for (index, request) in before.requests.iter().enumerate() {
            let counterpart = unmatched.iter().position(|other| is_same(request, other));
            match counterpart {
                Some(position) => {
                    let counterpart = unmatched.remove(position);
                    let changes = attribute_changes(index, request, counterpart);
                    difference.changes.extend(changes);
                }
                None => difference.removed.push(request.name()),
            }
        }
        difference.added = unmatched.into_iter().map(RequestPreview::name).collect();
        difference
    }

    /// Whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Difference::default()
    }

    /// Describes the difference in a few words each. Equal changes of several requests are counted.
    pub(crate) fn summary(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some((_, after)) = &self.decision {
            parts.push(after.to_string());
        }
        // All requests of a message that is no longer sent are gone, which its decision says.
        let is_sent = match &self.decision {
            Some((_, after)) => after.is_sent(),
            None => true,
        };
        if is_sent {
            parts.extend(counted_requests(ChangeKind::Added, &self.added));
            parts.extend(counted_requests(ChangeKind::Removed, &self.removed));
            parts.extend(self.summarized_changes());
        }
        if let Some((_, after)) = &self.warnings {
            for warning in after {
                parts.push(format!("warning: {warning}"));
            }
        }
        parts
    }

    fn summarized_changes(&self) -> Vec<String> {
        let mut attributes = BTreeMap::<(ChangeKind, &JsonPath), Vec<&AttributeChange>>::new();
        let mut properties = BTreeMap::<ChangeKind, BTreeSet<String>>::new();
        for change in &self.changes {
            let kind = change.kind();
            if let Some(name) = change.property() {
                properties.entry(kind).or_default().insert(name);
            } else {
                let key = (kind, &change.attribute);
                attributes.entry(key).or_default().push(change);
            }
        }

        let mut parts = Vec::new();
        for ((kind, path), changes) in attributes {
            if kind == ChangeKind::Changed
                && let [change] = changes.as_slice()
                && let Some(after) = &change.after
            {
                parts.push(format!("{path} = {}", one_line(after)));
            } else {
                parts.push(format!("{} {path}{}", kind.sign(), times(changes.len())));
            }
        }
        for (kind, names) in properties {
            let names: Vec<_> = names.into_iter().collect();
            parts.push(format!("{} properties {}", kind.sign(), names.join(", ")));
        }
        parts
    }
}

fn warning_names(evaluation: &Evaluation) -> Vec<String> {
    let warnings = evaluation.warnings.iter();
    warnings
        .map(|warning| warning.reason().to_owned())
        .collect()
}

/// Whether two requests do the same, perhaps with other attributes. Events are told apart by their
/// `unique_id`.
fn is_same(one: &RequestPreview, other: &RequestPreview) -> bool {
    let unique_id = JsonPath::default().key("unique_id");
    one.endpoint == other.endpoint
        && one.attributes.get(&unique_id) == other.attributes.get(&unique_id)
}

fn attribute_changes(
    request_index: usize,
    before: &RequestPreview,
    after: &RequestPreview,
) -> Vec<AttributeChange> {
    let mut changes = Vec::new();
    let attributes: BTreeSet<&JsonPath> = before
        .attributes
        .keys()
        .chain(after.attributes.keys())
        .collect();
    for attribute in attributes {
        let value_before = before.attributes.get(attribute);
        let value_after = after.attributes.get(attribute);
        if value_before != value_after {
            changes.push(AttributeChange {
                request_index,
                request: before.name(),
                attribute: attribute.clone(),
                before: value_before.cloned(),
                after: value_after.cloned(),
            });
        }
    }
    changes
}

fn counted_requests(kind: ChangeKind, requests: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for request in requests {
        *counts.entry(request).or_default() += 1;
    }
    let mut parts = Vec::new();
    for (request, count) in counts {
        parts.push(format!("{} {request}{}", kind.sign(), times(count)));
    }
    parts
}

fn times(count: usize) -> String {
    if count > 1 {
        format!(" (×{count})")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;
    use time::macros::datetime;

    use super::*;
    use crate::explain::evaluation::evaluate;
    use crate::overrides::SettingOverrides;

    /// Returns the difference that one setting makes to a message.
    fn difference(name: &str, value: &str, message: &Value) -> Difference {
        let raw = to_raw_value(message).unwrap();
        let now = datetime!(2026-11-20 12:00 UTC);
        let before = SettingOverrides::default();
        let after = before.with(name, value);
        Difference::between(
            &evaluate(&raw, &before.rules().unwrap(), now),
            &evaluate(&raw, &after.rules().unwrap(), now),
        )
    }

    #[test]
    fn equal_changes_of_several_requests_are_counted() {
        let order = json!({
            "type": "track", "event": "Order Completed", "userId": "usr_1", "messageId": "m",
            "properties": {"email": "sarah@klaviyo-demo.com", "order_id": "R1", "products": [{"sku": "a"}, {"sku": "b"}]},
        });
        for (name, value, expected) in [
            ("ENFORCE_EMAIL", "true", vec![]),
            ("ENFORCE_EMAIL", "false", vec!["+ profile.external_id (×3)"]),
            (
                "SEND_PLACED_ORDER_AS_ORDER_COMPLETED",
                "false",
                vec!["metric = Placed Order"],
            ),
            (
                "KLAVIYO_PROPERTY_NAMES",
                "false",
                vec!["− properties OrderId"],
            ),
            (
                "CLASSIC_PROPERTY_NAMES",
                "false",
                vec!["− properties Quantity", "~ properties Items"],
            ),
            (
                "EVENTS_BLOCKED",
                "Ordered Product",
                vec!["− POST /api/events Ordered Product (×2)"],
            ),
        ] {
            assert_eq!(
                difference(name, value, &order).summary(),
                expected,
                "{name}={value}"
            );
        }
    }

    #[test]
    fn a_message_that_is_no_longer_sent_is_summarized_by_its_decision() {
        let message = json!({"type": "track", "event": "A", "userId": "sarah@klaviyo-demo.com"});
        let difference = difference("EVENTS_BLOCKED", "A", &message);
        assert_eq!(difference.summary(), ["ignored (event_filtered)"]);
        assert_eq!(difference.removed, ["POST /api/events A"]);
    }
}
