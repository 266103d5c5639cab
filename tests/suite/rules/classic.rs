//! Klaviyo Classic's own answers. They were recorded from its public source and are no part of this
//! repository: where a folder beside it has them, each key that Classic sent is held to its value.
//! `cases/classic/` says the same with messages of our own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::outcome::outcome;
use crate::support::function::root;

/// Reasons for which a key of Classic's may be missing. For any other, something has to be there.
const MAY_LACK: [&str; 5] = ["repeated", "anonymous", "unreadable", "parse", "null"];

#[test]
fn every_key_that_classic_sent_is_there() {
    let file = root("..").join("shared").join("classic").join("cases.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        // Not `println`, whose output is shown only when a test fails.
        use std::io::Write;
        let mut output = std::io::stderr();
        writeln!(
            output,
            "NOT COMPARED WITH CLASSIC: its answers are not here"
        )
        .unwrap();
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut held = 0;
    let mut misses = Vec::new();
    for case in &cases {
        let ours = operations(case);
        for mode in ["cloud", "browser"] {
            let Some(theirs) = case[mode].as_array() else {
                continue;
            };
            let excepted = case["exceptions"].as_object().unwrap();
            if theirs.is_empty() && !ours.is_empty() && !excepted.contains_key(mode) {
                misses.push(format!("{} {mode}: sent", case["name"]));
            }
            for (path, wanted, found) in compare(mode, theirs, &ours) {
                if is_same(&path, &wanted, found.as_ref()) {
                    held += 1;
                } else if !is_excepted(&path, found.is_some(), excepted) {
                    misses.push(format!(
                        "{} {path}: {wanted}, found {found:?}",
                        case["name"]
                    ));
                }
            }
        }
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
    assert!(held > 300, "only {held} keys were compared");
}

/// Returns what the rules make of a case's message, in the form of Classic's operations.
fn operations(case: &Value) -> Vec<Value> {
    let message = &case["message"];
    let mut settings = BTreeMap::new();
    for (name, variable) in [
        ("confirmOptin", "CONFIRM_OPTIN"),
        ("enforceEmail", "ENFORCE_EMAIL"),
        ("sendAnonymous", "FALLBACK_ON_ANONYMOUS_ID"),
        ("useSegmentSpec", "SEND_PLACED_ORDER_AS_ORDER_COMPLETED"),
        ("listId", "LIST_ID"),
    ] {
        let value = match &case["settings"][name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        settings.insert(variable, value);
    }
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let outcome = outcome(&settings, message);
    let requests = outcome["requests"].as_array().cloned().unwrap_or_default();
    requests.iter().map(operation).collect()
}

fn operation(request: &Value) -> Value {
    let (path, data) = request.as_object().unwrap().iter().next().unwrap();
    let attributes = &data["attributes"];
    match path.as_str() {
        "POST /api/profile-import" => json!({
            "operation": "profile",
            "identity": attributes,
            "attributes": attributes,
            "properties": attributes["properties"],
        }),
        "POST /api/events" => {
            let mut event = attributes.clone();
            event["operation"] = json!("event");
            event["metric"] = attributes["metric"]["data"]["attributes"]["name"].clone();
            event["identity"] = attributes["profile"]["data"]["attributes"].clone();
            event
        }
        "POST /api/profile-subscription-bulk-create-jobs" => json!({
            "operation": "list",
            "identity": attributes["profiles"]["data"][0]["attributes"],
            "list": {
                "id": data["relationships"]["list"]["data"]["id"],
                "confirm": attributes["historical_import"] != true,
            },
        }),
        _ => panic!("{path} is no request that Classic's answers have"),
    }
}

/// Returns each key of their operations, with its value and ours.
fn compare(mode: &str, theirs: &[Value], ours: &[Value]) -> Vec<(String, Value, Option<Value>)> {
    let mut left: Vec<&Value> = ours.iter().collect();
    let mut compared = Vec::new();
    for (index, operation) in theirs.iter().enumerate() {
        let keys = leaves(operation, "");
        let likeness = |other: &Value| {
            let is_alike =
                |(path, wanted): &&(String, Value)| is_same(path, wanted, other.pointer(path));
            keys.iter().filter(is_alike).count()
        };
        let is_line = |operation: &Value| operation["metric"] == "Ordered Product";
        let of_kind = left.iter().enumerate().filter(|(_, other)| {
            other["operation"] == operation["operation"] && is_line(other) == is_line(operation)
        });
        let nearest = of_kind.max_by_key(|(_, other)| likeness(other));
        let nearest = nearest.map(|(position, _)| position);
        let nearest = nearest.map(|position| left.remove(position));
        for (path, wanted) in &keys {
            let found = nearest.and_then(|other| other.pointer(path)).cloned();
            let found = found.filter(|found| !found.is_null());
            compared.push((format!("/{mode}/{index}{path}"), wanted.clone(), found));
        }
    }
    compared
}

/// Returns every key with its value, by JSON pointers. A list of plain values is one value.
fn leaves(value: &Value, path: &str) -> Vec<(String, Value)> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, child)| (key.replace('~', "~0").replace('/', "~1"), child))
            .collect(),
        Value::Array(elements) if elements.iter().all(Value::is_object) => elements
            .iter()
            .enumerate()
            .map(|(index, child)| (index.to_string(), child))
            .collect(),
        _ => Vec::new(),
    };
    if children.is_empty() {
        return vec![(path.to_owned(), value.clone())];
    }
    let mut keys = Vec::new();
    for (key, child) in children {
        keys.extend(leaves(child, &format!("{path}/{key}")));
    }
    keys
}

/// Whether a merchant sees the same: an address in any case, a phone number without its
/// punctuation, `12` and `"12"`, a time to the second.
fn is_same(path: &str, wanted: &Value, found: Option<&Value>) -> bool {
    let Some(found) = found else {
        return wanted.is_null() || wanted == &json!({});
    };
    if wanted == found || wanted == &json!({}) {
        return true;
    }
    let (Some(wanted), Some(found)) = (text(wanted), text(found)) else {
        return false;
    };
    if path.ends_with("/identity/email") {
        wanted.trim().eq_ignore_ascii_case(&found)
    } else if path.ends_with("/phone_number") {
        wanted.replace([' ', '(', ')', '-'], "") == found
    } else if path.ends_with("/time") {
        wanted.get(..19) == found.get(..19)
    } else {
        match (wanted.parse::<f64>(), found.parse::<f64>()) {
            (Ok(wanted), Ok(found)) => wanted == found,
            _ => false,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether the case says that a key differs. An exception covers what is below it.
fn is_excepted(path: &str, is_there: bool, exceptions: &Map<String, Value>) -> bool {
    exceptions.iter().any(|(excepted, reason)| {
        let rest = path.trim_start_matches('/').strip_prefix(excepted.as_str());
        let is_covered = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let reason = reason.as_str().unwrap();
        is_covered && (is_there || MAY_LACK.contains(&reason))
    })
}
