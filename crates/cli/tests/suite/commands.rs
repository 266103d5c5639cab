//! The commands accept messages in every form, and have exit codes for scripts.

use std::process::Command;

use segment_klaviyo::signature::sign;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::{Value, json};

use crate::support::{order, root, segment_klaviyo, track};

#[test]
fn messages_are_accepted_in_every_form() {
    let (one, other) = (
        track("m-1", &json!({})).to_string(),
        order("R1", 2).to_string(),
    );
    for (form, input, expected, expected_code) in [
        ("one message", one.clone(), "1 delivered", 0),
        ("an array", format!("[{one},{other}]"), "2 delivered", 0),
        ("NDJSON", format!("{one}\n{other}\n"), "2 delivered", 0),
        (
            "an array with something else in it",
            format!("[{one},5]"),
            "1 delivered, 1 rejected",
            1,
        ),
    ] {
        let (code, shown) = segment_klaviyo(&["-"], &input);
        assert!(
            shown.contains(&format!("Segment is told 200: {expected}\n")),
            "{form}: {shown}"
        );
        assert_eq!(code, expected_code, "{form}");
    }
    let (code, shown) = segment_klaviyo(&["send", "-"], &one.replace('{', "["));
    assert!(
        code == 2 && shown.starts_with("error: stdin: line 1, column "),
        "{shown}"
    );
}

#[test]
fn signatures_are_created_and_verified() {
    let message = track("m-1", &json!({})).to_string();
    let batch = format!("[{message},{message}]");
    let signature = sign(message.as_bytes(), SHARED_SECRET).unwrap();
    assert_eq!(
        segment_klaviyo(&["sign", "-"], &message),
        (0, format!("{signature}\n"))
    );
    assert_eq!(
        segment_klaviyo(&["sign", "-"], &batch),
        (0, format!("{signature}\n"))
    );
    let with_another_secret = sign(message.as_bytes(), "another").unwrap();
    assert_eq!(
        segment_klaviyo(&["sign", "--secret", "another", "-"], &message),
        (0, format!("{with_another_secret}\n"))
    );

    for (case, body, signature, secret, code, expected) in [
        (
            "single",
            &message,
            &signature,
            SHARED_SECRET,
            0,
            "fits: Segment signed the single message",
        ),
        (
            "first of a batch",
            &batch,
            &signature,
            SHARED_SECRET,
            0,
            "fits: Segment signed the first message of the batch",
        ),
        (
            "another secret",
            &message,
            &signature,
            "another",
            1,
            "does not fit",
        ),
        (
            "another body",
            &message.replace("m-1", "m-2"),
            &signature,
            SHARED_SECRET,
            1,
            "does not fit",
        ),
        (
            "no hex",
            &message,
            &"hello".to_owned(),
            SHARED_SECRET,
            1,
            "does not fit",
        ),
    ] {
        let (found, shown) = segment_klaviyo(&["verify", "--secret", secret, "-", signature], body);
        assert!(
            found == code && shown.starts_with(expected),
            "{case}: {found} {shown}"
        );
    }
    let (code, shown) = segment_klaviyo(&["sign", "--secret", " ", "-"], &message);
    assert_eq!(
        (code, shown.as_str()),
        (2, "error: segment_shared_secret is empty or not text\n")
    );
}

#[test]
fn common_mistakes_with_bodies_are_noted() {
    let (code, shown) = segment_klaviyo(&["sign", "events/order-completed.json"], "");
    assert_eq!(code, 0);
    assert!(
        shown.contains("ends with a line break, which is signed too"),
        "{shown}"
    );
    assert!(
        shown.contains("is a Lambda event; Segment signs only its body"),
        "{shown}"
    );
}

#[test]
fn a_check_fails_when_a_delivery_would() {
    let (code, shown) = segment_klaviyo(&["check"], "");
    assert!(
        code == 0 && shown.contains("ok      events:write: klaviyo_api_key may do this"),
        "{shown}"
    );
    let (code, shown) = segment_klaviyo(&["check", "--settings", "LIST_ID=Y6nRLr"], "");
    assert!(
        code == 1 && shown.contains("failed  list: Y6nRLr does not exist"),
        "{shown}"
    );
    let (_, report) = segment_klaviyo(&["check", "--json"], "");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["klaviyo"], &report["check"]),
        (&json!("stand-in"), &json!("warning"))
    );
    let (code, shown) = segment_klaviyo(&["check", "--klaviyo-url", "http://127.0.0.1:1"], "");
    assert!(
        code == 2 && shown.contains("--klaviyo-url needs KLAVIYO_API_KEY"),
        "{shown}"
    );
}

#[test]
fn every_command_has_a_help_text_with_an_example() {
    let (_, help) = segment_klaviyo(&["--help"], "");
    let commands = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    // Lines with more indentation continue a description.
    let lines = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '));
    let names: Vec<_> = lines
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 7 && names.contains(&"explain"), "{names:?}");
    for name in names.iter().filter(|name| **name != "help") {
        let (code, help) = segment_klaviyo(&[name, "--help"], "");
        assert!(
            code == 0 && help.contains(&format!("segment-klaviyo {name} ")),
            "{help}"
        );
        assert!(
            help.trim_end()
                .lines()
                .rev()
                .take(3)
                .any(|line| line.starts_with("Example")),
            "{help}"
        );
    }
}

#[test]
fn completions_contain_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script) = segment_klaviyo(&["completions", shell], "");
        assert!(
            code == 0 && script.contains("stand-in") && script.contains("explain"),
            "{shell}"
        );
    }
}

#[test]
fn colors_are_for_terminals_and_on_request() {
    for (environment, is_colored) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
        tool.env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .envs(environment.iter().copied());
        let shown = tool
            .arg("explain")
            .arg(root("events/identify.json"))
            .output()
            .unwrap()
            .stdout;
        assert_eq!(shown.contains(&0x1b), is_colored, "{environment:?}");
    }
}
