//! Any body that Segment signed is read and packed: without a panic, within Klaviyo's limits, and
//! each operation once.
//!
//! `fuzz/fuzz_targets/body.rs` has a copy of [`plan_body`]. The fuzz targets are a workspace of
//! their own with a nightly compiler, and the copy is shorter than a public module for both.

use proptest::collection::vec;
use proptest::prelude::*;
use segment_klaviyo::delivery::{InFlight, InboundMessage, decide_batch};
use segment_klaviyo::klaviyo::{Operation, PlannedRequest, build_requests, build_requests_by_id};
use segment_klaviyo::outcome::{Outcome, RejectReason};
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::raw_messages;
use segment_klaviyo::settings::RuleSettings;
use segment_klaviyo::signature::{Credentials, verify};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use super::generators::{ALL_ON, json_value, message};
use crate::support::http::signature;
use crate::support::settings::rule_settings;

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

/// Reads a body as the handler does, and hands the operations of its messages to `check`. Returns
/// what `check` returns, or `None` for a body without messages.
fn plan_body<T>(
    body: &str,
    settings: &RuleSettings,
    check: impl FnOnce(&[&Operation]) -> T,
) -> Option<T> {
    let secret = r#"{"klaviyo_api_key": "pk_1", "segment_shared_secret": "s"}"#;
    let secret = Secret::parse(secret).unwrap();
    let signature = signature(body, "s");
    let credentials = Credentials::signed(&signature);
    let verified = verify(body.as_bytes(), credentials, &secret).unwrap();
    let messages = raw_messages(&verified).ok()?;
    let messages = messages
        .into_iter()
        .map(|raw| InboundMessage::new(raw, NOW));
    let batch = decide_batch(messages, settings);
    for message in &batch {
        // `plan` turns a panic in a rule into this rejection.
        let panicked = Outcome::Rejected(RejectReason::InternalError);
        assert_ne!(message.outcome(), panicked, "{body}");
    }
    let operations: Vec<_> = batch
        .iter()
        .flat_map(InFlight::tasks)
        .map(|task| task.operation())
        .collect();
    Some(check(&operations))
}

/// Each operation is in exactly one request, and every request is within Klaviyo's limits.
fn check_packing(operations: &[&Operation]) {
    let by_identifiers = build_requests(operations);
    let by_id = build_requests_by_id(operations, |_| Some("42"));
    let mut packed = Vec::new();
    for request in &by_identifiers {
        packed.extend(request.operation_indexes());
        check_limits(request);
    }
    // An addition to a list can go either way, and goes by identifiers unless the profile is known.
    for request in &by_id {
        let indexes = request.operation_indexes();
        packed.extend(indexes.filter(|index| operations[*index].needs_profile_id()));
        check_limits(request);
    }
    packed.sort_unstable();
    assert_eq!(packed, (0..operations.len()).collect::<Vec<_>>());
}

fn check_limits(planned: &PlannedRequest) {
    let request = &planned.request;
    let count = planned.operation_indexes().count();
    let body: Value = serde_json::from_slice(&request.body).expect("every body is JSON");
    assert!(request.body.len() <= 5_000_000 || count == 1);
    let profiles = length(&body["data"]["attributes"]["profiles"]["data"]);
    match request.path.as_ref() {
        "/api/event-bulk-create-jobs" => {
            let events = event_count(&body);
            assert!(events <= 1_000, "{events}");
            assert_eq!(events, count);
        }
        "/api/profile-subscription-bulk-create-jobs" => assert!(profiles <= 1_000, "{profiles}"),
        "/api/profile-subscription-bulk-delete-jobs" => assert!(profiles <= 100, "{profiles}"),
        path => {
            assert!(profiles <= 10_000, "{profiles}");
            assert!(!path.contains(".."), "{path}");
        }
    }
}

/// Counts the events of a job, which are grouped by profile.
fn event_count(job: &Value) -> usize {
    let groups = &job["data"]["attributes"]["events-bulk-create"]["data"];
    let groups = groups.as_array().expect("a job has groups");
    groups
        .iter()
        .map(|group| length(&group["attributes"]["events"]["data"]))
        .sum()
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

fn request_bodies(operations: &[&Operation]) -> Vec<String> {
    build_requests(operations)
        .into_iter()
        .map(|planned| String::from_utf8(planned.request.body.to_vec()).unwrap())
        .collect()
}

/// Whether a message is surely sent: of a type that is, to a Klaviyo that no integration switches
/// off.
fn is_surely_sent(message: &Value) -> bool {
    let message_type = message["type"].as_str().unwrap_or("");
    let Some(integrations) = message["integrations"].as_object() else {
        return false;
    };
    ["identify", "track"].contains(&message_type)
        && message["event"] != ""
        && !integrations.contains_key("Klaviyo")
        && !integrations.contains_key("All")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_json_is_read_and_packed_without_a_panic(value in json_value()) {
        for settings in [ALL_ON, &[]] {
            let settings = rule_settings(settings.iter().copied());
            plan_body(&value.to_string(), &settings, check_packing);
        }
    }

    #[test]
    fn any_message_is_packed_within_every_limit(messages in vec(message(), 0..40)) {
        let body = Value::from(messages).to_string();
        for settings in [ALL_ON, &[]] {
            let settings = rule_settings(settings.iter().copied());
            plan_body(&body, &settings, check_packing);
        }
    }

    #[test]
    fn the_same_message_twice_gives_the_same_requests(message in message()) {
        let body = message.to_string();
        let settings = rule_settings(ALL_ON.iter().copied());
        let first = plan_body(&body, &settings, request_bodies);
        prop_assert!(first.is_some());
        prop_assert_eq!(first, plan_body(&body, &settings, request_bodies));
    }

    #[test]
    fn with_enforced_email_no_other_id_leaves(messages in vec(message(), 1..10)) {
        let mut messages = messages;
        for message in &mut messages {
            message["userId"] = json!("secret-user");
            message["traits"]["email"] = json!("sarah@klaviyo-demo.com");
            message["anonymousId"] = json!("secret-anonymous");
        }
        let is_any_sent = messages.iter().any(is_surely_sent);
        let body = Value::from(messages).to_string();
        plan_body(&body, &rule_settings([]), |operations| {
            assert!(!operations.is_empty() || !is_any_sent, "there is something to look at");
            for body in request_bodies(operations) {
                assert!(!body.contains("secret-"), "{body}");
                assert!(!body.contains("\"external_id\":"), "{body}");
            }
        });
    }
}
