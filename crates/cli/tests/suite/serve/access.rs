//! Access to the page and to the endpoint.

use std::process::Stdio;

use segment_klaviyo::signature;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::json;
use tokio::process::Command;

use super::{Server, client, line};
use crate::support::track;

#[tokio::test]
async fn the_page_is_only_for_this_machine_and_loads_nothing_from_elsewhere() {
    let server = Server::start(None).await;
    for path in ["/", "/page.css", "/page.js", "/deliveries/after/0"] {
        let response = server.get(path, &[]).await;
        assert_eq!(response.status(), 200, "{path}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        for (name, value) in [
            ("host", "rebound.klaviyo-demo.com"),
            ("x-forwarded-for", "203.0.113.7"),
        ] {
            let refused = server.get(path, &[(name, value)]).await;
            assert_eq!(refused.status(), 403, "{path} {name}");
            assert!(!refused.text().await.unwrap().contains("deliveries"));
        }
    }
    let body = track("m1", &json!({})).to_string();
    let tunneled = client()
        .post(format!("{}/segment", server.url))
        .header("host", "tunnel.klaviyo-demo.com")
        .header("x-forwarded-for", "203.0.113.7")
        .header(
            "x-signature",
            signature::sign(body.as_bytes(), SHARED_SECRET).unwrap(),
        )
        .body(body);
    assert_eq!(
        tunneled.send().await.unwrap().status(),
        200,
        "a tunnel may deliver"
    );
}

#[tokio::test]
async fn the_page_needs_the_token() {
    let (server, other) = (Server::start(None).await, Server::start(None).await);
    let token = |server: &Server| {
        server
            .page
            .strip_prefix(&format!("{}/", server.url))
            .unwrap()
            .to_owned()
    };
    let (mine, others) = (token(&server), token(&other));
    assert_eq!(
        (mine.len(), mine == others),
        (32, false),
        "128 bits, new with each start"
    );
    let paths = ["/", "/page.js", "/deliveries/after/0", "//", "/segment/"].map(str::to_owned);
    let wrong = [&others, &mine[1..], "0"].map(|token| format!("/{token}/deliveries/after/0"));
    for path in paths.iter().chain(&wrong) {
        // A plain tunnel connects from this machine, under its name and without a header of its
        // own.
        let response = client()
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 403, "{path}");
        let text = response.text().await.unwrap();
        assert!(!text.contains(&mine) && !text.contains("klaviyo"), "{text}");
    }
}

#[test]
fn the_samples_secret_works_only_on_this_machine_with_the_stand_in() {
    let cases = [
        (
            &["--klaviyo-url", "http://127.0.0.1:9"][..],
            "error: --klaviyo-url needs",
        ),
        (
            &["--listen", "0.0.0.0:0"],
            "error: --listen with an address that others can reach needs",
        ),
        (&["--listen", "[::]:0"], "error: --listen with"),
    ];
    for (arguments, expected) in cases {
        for secret in [None, Some(SHARED_SECRET)] {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
            command
                .arg("serve")
                .args(arguments)
                .env_remove("SEGMENT_SHARED_SECRET")
                .env("KLAVIYO_API_KEY", "pk_1");
            let output = command
                .envs(secret.map(|secret| ("SEGMENT_SHARED_SECRET", secret)))
                .output()
                .unwrap();
            let shown = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{shown}");
            assert!(
                shown.starts_with(expected) && shown.contains("SEGMENT_SHARED_SECRET"),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn with_another_secret_it_may_listen_on_all_addresses() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
    command.args([
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--klaviyo-url",
        "http://127.0.0.1:9",
    ]);
    command
        .env("SEGMENT_SHARED_SECRET", "my-own")
        .env("KLAVIYO_API_KEY", "pk_1");
    let mut program = command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let line = line(&mut program).await;
    assert!(
        line.contains(" http://127.0.0.1:"),
        "the page is on this machine: {line}"
    );
}
