//! Fuzzes the body of a delivery that Segment signed. Any body is read without a panic, and each
//! operation is in exactly one request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segment_klaviyo::klaviyo::{build_requests, build_requests_by_id};
use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::{self, Message};
use segment_klaviyo::settings::Settings;
use segment_klaviyo::signature::{Credentials, sign, verify};
use serde_json::value::RawValue;
use time::macros::datetime;

const SECRET: &str = r#"{"klaviyo_api_key": "pk_fuzz", "segment_shared_secret": "fuzz"}"#;

/// Returns settings that reach every rule.
fn setting(name: &str) -> Option<String> {
    let value = match name {
        "SECRET_ID" => "fuzz",
        "LIST_ID" => "Y6nRLr",
        "CONSENT_CHANNELS" => "email,sms",
        "DEFAULT_COUNTRY" => "US",
        "METRIC_NAMES" => "klaviyo",
        "BACKFILL_AFTER_HOURS" => "1",
        "ENFORCE_EMAIL" => "false",
        "SEND_PAGES" | "SEND_SCREENS" | "GROUP_LISTS" | "HONOR_DELETIONS" => "true",
        "AUDIENCE_LISTS" => "vip=Y6nRLr",
        "ORDER_EVENTS" => "Seen",
        "EMAIL_FROM" => "properties.customer.email,context.user.0.email",
        "VALUE_FROM" => "total,totals.grand,revenue",
        "FALLBACK_ON_ANONYMOUS_ID" => "true",
        _ => return None,
    };
    Some(value.to_owned())
}

fuzz_target!(|body: &[u8]| {
    let secret = Secret::parse(SECRET).expect("the secret is well-formed");
    let signature = sign(body, "fuzz").expect("a key of any length will do");
    let credentials = Credentials::signed(&signature);
    let verified = verify(body, credentials, &secret).expect("a signed body is accepted");
    let Ok(raw_messages) = segment::raw_messages(&verified) else {
        return;
    };
    let messages: Vec<_> = raw_messages.into_iter().map(Message::parse).collect();
    let rules = Settings::from_env(setting)
        .expect("the settings are well-formed")
        .rules;
    let now = datetime!(2026-11-20 12:00 UTC);
    let mut operations = Vec::new();
    for message in messages.iter().flatten() {
        if let Decision::Send(plan) = decide(message, &rules, now) {
            assert!(!plan.operations().is_empty());
            operations.extend(plan.into_parts().0);
        }
    }
    let operations: Vec<_> = operations.iter().collect();
    let mut members = Vec::new();
    for planned in build_requests(&operations) {
        serde_json::from_slice::<Box<RawValue>>(&planned.request.body).expect("every body is JSON");
        members.extend(planned.operation_indexes());
    }
    // An addition to a list can go either way, and goes by identifiers unless the profile is known.
    for planned in build_requests_by_id(&operations, |_| Some("42")) {
        serde_json::from_slice::<Box<RawValue>>(&planned.request.body).expect("every body is JSON");
        let indexes = planned.operation_indexes();
        members.extend(indexes.filter(|index| operations[*index].needs_profile_id()));
    }
    members.sort_unstable();
    assert_eq!(members, (0..operations.len()).collect::<Vec<_>>());
});
