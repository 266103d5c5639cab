//! What is other between two ways to treat the same message.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::fields::Path;
use super::seen::{Request, Seen, Verdict};
use crate::output::escape_control;

/// What is other.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Difference {
    /// Whether the message is sent, before and after, if that or its reason is other.
    pub(crate) verdict: Option<(Verdict, Verdict)>,
    /// Requests that are made only before, by call and title.
    pub(crate) removed: Vec<String>,
    /// Requests that are made only after.
    pub(crate) added: Vec<String>,
    /// Attributes of requests that are made both ways.
    pub(crate) changes: Vec<Change>,
    /// Notes, before and after, if they are others.
    pub(crate) warnings: Option<(Vec<String>, Vec<String>)>,
}

/// An attribute with another value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// The place of the request before.
    pub(crate) at: usize,
    /// The request, by call and title as they are before.
    pub(crate) request: String,
    /// The attribute; a custom property is one.
    pub(crate) attribute: Path,
    /// Its value before, if it is there.
    pub(crate) before: Option<Value>,
    /// Its value after, if it is there.
    pub(crate) after: Option<Value>,
}

/// Which way an attribute is other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChangeKind {
    /// It is there only after.
    Added,
    /// It is there only before.
    Removed,
    /// It has another value.
    Changed,
}

impl ChangeKind {
    /// How a person writes it.
    pub(crate) fn sign(self) -> char {
        match self {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '−',
            ChangeKind::Changed => '~',
        }
    }
}

impl Change {
    /// The name of the custom property that it is about, if it is one.
    pub(crate) fn property(&self) -> Option<String> {
        self.attribute
            .below(&Path::of(&["properties"]))
            .map(|name| name.to_string())
    }

    /// Which way the attribute is other.
    pub(crate) fn way(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(_), Some(_)) => ChangeKind::Changed,
        }
    }
}

impl Difference {
    /// Whether nothing is other.
    pub(crate) fn is_none(&self) -> bool {
        *self == Difference::default()
    }

    /// The differences in a few words each; what is the same in several requests is said once.
    pub(crate) fn in_short(&self) -> Vec<String> {
        let verdict = self.verdict.iter().map(|(_, after)| after.to_string());
        let requests = |sign, requests: &[String]| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            requests
                .iter()
                .for_each(|request| *counts.entry(request.clone()).or_default() += 1);
            counts
                .into_iter()
                .map(move |(request, count)| format!("{sign} {request}{}", times(count)))
        };
        let warnings = self
            .warnings
            .iter()
            .flat_map(|(_, after)| after)
            .map(|note| format!("note: {note}"));
        let mut short: Vec<_> = verdict.collect();
        if self
            .verdict
            .as_ref()
            .is_none_or(|(_, after)| after.is_sent())
        {
            short.extend(
                requests("+", &self.added)
                    .chain(requests("−", &self.removed))
                    .chain(self.changes_in_short()),
            );
        }
        short.extend(warnings);
        short
    }

    fn changes_in_short(&self) -> Vec<String> {
        let (mut short, mut names) = (Vec::new(), BTreeMap::<ChangeKind, BTreeSet<String>>::new());
        let mut changes = BTreeMap::<(ChangeKind, &Path), Vec<&Change>>::new();
        for change in &self.changes {
            match change.property() {
                Some(name) => drop(names.entry(change.way()).or_default().insert(name)),
                None => changes
                    .entry((change.way(), &change.attribute))
                    .or_default()
                    .push(change),
            }
        }
        short.extend(changes.into_iter().map(|((way, path), changes)| {
            match (way, changes.as_slice()) {
                (
                    ChangeKind::Changed,
                    [
                        Change {
                            after: Some(after), ..
                        },
                    ],
                ) => format!("{path} = {}", plain(after)),
                (_, all) => format!("{} {path}{}", way.sign(), times(all.len())),
            }
        }));
        short.extend(names.into_iter().map(|(way, names)| {
            let names: Vec<_> = names.into_iter().collect();
            format!("{} properties {}", way.sign(), names.join(", "))
        }));
        short
    }
}

fn times(count: usize) -> String {
    if count > 1 {
        format!(" (×{count})")
    } else {
        String::new()
    }
}

/// A value as a person writes it, on one line.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape_control(text),
        other => escape_control(&other.to_string()),
    }
}

/// What is other in `after`.
pub(crate) fn between(before: &Seen, after: &Seen) -> Difference {
    let verdict =
        (before.verdict != after.verdict).then(|| (before.verdict.clone(), after.verdict.clone()));
    let warnings = |seen: &Seen| {
        seen.warnings
            .iter()
            .map(|note| note.reason().to_owned())
            .collect::<Vec<_>>()
    };
    let warnings = (before.warnings != after.warnings).then(|| (warnings(before), warnings(after)));
    let mut difference = Difference {
        verdict,
        warnings,
        ..Difference::default()
    };
    let mut rest: Vec<&Request> = after.requests.iter().map(AsRef::as_ref).collect();
    for (at, request) in before.requests.iter().enumerate() {
        let same = rest.iter().position(|other| is_same(request, other));
        let Some(other) = same.map(|at| rest.remove(at)) else {
            difference.removed.push(request.name());
            continue;
        };
        let paths: BTreeSet<_> = request.rows.keys().chain(other.rows.keys()).collect();
        for path in paths {
            let (before, after) = (request.rows.get(path), other.rows.get(path));
            if before != after {
                let (before, after) = (before.cloned(), after.cloned());
                let request = request.name();
                difference.changes.push(Change {
                    at,
                    request,
                    attribute: path.clone(),
                    before,
                    after,
                });
            }
        }
    }
    difference.added = rest.into_iter().map(Request::name).collect();
    difference
}

/// Whether two requests are the same one with perhaps other attributes: events are told by their ids.
fn is_same(one: &Request, other: &Request) -> bool {
    let id = |request: &Request| request.rows.get(&Path::of(&["unique_id"])).cloned();
    one.call == other.call && id(one) == id(other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;
    use time::macros::datetime;

    use super::super::seen::see;
    use super::*;
    use crate::overrides::SettingOverrides;

    fn difference(name: &str, value: &str, message: &Value) -> Difference {
        let other = SettingOverrides::default().with(name, value);
        let raw = to_raw_value(message).unwrap();
        let seen = |setup: &SettingOverrides| {
            see(
                &raw,
                &setup.rules().unwrap(),
                datetime!(2026-11-20 12:00 UTC),
                &[],
            )
        };
        between(&seen(&SettingOverrides::default()), &seen(&other))
    }

    #[test]
    fn the_same_in_several_requests_is_said_once() {
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
                vec!["− properties Items, OrderId, SKU"],
            ),
            (
                "EVENTS_BLOCKED",
                "Ordered Product",
                vec!["− POST /api/events Ordered Product (×2)"],
            ),
        ] {
            assert_eq!(
                difference(name, value, &order).in_short(),
                expected,
                "{name}={value}"
            );
        }
    }

    #[test]
    fn of_what_is_no_longer_sent_only_that_is_said() {
        let message = json!({"type": "track", "event": "A", "userId": "sarah@klaviyo-demo.com"});
        let blocked = difference("EVENTS_BLOCKED", "A", &message);
        assert_eq!(blocked.in_short(), ["ignored (event_filtered)"]);
        assert_eq!(blocked.removed, ["POST /api/events A"]);
    }
}
