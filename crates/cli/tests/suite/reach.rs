//! Which Klaviyo a command talks to, and what it says when nobody answers there.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use segment_klaviyo_stand_in::{API_KEY, StandIn};
use serde_json::Value;

use crate::support::{root, segment_klaviyo};

const ORDER: &str = "events/order-completed.json";

/// Runs the tool with a key. Returns the exit code, and stdout followed by stderr.
fn with_key(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
    command.args(arguments).current_dir(root(""));
    let output = command.env("KLAVIYO_API_KEY", API_KEY).output().unwrap();
    let shown = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8(shown).unwrap())
}

#[test]
fn the_stand_in_is_named_and_a_key_that_is_not_used() {
    for arguments in [&["send", ORDER][..], &["check"]] {
        let (_, shown) = segment_klaviyo(arguments, "");
        assert!(
            shown.starts_with("Klaviyo: a stand-in on this machine (nothing leaves it)\n"),
            "{shown}"
        );
        assert!(!shown.contains("KLAVIYO_API_KEY is not used"), "{shown}");
        let (_, shown) = with_key(arguments);
        assert!(shown.contains("KLAVIYO_API_KEY is not used"), "{shown}");
    }
    let (_, shown) = segment_klaviyo(&["check"], "");
    assert!(
        shown.contains("A stand-in answered: it says nothing about a real key"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_klaviyo_is_named_by_its_url() {
    let stand_in = StandIn::start().await.unwrap();
    let url = stand_in.url();
    let with_slash = format!("{url}/");
    for command in ["send", "check"] {
        let mut arguments = vec![command, "--klaviyo-url", &with_slash];
        if command == "send" {
            arguments.push(ORDER);
        }
        let (code, shown) = with_key(&arguments);
        assert_eq!(code, 0, "{shown}");
        assert!(shown.starts_with(&format!("Klaviyo: {url}\n")), "{shown}");
        assert!(!shown.contains("stand-in"), "{shown}");
        arguments.push("--json");
        let (_, output) = with_key(&arguments);
        let document: Value = serde_json::from_str(&output).unwrap();
        let found = document.get(0).unwrap_or(&document);
        assert_eq!(found["klaviyo"], url, "{output}");
    }
}

#[test]
fn nobody_answering_is_an_error_of_one_line() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for (url, reason, limit) in [
        ("http://127.0.0.1:1", "Connection refused", 2),
        (&silent, "no answer in time", 10),
    ] {
        for arguments in [&["send", "--json", ORDER][..], &["check", "--json"]] {
            let started = Instant::now();
            let (code, shown) = with_key(&[arguments, &["--klaviyo-url", url]].concat());
            assert_eq!(code, 2, "{shown}");
            let expected = format!("{url} cannot be reached: {reason}");
            let last = shown.lines().last().unwrap();
            assert!(
                last.starts_with("error: ") && last.contains(&expected),
                "{shown}"
            );
            assert!(shown.lines().count() <= 2, "{shown}");
            let taken = started.elapsed();
            assert!(taken < Duration::from_secs(limit), "{taken:?}");
        }
    }
}

#[test]
fn a_url_that_is_none_is_refused() {
    for url in ["a.klaviyo.com", "ftp://a.klaviyo.com", "https://"] {
        let (code, shown) = with_key(&["check", "--klaviyo-url", url]);
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains("such as https://a.klaviyo.com"), "{shown}");
    }
}
