//! The program that Lambda runs, against a Runtime API.

use std::process::Stdio;
use std::time::Duration;

use segment_klaviyo_stand_in::{RuntimeApi, StandIn};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::function::sample;
use crate::support::klaviyo::Klaviyo;
use crate::support::secrets::SecretsManager;

fn bootstrap(stand_in: &StandIn, lambda: &RuntimeApi) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command
        .env_clear()
        .envs(stand_in.environment())
        .envs(lambda.environment())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Reads so many lines of the log, or all of them if the program ends before.
async fn lines(mut child: Child, count: usize) -> Vec<Value> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut read = Vec::new();
    while read.len() < count {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line())
            .await
            .expect("a line in time");
        match line.unwrap() {
            Some(line) => read.push(serde_json::from_str(&line).unwrap()),
            None => break,
        }
    }
    read
}

#[tokio::test]
async fn the_binary_answers_lambda_and_logs_json() {
    let stand_in = StandIn::start().await.unwrap();
    let mut lambda = RuntimeApi::start().await.unwrap();
    let child = bootstrap(&stand_in, &lambda).spawn().unwrap();

    for (name, status) in [
        ("order-completed", 200),
        ("rest-api-order-completed", 200),
        ("unsigned", 401),
        ("malformed", 400),
    ] {
        let (kind, response) = lambda.invoke(&sample(name).to_string()).await.unwrap();
        assert_eq!(
            (kind.as_str(), &response["statusCode"]),
            ("response", &status.into()),
            "{name}"
        );
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert!(body["message"].is_string(), "{name}");
    }
    assert_eq!(Klaviyo::of(&stand_in).events().len(), 6);
    assert_eq!(SecretsManager::of(&stand_in).fetches(), 1);

    let log = lines(child, 4).await;
    let statuses: Vec<_> = log
        .iter()
        .map(|line| line["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 200, 401, 400]);
    assert_eq!(log[0]["request_id"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    assert_eq!(
        (&log[0]["cold_start"], &log[1]["cold_start"]),
        (&true.into(), &false.into())
    );
    let text = serde_json::to_string(&log).unwrap().to_lowercase();
    assert!(!text.contains("sarah") && !text.contains("pk_"), "{text}");
}

#[tokio::test]
async fn an_unsupported_event_is_an_error_and_the_next_one_works() {
    let stand_in = StandIn::start().await.unwrap();
    let mut lambda = RuntimeApi::start().await.unwrap();
    let _child = bootstrap(&stand_in, &lambda).spawn().unwrap();
    for event in [
        "[1, 2]",
        r#"{"Records": [{"eventSource": "aws:sns"}]}"#,
        r#"{"key": "value"}"#,
    ] {
        assert_eq!(lambda.invoke(event).await.unwrap().0, "error", "{event}");
    }
    let (kind, response) = lambda
        .invoke(&sample("identify").to_string())
        .await
        .unwrap();
    assert_eq!(
        (kind.as_str(), &response["statusCode"]),
        ("response", &200.into())
    );
}

#[tokio::test]
async fn a_failed_start_says_why_and_ends() {
    let stand_in = StandIn::start().await.unwrap();
    let lambda = RuntimeApi::start().await.unwrap();
    for (name, value, expected) in [
        (
            "ENFORCE_EMAIL",
            "perhaps",
            "settings: ENFORCE_EMAIL is invalid: expected true or false",
        ),
        (
            "SECRET_ID",
            "",
            "settings: SECRET_ID is required but not set",
        ),
    ] {
        let mut child = bootstrap(&stand_in, &lambda)
            .env(name, value)
            .spawn()
            .unwrap();
        let status = child.wait().await.unwrap();
        let log = lines(child, 1).await;
        assert!(!status.success());
        assert_eq!(
            (&log[0]["level"], &log[0]["error"]),
            (&"ERROR".into(), &expected.into())
        );
    }
}
