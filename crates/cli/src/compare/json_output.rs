//! A comparison as JSON. `docs/cli.md` describes the shape; keys are only ever added.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::comparison::{Comparison, DecisionChange};
use crate::explain::difference::ChangeKind;
use crate::explain::evaluation::RuleDecision;

/// Returns the comparison with the IDs of all messages.
pub(super) fn comparison(comparison: &Comparison) -> Value {
    let mut outcomes = Vec::new();
    for (change, message_ids) in &comparison.decision_changes {
        let DecisionChange {
            kind,
            before,
            after,
        } = change;
        outcomes.push(json!({
            "kind": kind,
            "before": decision(before),
            "after": decision(after),
            "message_ids": message_ids,
        }));
    }
    let mut requests = Vec::new();
    for (kind, changes) in &comparison.request_changes {
        requests.push(json!({
            "kind": kind,
            "message_ids": changes.message_ids,
            "changes": counts(&changes.counts),
            "properties": counts(&changes.property_counts),
        }));
    }
    json!({
        "messages": comparison.messages,
        "different_outcomes": comparison.different_outcomes(),
        "different_requests": comparison.different_requests(),
        "outcomes": outcomes,
        "requests": requests,
    })
}

fn decision(decision: &RuleDecision) -> Value {
    json!({
        "outcome": decision.outcome(),
        "reason": decision.reason().map(|reason| reason.name),
    })
}

fn counts(counts: &BTreeMap<(ChangeKind, String), usize>) -> Value {
    counts
        .iter()
        .map(|((kind, name), messages)| json!({"change": kind, "name": name, "messages": messages}))
        .collect()
}
