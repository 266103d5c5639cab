//! `segment-klaviyo compare` sums up what other settings would do to a file of messages, by the built program.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{identify, order, segment_klaviyo, track};

/// A file of settings that lives as long as the test.
struct Settings(PathBuf);

impl Settings {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("compare-{}-{name}.env", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Settings(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn compare(old: &Settings, new: &Settings, messages: &[Value]) -> (i32, String) {
    let lines: Vec<_> = messages.iter().map(Value::to_string).collect();
    segment_klaviyo(
        &[
            "compare",
            "--now",
            "2026-11-20T12:00:00Z",
            old.path(),
            new.path(),
            "-",
        ],
        &lines.join("\n"),
    )
}

#[test]
fn differences_are_summed_up_by_what_the_messages_are() {
    let old = Settings::new(
        "sum-old",
        "# as deployed\nLIST_ID=Y6nRLr\n\nEVENTS_BLOCKED=\"Product Viewed\"\n",
    );
    let new = Settings::new(
        "sum-new",
        "LIST_ID=Y6nRLr\nENFORCE_EMAIL=false\nAWS_REGION=us-east-1\nKLAVIYO_PROPERTY_NAMES=false",
    );
    let mut messages: Vec<_> = (0..5)
        .map(|n| track(&format!("view-{n}"), &json!({})))
        .collect();
    messages.extend([
        order("R1", 1),
        order("R2", 2),
        json!({"type": "alias", "messageId": "alias-1"}),
    ]);
    messages.push(identify(
        &json!({"email": "sarah@klaviyo-demo.com"}),
        &json!({}),
    ));
    messages.push(json!({"type": "identify", "userId": "usr_2", "traits": {}}));
    let (code, shown) = compare(&old, &new, &messages);
    assert_eq!(code, 1, "{shown}");
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(shown) });
}

#[test]
fn settings_that_mean_the_same_make_no_difference() {
    let old = Settings::new("same-old", "");
    let new = Settings::new("same-new", "ENFORCE_EMAIL=true\n");
    let (code, shown) = compare(&old, &new, &[order("R1", 1)]);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(
        shown,
        "1 message: 0 with another outcome, 0 of which Klaviyo gets something else\n"
    );
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let good = Settings::new("good", "");
    for (name, text, expected) in [
        ("word", "LIST_ID=a\nhello", "line 2: expected KEY=VALUE"),
        (
            "typo",
            "ENFORCE_MAIL=true",
            "line 1: unknown setting; expected one of ENVIRONMENT",
        ),
        (
            "value",
            "ENFORCE_EMAIL=yes",
            ": ENFORCE_EMAIL is invalid: expected true or false",
        ),
    ] {
        let (code, shown) = compare(&good, &Settings::new(name, text), &[order("R1", 1)]);
        assert_eq!(code, 2, "{shown}");
        assert!(
            shown.starts_with("error: ") && shown.contains(expected),
            "{shown}"
        );
    }
    let (code, shown) = compare(&good, &good, &[json!(5)]);
    assert_eq!(
        (
            code,
            shown.starts_with("error: stdin: neither an event nor a message")
        ),
        (2, true),
        "{shown}"
    );
}
