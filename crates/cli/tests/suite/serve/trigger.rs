//! Samples by name, sent to a function that runs elsewhere, and its log.

use std::fs;
use std::path::Path;

use super::Server;
use crate::support::{outputs_with, segment_klaviyo};

const SECRET: &str = "a-secret-of-this-test";

/// Runs `trigger` against a server with the secret in the environment.
fn trigger(server: &Server, arguments: &[&str]) -> (i32, String) {
    let url = format!("{}/segment", server.url);
    let mut all = vec!["trigger", "--url", &url];
    all.extend(arguments);
    let variables = [("SEGMENT_SHARED_SECRET", SECRET)];
    let (code, stdout, stderr) = outputs_with(&all, "", &variables);
    (code, stdout + &stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_reach_a_function_elsewhere_signed_and_each_is_a_new_one() {
    let server = Server::start(Some(SECRET)).await;
    for (name, code, expected) in [
        ("order-completed", 0, "200: 1 delivered"),
        ("order-completed", 0, "200: 1 delivered"),
        ("identify-add-to-list", 0, "200: 1 delivered"),
        ("batch", 1, "200: 3 delivered, 2 ignored, 1 rejected"),
        ("track-without-email", 0, "200: ignored\n  ignored no_email"),
        ("unsigned", 1, "401: "),
        ("invalid-signature", 1, "401: "),
    ] {
        let (found, shown) = trigger(&server, &[name]);
        assert_eq!(found, code, "{name}: {shown}");
        assert!(shown.contains(expected), "{name}: {shown}");
    }
    let deliveries = server.deliveries(0).await;
    assert_eq!(deliveries.len(), 7);
    let id = |index: usize| deliveries[index]["messages"][0]["message_id"].clone();
    let (first, second) = (id(6), id(5));
    assert_ne!(first, second);
    assert!(first.as_str().unwrap().starts_with("ajs-next-"), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_sample_can_be_changed() {
    let server = Server::start(Some(SECRET)).await;
    let changes = [
        "order-completed",
        "--override",
        "properties.revenue=12",
        "--override",
        "event=Order Refunded",
        "--email",
        "me@klaviyo-demo.com",
    ];
    let (code, shown) = trigger(&server, &changes);
    assert_eq!(code, 0, "{shown}");
    let deliveries = server.deliveries(0).await;
    let body = deliveries[0]["requests"][0]["body"].as_str().unwrap();
    for part in ["\"value\": 12", "Order Refunded", "me@klaviyo-demo.com"] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert!(!body.contains("sarah.mason"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_serve_is_followed() {
    let name = format!("serve-{}.log", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let log = path.to_str().unwrap();
    let server = Server::start_with(Some(SECRET), &["--log", log]).await;
    for name in ["order-completed", "batch", "unsigned"] {
        trigger(&server, &[name]);
    }
    let (code, shown) = segment_klaviyo(&["tail", log], "");
    assert_eq!(code, 0, "{shown}");
    assert_eq!(shown.lines().count(), 4, "{shown}");
    let (_, shown) = segment_klaviyo(&["tail", "--status", "rejected", log], "");
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("message rejected  ajs-next-"), "{shown}");
    let lines = fs::read_to_string(&path).unwrap();
    assert!(!lines.contains("klaviyo-demo.com"), "{lines}");
    fs::remove_file(path).unwrap();
}

#[test]
fn unknown_samples_and_paths_are_an_error() {
    for (arguments, expected) in [
        (
            &["trigger", "order-complete"][..],
            "did you mean order-completed?",
        ),
        (&["trigger", "refund"], "`trigger --list` shows all"),
        (
            &["trigger", "identify", "--override", "traits"],
            "expected PATH=VALUE",
        ),
        (
            &["trigger", "identify", "--override", "type.a=1"],
            "inside of a value that is no object",
        ),
        (
            &["trigger", "identify", "--url", "http://127.0.0.1:1/segment"],
            "cannot be reached",
        ),
    ] {
        let (code, shown) = segment_klaviyo(arguments, "");
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
    let (code, shown) = segment_klaviyo(&["trigger", "--list"], "");
    assert_eq!((code, shown.lines().count()), (0, 10), "{shown}");
}
