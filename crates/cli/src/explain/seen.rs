//! What the rules make of one message, in a form that can be compared and shown.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use segment_klaviyo::batch::{self, InboundMessage};
use segment_klaviyo::klaviyo::{ApiRequest, Operation, build_requests, build_requests_by_id};
use segment_klaviyo::outcome::{Outcome, Warning};
use segment_klaviyo::settings::RuleSettings;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::fields::{Path, leaves};
use crate::output::escape_control;

/// Begins what stands where Klaviyo's own id of a profile would, which only Klaviyo knows.
pub(super) const LOOKED_UP: &str = "(looked up in Klaviyo) of ";

/// What the rules make of one message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// Whether it is sent.
    pub(crate) verdict: Verdict,
    /// The requests to Klaviyo, one for each operation; a delivery may send several of them as one job.
    pub(crate) requests: Vec<Rc<Request>>,
    /// What should be known although it is sent.
    pub(crate) warnings: Vec<Warning>,
}

/// Whether a message is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Verdict {
    /// `sent`, `ignored` or `rejected`.
    pub(crate) outcome: &'static str,
    /// The stable name of the reason, of what is not sent.
    pub(crate) reason: Option<&'static str>,
    /// The reason in words.
    pub(crate) detail: Option<String>,
}

impl Verdict {
    /// Whether the message is sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.outcome == "sent"
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.reason {
            Some(reason) => write!(f, "{} ({reason})", self.outcome),
            None => f.write_str(self.outcome),
        }
    }
}

/// A request to Klaviyo.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Method and path.
    pub(crate) call: String,
    /// Its attributes without what JSON:API puts around them; a custom property is one, whatever is in it.
    pub(crate) rows: BTreeMap<Path, Value>,
    /// The same down to the last value.
    pub(crate) leaves: BTreeMap<Path, Value>,
    body: Bytes,
}

impl Request {
    /// What tells it from others of its kind: the metric or the list.
    pub(crate) fn title(&self) -> Option<String> {
        let named = ["metric", "list", "lists"]
            .iter()
            .find_map(|name| self.rows.get(&Path::of(&[name])));
        named.and_then(Value::as_str).map(escape_control)
    }

    /// The call and what tells it from others of its kind.
    pub(crate) fn name(&self) -> String {
        [Some(self.call.clone()), self.title()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Applies the rules to one message. A request that is in the same place of `known`, byte for byte, is not read
/// again: after a small change of a large order nearly all of them are.
pub(crate) fn see(
    message: &RawValue,
    rules: &RuleSettings,
    now: OffsetDateTime,
    known: &[Rc<Request>],
) -> Seen {
    let decided = batch::decide(&[InboundMessage::new(message, now)], rules);
    let Some(ended) = decided.ended.into_iter().next() else {
        return Seen {
            verdict: verdict(&Outcome::Delivered),
            requests: Vec::new(),
            warnings: Vec::new(),
        };
    };
    let calls = decided.work.iter().flat_map(|work| calls(&work.operation));
    let request = |(at, call): (usize, ApiRequest)| match known.get(at) {
        Some(known) if known.body == call.body && known.call == name(&call) => known.clone(),
        _ => Rc::new(read(call)),
    };
    let requests = calls.enumerate().map(request).collect();
    Seen {
        verdict: verdict(&ended.outcome),
        requests,
        warnings: ended.warnings,
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    let (outcome, reason, detail) = match outcome {
        Outcome::Delivered => ("sent", None, None),
        Outcome::Ignored(why) => ("ignored", Some(why.reason()), Some(why.to_string())),
        Outcome::Rejected(why) => ("rejected", Some(why.reason()), Some(why.to_string())),
        Outcome::Queued(why) | Outcome::Retry(why) => {
            ("queued", Some(why.reason()), Some(why.to_string()))
        }
    };
    Verdict {
        outcome,
        reason,
        detail,
    }
}

fn calls(operation: &Operation) -> impl Iterator<Item = ApiRequest> {
    let identity = match operation {
        Operation::Delete(identity) => Some(identity),
        Operation::RemoveFromList(membership) => Some(&membership.identity),
        _ => None,
    };
    let id = identity.and_then(|identity| Some(format!("{LOOKED_UP}{}", identity.key()?.value())));
    let packed = build_requests(&[operation])
        .into_iter()
        .chain(build_requests_by_id(&[operation], |_| id.as_deref()));
    packed.map(|packed| packed.call)
}

fn name(call: &ApiRequest) -> String {
    format!("{} {}", call.method, call.path)
}

fn read(call: ApiRequest) -> Request {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let (mut rows, mut all) = (BTreeMap::new(), BTreeMap::new());
    resource(&Path::default(), &body, &mut rows);
    rows.iter()
        .for_each(|(at, value)| leaves(at, value, &mut all));
    Request {
        call: name(&call),
        rows,
        leaves: all,
        body: call.body,
    }
}

/// A JSON:API document as rows: `data`, `attributes` and `type` are left out of their names.
fn resource(at: &Path, value: &Value, rows: &mut BTreeMap<Path, Value>) {
    match value {
        Value::Array(one) if one.len() == 1 => {
            one.iter().for_each(|value| resource(at, value, rows))
        }
        Value::Array(several) => (0..)
            .zip(several)
            .for_each(|(n, value)| resource(&at.index(n), value, rows)),
        Value::Object(object) if object.len() == 1 && object.contains_key("data") => {
            object.values().for_each(|value| resource(at, value, rows));
        }
        Value::Object(object) => {
            if let Some(id) = object.get("id") {
                let at = if at.0.is_empty() {
                    at.key("id")
                } else {
                    at.clone()
                };
                rows.insert(at, id.clone());
            }
            for (name, value) in object
                .get("attributes")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                attribute(at, name, value, rows);
            }
            for part in ["relationships", "meta"] {
                for (name, value) in object
                    .get(part)
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                {
                    attribute(at, name, value, rows);
                }
            }
        }
        _ => {}
    }
}

fn attribute(at: &Path, name: &str, value: &Value, rows: &mut BTreeMap<Path, Value>) {
    let below = at.key(name);
    match value {
        // Merchants may name their properties as they like, also `data`.
        Value::Object(properties) if name == "properties" => {
            rows.extend(
                properties
                    .iter()
                    .map(|(name, value)| (below.key(name), value.clone())),
            );
        }
        Value::Object(object) if object.contains_key("data") => resource(&below, value, rows),
        Value::Object(_) => leaves(&below, value, rows),
        // A metric is its name.
        value if name == "name" && !at.0.is_empty() => {
            rows.insert(at.clone(), value.clone());
        }
        value => {
            rows.insert(below, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use segment_klaviyo::settings::RuleSettings;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::overrides::SettingOverrides;

    fn seen(rules: &RuleSettings, message: &Value) -> Seen {
        let raw: Box<RawValue> = serde_json::from_str(&message.to_string()).unwrap();
        see(&raw, rules, datetime!(2026-11-20 12:00 UTC), &[])
    }

    fn rows(request: &Request) -> Vec<String> {
        request
            .rows
            .iter()
            .map(|(at, value)| format!("{at}={value}"))
            .collect()
    }

    #[test]
    fn requests_are_shown_without_what_stands_around_their_attributes() {
        let rules = SettingOverrides::default()
            .with("CONFIRM_OPTIN", "false")
            .rules()
            .unwrap();
        let message = json!({
            "type": "identify", "timestamp": "2026-11-20T10:00:00Z",
            "traits": {"email": "sarah@klaviyo-demo.com", "data": {"type": 1}, "city": "York"},
            "integrations": {"Klaviyo": {"listId": "Y6nRLr", "fieldsToUnset": "old"}},
        });
        let seen = seen(&rules, &message);
        assert!(seen.verdict.is_sent());
        assert_eq!(
            rows(&seen.requests[0]),
            [
                r#"email="sarah@klaviyo-demo.com""#,
                r#"location.city="York""#,
                r#"patch_properties.unset=["old"]"#,
                r#"properties.data={"type":1}"#
            ]
        );
        assert_eq!(
            rows(&seen.requests[1]),
            [
                r#"custom_source="Segment""#,
                "historical_import=true",
                r#"list="Y6nRLr""#,
                r#"profiles.email="sarah@klaviyo-demo.com""#,
                r#"profiles.subscriptions.email.marketing.consent="SUBSCRIBED""#,
                r#"profiles.subscriptions.email.marketing.consented_at="2026-11-20T10:00:00.000Z""#,
            ]
        );
    }

    #[test]
    fn what_is_not_sent_says_why() {
        let seen = seen(
            &SettingOverrides::default().rules().unwrap(),
            &json!({"type": "alias"}),
        );
        assert_eq!(
            (seen.verdict.outcome, seen.verdict.reason),
            ("ignored", Some("unsupported_type"))
        );
        assert!(seen.requests.is_empty());
    }
}
