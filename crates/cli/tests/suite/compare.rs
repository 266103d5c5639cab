//! `segment-klaviyo compare`, run as the built program: what other settings would change for a file
//! of messages.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{identify, order, segment_klaviyo, track};

/// A settings file that is removed at the end of the test.
struct SettingsFile(PathBuf);

impl SettingsFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("compare-{}-{name}.env", std::process::id()));
        std::fs::write(&path, text).unwrap();
        SettingsFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for SettingsFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs `compare` with messages as NDJSON on stdin. Returns the exit code and the output.
fn compare(old: &SettingsFile, new: &SettingsFile, messages: &[Value]) -> (i32, String) {
    let now = "2026-11-20T12:00:00Z";
    let lines: Vec<_> = messages.iter().map(Value::to_string).collect();
    segment_klaviyo(
        &["compare", "--now", now, old.path(), new.path(), "-"],
        &lines.join("\n"),
    )
}

#[test]
fn differences_are_counted_by_kind_of_message() {
    let old = SettingsFile::new(
        "kinds-old",
        "# as deployed\nLIST_ID=Y6nRLr\n\nEVENTS_BLOCKED=\"Product Viewed\"\n",
    );
    let new = SettingsFile::new(
        "kinds-new",
        "LIST_ID=Y6nRLr\nENFORCE_EMAIL=false\nAWS_REGION=us-east-1\nKLAVIYO_PROPERTY_NAMES=false",
    );
    let mut messages = Vec::new();
    for number in 0..5 {
        messages.push(track(&format!("view-{number}"), &json!({})));
    }
    messages.push(order("R1", 1));
    messages.push(order("R2", 2));
    messages.push(json!({"type": "alias", "messageId": "alias-1"}));
    messages.push(identify(
        &json!({"email": "sarah@klaviyo-demo.com"}),
        &json!({}),
    ));
    messages.push(json!({"type": "identify", "userId": "usr_2", "traits": {}}));
    let (code, output) = compare(&old, &new, &messages);
    assert_eq!(code, 1, "{output}");
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(output) });
}

#[test]
fn warnings_that_come_and_go_are_differences() {
    let email = SettingsFile::new("warnings-email", "LIST_ID=Y6nRLr\n");
    let sms = SettingsFile::new("warnings-sms", "LIST_ID=Y6nRLr\nCONSENT_CHANNELS=sms\n");
    let traits = json!({"email": "sarah@klaviyo-demo.com"});
    let message = [identify(&traits, &json!({}))];

    let (_, output) = compare(&email, &sms, &message);
    assert!(
        output.contains("\n    + warning not_subscribed\n"),
        "{output}"
    );
    let (_, output) = compare(&sms, &email, &message);
    assert!(
        output.contains("\n    − warning not_subscribed\n"),
        "{output}"
    );
}

/// A shop can see what it would lose before it gives the names up.
#[test]
fn the_names_of_classic_are_shown_before_they_go() {
    let old = SettingsFile::new("classic-old", "");
    let new = SettingsFile::new("classic-new", "CLASSIC_PROPERTY_NAMES=false\n");
    let traits = json!({"email": "sarah@klaviyo-demo.com", "firstName": "Sarah", "tier": "gold"});
    let mut order = order("R1", 1);
    order["properties"]["products"][0]["name"] = json!("Jam");
    let (code, output) = compare(&old, &new, &[order, identify(&traits, &json!({}))]);
    assert_eq!(code, 1, "{output}");
    for expected in [
        "2 messages: 0 with a different outcome, 2 with different requests or warnings\n",
        "\n    − properties firstName\n",
        "Item Names",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
    assert!(!output.contains("tier"), "{output}");
}

#[test]
fn scripts_get_the_same_as_json() {
    let old = SettingsFile::new("json-old", "");
    let new = SettingsFile::new(
        "json-new",
        "ENFORCE_EMAIL=false\nEVENTS_BLOCKED=Ordered Product\n",
    );
    let nobody = json!({"type": "track", "event": "Seen", "messageId": "m-1", "userId": "usr_1"});
    let messages = [nobody.to_string(), order("R1", 1).to_string()].join("\n");
    let (code, output) = segment_klaviyo(
        &["compare", "--json", old.path(), new.path(), "-"],
        &messages,
    );
    assert_eq!(code, 1, "{output}");
    let found: Value = serde_json::from_str(&output).unwrap();
    let expected = json!({
        "messages": 2,
        "different_outcomes": 1,
        "different_requests": 1,
        "outcomes": [{
            "kind": "track Seen",
            "before": {"outcome": "ignored", "reason": "no_email"},
            "after": {"outcome": "sent", "reason": null},
            "message_ids": ["m-1"],
        }],
        "requests": [{
            "kind": "track Order Completed",
            "message_ids": ["m-R1"],
            "changes": [{"change": "removed", "name": "POST /api/events Ordered Product", "messages": 1}],
            "properties": [],
        }],
    });
    assert_eq!(found, expected);
}

#[test]
fn equivalent_settings_make_no_difference() {
    let old = SettingsFile::new("same-old", "");
    let new = SettingsFile::new("same-new", "ENFORCE_EMAIL=true\n");
    let (code, output) = compare(&old, &new, &[order("R1", 1)]);
    assert_eq!(code, 0, "{output}");
    assert_eq!(
        output,
        "1 message: 0 with a different outcome, 0 with different requests or warnings\n"
    );
}

#[test]
fn invalid_settings_are_an_error() {
    let valid = SettingsFile::new("valid", "");
    for (name, text, expected) in [
        ("word", "LIST_ID=a\nhello", "line 2: expected KEY=VALUE"),
        (
            "typo",
            "ENFORCE_MAIL=true",
            "line 1: unknown setting ENFORCE_MAIL; did you mean ENFORCE_EMAIL?",
        ),
        (
            "value",
            "ENFORCE_EMAIL=yes",
            ": ENFORCE_EMAIL is invalid: expected true or false",
        ),
    ] {
        let invalid = SettingsFile::new(name, text);
        let (code, output) = compare(&valid, &invalid, &[order("R1", 1)]);
        assert_eq!(code, 2, "{output}");
        assert!(output.starts_with("error: "), "{output}");
        assert!(output.contains(expected), "{output}");
    }
}

#[test]
fn a_file_without_messages_is_an_error() {
    let settings = SettingsFile::new("no-messages", "");
    let (code, output) = compare(&settings, &settings, &[json!(5)]);
    assert_eq!(code, 2, "{output}");
    assert!(
        output.starts_with("error: stdin: neither an event nor a message"),
        "{output}"
    );
}
