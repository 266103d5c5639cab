//! The differences of many messages, grouped by the kind of message.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::difference::{ChangeKind, Difference};
use crate::explain::evaluation::RuleDecision;
use crate::explain::message_title::MessageTitle;
use crate::output::escape_control;

/// The differences of all messages of a file.
#[derive(Default)]
pub(super) struct Comparison {
    /// The number of messages, with and without differences.
    pub(super) messages: usize,
    /// The IDs of the messages whose decision changes, by that change.
    pub(super) decision_changes: BTreeMap<DecisionChange, Vec<String>>,
    /// The other changes, by the kind of message.
    pub(super) request_changes: BTreeMap<String, RequestChanges>,
}

/// A change of the decision about messages of one kind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DecisionChange {
    /// The type and the event of the messages.
    pub(super) kind: String,
    /// The decision before.
    pub(super) before: RuleDecision,
    /// The decision after.
    pub(super) after: RuleDecision,
}

/// The changes for messages of one kind whose decision stays the same.
#[derive(Default)]
pub(super) struct RequestChanges {
    /// The IDs of the messages.
    pub(super) message_ids: Vec<String>,
    /// The changes of requests, attributes and warnings, with the number of messages they occur in.
    pub(super) counts: BTreeMap<(ChangeKind, String), usize>,
    /// The same for custom properties.
    pub(super) property_counts: BTreeMap<(ChangeKind, String), usize>,
}

impl Comparison {
    /// Adds the next message of the file.
    pub(super) fn add(&mut self, title: &MessageTitle, difference: Difference) {
        let index = self.messages;
        self.messages += 1;
        if difference.is_empty() {
            return;
        }
        let kind = message_kind(title);
        let message_id = match &title.message_id {
            Some(message_id) => escape_control(message_id),
            None => format!("message {index}"),
        };
        if let Some((before, after)) = difference.decision {
            let change = DecisionChange {
                kind,
                before,
                after,
            };
            let message_ids = self.decision_changes.entry(change).or_default();
            message_ids.push(message_id);
        } else {
            let changes = self.request_changes.entry(kind).or_default();
            changes.add(message_id, difference);
        }
    }

    /// Returns the number of messages that are decided about differently.
    pub(super) fn different_outcomes(&self) -> usize {
        self.decision_changes.values().map(Vec::len).sum()
    }

    /// Returns the number of messages with other requests or warnings.
    pub(super) fn different_requests(&self) -> usize {
        let changes = self.request_changes.values();
        changes.map(|changes| changes.message_ids.len()).sum()
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.decision_changes.is_empty() && self.request_changes.is_empty()
    }
}

impl RequestChanges {
    fn add(&mut self, message_id: String, difference: Difference) {
        self.message_ids.push(message_id);
        // A change that occurs several times in one message counts once.
        let mut changes: BTreeSet<(ChangeKind, String)> = BTreeSet::new();
        let mut properties: BTreeSet<(ChangeKind, String)> = BTreeSet::new();
        for request in difference.removed {
            changes.insert((ChangeKind::Removed, request));
        }
        for request in difference.added {
            changes.insert((ChangeKind::Added, request));
        }
        for change in difference.changes {
            match change.property() {
                Some(name) => properties.insert((change.kind(), name)),
                None => changes.insert((change.kind(), change.attribute.to_string())),
            };
        }
        if let Some((before, after)) = difference.warnings {
            for warning in &before {
                if !after.contains(warning) {
                    changes.insert((ChangeKind::Removed, format!("warning {warning}")));
                }
            }
            for warning in &after {
                if !before.contains(warning) {
                    changes.insert((ChangeKind::Added, format!("warning {warning}")));
                }
            }
        }
        for change in changes {
            *self.counts.entry(change).or_default() += 1;
        }
        for property in properties {
            *self.property_counts.entry(property).or_default() += 1;
        }
    }
}

/// Returns the type and the event of a message, such as `track Order Completed`.
fn message_kind(title: &MessageTitle) -> String {
    let message_type = title.message_type.as_deref().unwrap_or_default();
    let event = title.event.as_deref().unwrap_or_default();
    let kind = escape_control(&format!("{message_type} {event}"));
    match kind.trim() {
        "" => "no type".to_owned(),
        kind => kind.to_owned(),
    }
}
