//! Anything as a body that Segment signed: read, ruled and packed without a panic, each operation once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use segment_klaviyo::klaviyo::{build_requests, build_requests_by_id};
use segment_klaviyo::rules::{Decision, decide};
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::{self, Message};
use segment_klaviyo::settings::Settings;
use segment_klaviyo::signature::{Credentials, sign, verify};
use time::macros::datetime;

const SECRET: &str = r#"{"klaviyo_api_key": "pk_fuzz", "segment_shared_secret": "fuzz"}"#;

/// Everything on, so that every rule is reached.
fn setting(name: &str) -> Option<String> {
    let value = match name {
        "SECRET_ID" => "fuzz",
        "LIST_ID" => "Y6nRLr",
        "CONSENT_CHANNELS" => "email,sms",
        "DEFAULT_COUNTRY" => "US",
        "METRIC_NAMES" => "klaviyo",
        "BACKFILL_AFTER_HOURS" => "1",
        "ENFORCE_EMAIL" => "false",
        "SEND_PAGES" | "SEND_SCREENS" | "GROUP_LISTS" | "AUDIENCE_LISTS" | "HONOR_DELETIONS" => "true",
        "FALLBACK_ON_ANONYMOUS_ID" => "true",
        _ => return None,
    };
    Some(value.to_owned())
}

fuzz_target!(|body: &[u8]| {
    let secret = Secret::parse(SECRET).expect("the secret is well-formed");
    let signature = sign(body, "fuzz").expect("a key of any length will do");
    let claimed = Credentials { signature: Some(&signature), authorization: None };
    let verified = verify(body, claimed, &secret).expect("what is signed is let in");
    let Ok(elements) = segment::raw_messages(&verified) else { return };
    let messages: Vec<_> = elements.into_iter().map(Message::parse).collect();
    let rules = Settings::from_env(setting).expect("the settings are well-formed").rules;
    let mut operations = Vec::new();
    for message in messages.iter().flatten() {
        if let Decision::Send(plan) = decide(message, &rules, datetime!(2026-11-20 12:00 UTC)) {
            assert!(!plan.operations().is_empty());
            operations.extend(plan.into_parts().0);
        }
    }
    let operations: Vec<_> = operations.iter().collect();
    let packed = build_requests(&operations).into_iter().chain(build_requests_by_id(&operations, |_| Some("42")));
    let mut members = Vec::new();
    for packed in packed {
        serde_json::from_slice::<Box<serde_json::value::RawValue>>(&packed.request.body).expect("every body is JSON");
        members.extend(packed.operation_indexes());
    }
    members.sort_unstable();
    assert_eq!(members, (0..operations.len()).collect::<Vec<_>>());
});
