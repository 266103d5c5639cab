//! The effect of a change: the attributes that differ between two evaluations.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use super::evaluation::Evaluation;
use super::json_path::JsonPath;

/// An attribute of one of a message's requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AttributeRef {
    /// The index of the request.
    pub(super) request: usize,
    /// The path of the attribute: a leaf.
    pub(super) path: JsonPath,
}

/// The effect that a change of the message, the settings or the time has on the requests.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Whether the decision or the list of requests changes, and not only their attributes.
    pub(super) is_structural: bool,
    /// Whether the message would be sent after the change.
    pub(super) is_sent: bool,
    /// Whether the warnings change.
    pub(super) changes_warnings: bool,
    /// The attributes that get another value, with that value.
    pub(super) changed: BTreeMap<AttributeRef, Value>,
    /// The attributes that disappear.
    pub(super) removed: BTreeSet<AttributeRef>,
    /// The attributes that appear.
    pub(super) added: BTreeSet<AttributeRef>,
}

impl Effect {
    /// Compares two evaluations, request by request. Changes of the `hashes` are not an effect: every
    /// change of the message changes them.
    pub(super) fn between(
        before: &Evaluation,
        after: &Evaluation,
        hashes: &BTreeSet<AttributeRef>,
    ) -> Self {
        let mut effect = Effect {
            is_structural: before.decision != after.decision || !has_same_endpoints(before, after),
            is_sent: after.decision.is_sent(),
            changes_warnings: before.warnings != after.warnings,
            ..Effect::default()
        };
        let pairs = before.requests.iter().zip(&after.requests);
        for (request, (preview_before, preview_after)) in pairs.enumerate() {
            if Rc::ptr_eq(preview_before, preview_after)
                || preview_before.endpoint != preview_after.endpoint
            {
                continue;
            }
            for (path, value_before) in &preview_before.leaves {
                let path = path.clone();
                let attribute = AttributeRef { request, path };
                match preview_after.leaves.get(&attribute.path) {
                    None => {
                        effect.removed.insert(attribute);
                    }
                    Some(value_after) => {
                        if value_after != value_before && !hashes.contains(&attribute) {
                            effect.changed.insert(attribute, value_after.clone());
                        }
                    }
                }
            }
            for path in preview_after.leaves.keys() {
                if !preview_before.leaves.contains_key(path) {
                    let path = path.clone();
                    effect.added.insert(AttributeRef { request, path });
                }
            }
        }
        effect
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.changes_only_values() && self.changed.is_empty() && !self.changes_warnings
    }

    /// Whether nothing appears or disappears: the changed input decides nothing, its value is only
    /// passed on.
    pub(super) fn changes_only_values(&self) -> bool {
        !self.is_structural && self.removed.is_empty() && self.added.is_empty()
    }

    /// Returns the attributes that get another value or appear.
    pub(super) fn changed_or_added(&self) -> impl Iterator<Item = &AttributeRef> {
        self.changed.keys().chain(&self.added)
    }

    /// Returns all attributes that change, appear or disappear.
    pub(super) fn affected(&self) -> impl Iterator<Item = &AttributeRef> {
        self.changed_or_added().chain(&self.removed)
    }
}

fn has_same_endpoints(before: &Evaluation, after: &Evaluation) -> bool {
    let endpoints_before = before.requests.iter().map(|request| &request.endpoint);
    let endpoints_after = after.requests.iter().map(|request| &request.endpoint);
    endpoints_before.eq(endpoints_after)
}
