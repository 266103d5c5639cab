//! The outcome of the rules as JSON.

use segment_klaviyo::klaviyo::{ApiRequest, Operation, build_requests, build_requests_by_id};
use segment_klaviyo::outcome::Warning;
use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::segment::Message;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::support::settings::{Setting, rule_settings};

/// The moment at which every message of these tests arrives.
const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

/// Returns what the rules make of a message: its requests and warnings, or why there are none.
pub(super) fn outcome(settings: &[Setting<'_>], message: &Value) -> Value {
    let raw = serde_json::value::to_raw_value(message).unwrap();
    outcome_of_raw(settings.iter().copied(), &raw)
}

pub(super) fn outcome_of_raw<'s>(
    settings: impl IntoIterator<Item = Setting<'s>>,
    message: &RawValue,
) -> Value {
    let settings = rule_settings(settings);
    let plan = match decide(&Message::parse(message).unwrap(), &settings, NOW) {
        Decision::Send(plan) => plan,
        Decision::Ignore(reason) => return json!({"ignored": reason.reason()}),
        Decision::Reject(reason) => return json!({"rejected": reason.reason()}),
    };
    let (operations, warnings) = plan.into_parts();
    let mut outcome = json!({"requests": []});
    let requests = outcome["requests"].as_array_mut().unwrap();
    for operation in &operations {
        let request = request(operation);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        requests.push(json!({ format!("{} {}", request.method, request.path): body["data"] }));
    }
    if !warnings.is_empty() {
        outcome["warnings"] = warnings.iter().map(warning_text).collect();
    }
    outcome
}

/// Returns the stable name of a warning, and the field if it is about one.
fn warning_text(warning: &Warning) -> String {
    match warning {
        Warning::FieldLeftOut(left_out) => format!("{}: {}", warning.reason(), left_out.field),
        _ => warning.reason().to_owned(),
    }
}

/// Returns the one request of an operation. Where a profile's id has to be found first, the profile
/// is number 42.
fn request(operation: &Operation) -> ApiRequest {
    let mut requests = build_requests(&[operation]);
    if requests.is_empty() {
        requests = build_requests_by_id(&[operation], |_| Some("42"));
    }
    assert_eq!(requests.len(), 1, "one operation is one request");
    requests.remove(0).request
}

/// Returns the requests of a message that is sent without a warning.
pub(super) fn requests(settings: &[Setting<'_>], message: &Value) -> Vec<Value> {
    let outcome = outcome(settings, message);
    assert_eq!(outcome.get("warnings"), None, "{outcome}");
    match outcome.get("requests") {
        Some(Value::Array(requests)) => requests.clone(),
        _ => panic!("not sent: {outcome}"),
    }
}

/// Returns the attributes of the events that a message becomes.
pub(super) fn events(settings: &[Setting<'_>], message: &Value) -> Vec<Value> {
    let mut events = Vec::new();
    for request in requests(settings, message) {
        events.push(request["POST /api/events"]["attributes"].clone());
    }
    events
}

/// Returns the same attributes, and the fields that were left out.
pub(super) fn events_and_left_out(
    settings: &[Setting<'_>],
    message: &Value,
) -> (Vec<Value>, Vec<String>) {
    let outcome = outcome(settings, message);
    let requests = outcome["requests"].as_array().unwrap();
    let events = requests
        .iter()
        .map(|request| request["POST /api/events"]["attributes"].clone());
    let warnings = outcome.get("warnings").and_then(Value::as_array);
    let left_out = warnings.into_iter().flatten().map(|warning| {
        let field = warning.as_str().unwrap().strip_prefix("field_left_out: ");
        field.unwrap().to_owned()
    });
    (events.collect(), left_out.collect())
}

/// Returns the attributes of the profile that an identify becomes.
pub(super) fn profile(settings: &[Setting<'_>], message: &Value) -> Value {
    requests(settings, message)[0]["POST /api/profile-import"]["attributes"].clone()
}

/// Returns the message with these fields changed.
pub(super) fn with(mut message: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}
