//! The built binary against a Lambda Runtime API:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use segment_klaviyo::standin::StandIn;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::support::root;

/// The part of Lambda that hands out events and takes answers.
struct RuntimeApi {
    address: String,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
}

#[derive(Clone)]
struct Queues {
    events: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

impl RuntimeApi {
    async fn start() -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let (sender, answers) = mpsc::unbounded_channel();
        let queues = Queues { events: Arc::new(tokio::sync::Mutex::new(receiver)), answers: sender };
        let service = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(take))
            .with_state(queues);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, service).await });
        RuntimeApi { address, events, answers }
    }

    /// Invokes the function: `("response" | "error", the payload)`.
    async fn invoke(&mut self, event: &str) -> (String, Value) {
        self.events.send(event.to_owned()).unwrap();
        tokio::time::timeout(Duration::from_secs(30), self.answers.recv()).await.expect("an answer in time").unwrap()
    }
}

async fn next(State(queues): State<Queues>) -> (HeaderMap, String) {
    let event = queues.events.lock().await.recv().await.unwrap_or_default();
    let deadline = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(10);
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-trace-id", "Root=1-a-b;Parent=c;Sampled=1".to_owned()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned()),
    ];
    (headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(), event)
}

async fn take(State(queues): State<Queues>, Path((_, kind)): Path<(String, String)>, body: String) -> &'static str {
    queues.answers.send((kind, serde_json::from_str(&body).unwrap())).unwrap();
    "{}"
}

fn bootstrap(standin: &StandIn, runtime_api: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command
        .env_clear()
        .envs(standin.environment())
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn lines(mut child: Child, count: usize) -> Vec<Value> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut read = Vec::new();
    while read.len() < count {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.expect("a line in time");
        match line.unwrap() {
            Some(line) => read.push(serde_json::from_str(&line).unwrap()),
            None => break,
        }
    }
    read
}

fn sample(name: &str) -> String {
    std::fs::read_to_string(root(&format!("events/{name}.json"))).unwrap()
}

#[tokio::test]
async fn the_binary_answers_lambda_and_logs_json() {
    let standin = StandIn::start().await.unwrap();
    let mut lambda = RuntimeApi::start().await;
    let daemon = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = bootstrap(&standin, &lambda.address);
    let child = command.env("AWS_XRAY_DAEMON_ADDRESS", daemon.local_addr().unwrap().to_string()).spawn().unwrap();

    for (name, status) in
        [("order-completed", 200), ("rest-api-order-completed", 200), ("unsigned", 401), ("malformed", 400)]
    {
        let (kind, response) = lambda.invoke(&sample(name)).await;
        assert_eq!((kind.as_str(), &response["statusCode"]), ("response", &status.into()), "{name}");
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert!(body["message"].is_string(), "{name}");
    }
    assert_eq!(standin.held().account.events.len(), 6);
    assert_eq!(standin.held().fetches, 1);

    let mut datagram = [0; 2_000];
    let read = daemon.recv(&mut datagram).expect("a datagram in time");
    assert!(String::from_utf8_lossy(&datagram[..read]).contains(r#""trace_id":"1-a-b""#));

    let log = lines(child, 4).await;
    let statuses: Vec<_> = log.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 401, 400]);
    assert_eq!(log[0]["request_id"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    assert_eq!((&log[0]["cold_start"], &log[1]["cold_start"]), (&true.into(), &false.into()));
    let text = serde_json::to_string(&log).unwrap().to_lowercase();
    assert!(!text.contains("sarah") && !text.contains("pk_"), "{text}");
}

#[tokio::test]
async fn an_event_of_the_wrong_shape_is_an_error_and_the_next_one_works() {
    let standin = StandIn::start().await.unwrap();
    let mut lambda = RuntimeApi::start().await;
    let _child = bootstrap(&standin, &lambda.address).spawn().unwrap();
    for event in ["[1, 2]", r#"{"Records": [{"eventSource": "aws:sns"}]}"#, r#"{"key": "value"}"#] {
        assert_eq!(lambda.invoke(event).await.0, "error", "{event}");
    }
    let (kind, response) = lambda.invoke(&sample("identify")).await;
    assert_eq!((kind.as_str(), &response["statusCode"]), ("response", &200.into()));
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_ends() {
    let standin = StandIn::start().await.unwrap();
    for (name, value, expected) in [
        ("ENFORCE_EMAIL", "perhaps", "settings: ENFORCE_EMAIL cannot be read: expected true or false"),
        ("SECRET_ID", "", "settings: SECRET_ID is not set: it is required"),
    ] {
        let mut child = bootstrap(&standin, "127.0.0.1:1").env(name, value).spawn().unwrap();
        let status = child.wait().await.unwrap();
        let log = lines(child, 1).await;
        assert!(!status.success());
        assert_eq!((&log[0]["level"], &log[0]["error"]), (&"ERROR".into(), &expected.into()));
    }
}
