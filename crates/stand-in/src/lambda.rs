//! The part of Lambda that hands out events and takes answers:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::AppendHeaders;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What Lambda takes as an answer.
const MOST_BYTES: usize = 6 * 1024 * 1024;
/// The time that an invocation is told it has.
const TIME: Duration = Duration::from_secs(10);
/// How long the function is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("the function does not answer")]
pub struct NoAnswer;

/// A Runtime API for one function, on loopback. It stops when it is dropped.
pub struct RuntimeApi {
    address: String,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    polls: mpsc::UnboundedReceiver<Instant>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Queues {
    events: Arc<Mutex<mpsc::UnboundedReceiver<String>>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
    polls: mpsc::UnboundedSender<Instant>,
}

impl RuntimeApi {
    /// Serves on a free port of the loopback interface.
    pub async fn start() -> io::Result<Self> {
        let (events, next_events) = mpsc::unbounded_channel();
        let (given, answers) = mpsc::unbounded_channel();
        let (polled, polls) = mpsc::unbounded_channel();
        let queues = Queues {
            events: Arc::new(Mutex::new(next_events)),
            answers: given,
            polls: polled,
        };
        let service = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(take))
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(queues);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(RuntimeApi {
            address,
            events,
            answers,
            polls,
            server,
        })
    }

    /// What Lambda's environment says of a function.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", "f".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ]
    }

    /// When the function asks for an event for the first time, or again: it is ready then.
    pub async fn ready(&mut self) -> Result<Instant, NoAnswer> {
        timeout(PATIENCE, self.polls.recv())
            .await
            .ok()
            .flatten()
            .ok_or(NoAnswer)
    }

    /// Hands out an event: `response` or `error`, and what the function says.
    pub async fn invoke(&mut self, event: &str) -> Result<(String, Value), NoAnswer> {
        self.events.send(event.to_owned()).map_err(|_| NoAnswer)?;
        timeout(PATIENCE, self.answers.recv())
            .await
            .ok()
            .flatten()
            .ok_or(NoAnswer)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Headers = AppendHeaders<[(&'static str, String); 4]>;

async fn next(State(queues): State<Queues>) -> Result<(Headers, String), StatusCode> {
    let _ = queues.polls.send(Instant::now());
    let event = queues
        .events
        .lock()
        .await
        .recv()
        .await
        .ok_or(StatusCode::GONE)?;
    let deadline = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        + TIME;
    let headers = [
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        ),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-a-b;Parent=c;Sampled=1".to_owned(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(),
        ),
    ];
    Ok((AppendHeaders(headers), event))
}

async fn take(
    State(queues): State<Queues>,
    Path((_, kind)): Path<(String, String)>,
    body: String,
) -> &'static str {
    let _ = queues
        .answers
        .send((kind, serde_json::from_str(&body).unwrap_or_default()));
    "{}"
}
