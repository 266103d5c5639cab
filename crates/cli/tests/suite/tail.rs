//! The function's log as `tail` shows it, from the forms in which logs come.

use std::fs;

use crate::support::{root, segment_klaviyo};

fn log() -> String {
    fs::read_to_string(root("crates/cli/tests/fixtures/function.log")).unwrap()
}

fn shown(options: &[&str], log: &str) -> Vec<String> {
    let (code, shown) = segment_klaviyo(&[&["tail"], options].concat(), log);
    assert_eq!(code, 0, "{shown}");
    shown.lines().map(str::to_owned).collect()
}

#[test]
fn each_delivery_is_a_line_and_foreign_lines_are_left_out() {
    let lines = shown(&[], &log());
    assert_eq!(lines.len(), 6);
    assert_eq!(
        lines[0],
        "10:00:00Z  200    1 delivered  3 requests, 118 ms"
    );
    assert!(lines[3].contains("2 queued  (throttled 2)"), "{}", lines[3]);
    assert!(lines[4].contains("queue  2 delivered"), "{}", lines[4]);
    assert!(lines[5].contains("not queued  the queue cannot be written"));
}

#[test]
fn what_other_programs_put_before_a_line_does_not_matter() {
    let mut text = String::from("START RequestId: 1 Version: $LATEST\n\n{not json}\n");
    for line in log().lines() {
        // As `aws logs tail` and `sam logs` print them.
        text.push_str(&format!("2026-11-20T10:00:00 {line}\n"));
        text.push_str(&format!(
            "2026/11/20/[3]a1b2 2026-11-20T10:00:00.1 {line}\n"
        ));
    }
    assert_eq!(shown(&[], &text).len(), 12);
    assert!(shown(&[], "").is_empty());
}

#[test]
fn lines_are_chosen_by_status_and_text() {
    for (options, expected) in [
        (&["--status", "rejected"][..], 2),
        (&["--status", "queued"], 1),
        (&["--status", "error"], 1),
        (&["--status", "queued", "--status", "error"], 2),
        (&["--status", "delivered"], 3),
        (&["--search", "INVALID_event_name"], 2),
        (&["--search", "0c0a3d0e"], 1),
        (&["--search", "0c0a3d0e", "--status", "queued"], 0),
    ] {
        assert_eq!(shown(options, &log()).len(), expected, "{options:?}");
    }
    let json = shown(&["--json", "--status", "queued"], &log());
    assert_eq!(Some(json[0].as_str()), log().lines().nth(4));
}
