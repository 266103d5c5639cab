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

/// The most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;
/// The time until an invocation's deadline.
const INVOCATION_TIME: Duration = Duration::from_secs(10);
/// The time to wait for the function.
const PATIENCE: Duration = Duration::from_secs(30);

/// The function has not answered in time.
#[derive(Debug, thiserror::Error)]
#[error("the function does not answer")]
pub struct AnswerTimeout;

/// A Runtime API for one function, on loopback. It stops when it is dropped.
pub struct RuntimeApi {
    address: String,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    polls: mpsc::UnboundedReceiver<Instant>,
    server: JoinHandle<()>,
}

/// The server's ends of the channels.
#[derive(Clone)]
struct Channels {
    events: Arc<Mutex<mpsc::UnboundedReceiver<String>>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
    polls: mpsc::UnboundedSender<Instant>,
}

impl RuntimeApi {
    /// Serves on a free port of the loopback interface.
    pub async fn start() -> io::Result<Self> {
        let (event_sender, event_receiver) = mpsc::unbounded_channel();
        let (answer_sender, answer_receiver) = mpsc::unbounded_channel();
        let (poll_sender, poll_receiver) = mpsc::unbounded_channel();
        let channels = Channels {
            events: Arc::new(Mutex::new(event_receiver)),
            answers: answer_sender,
            polls: poll_sender,
        };
        let service = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_event))
            .route(
                "/2018-06-01/runtime/invocation/{id}/{kind}",
                post(take_answer),
            )
            .layer(DefaultBodyLimit::max(MAX_ANSWER_BYTES))
            .with_state(channels);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(RuntimeApi {
            address,
            events: event_sender,
            answers: answer_receiver,
            polls: poll_receiver,
            server,
        })
    }

    /// Returns the variables that Lambda sets for a function.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", "f".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ]
    }

    /// Waits until the function asks for an event, which it does when it is ready, and returns when
    /// it asked.
    pub async fn ready(&mut self) -> Result<Instant, AnswerTimeout> {
        receive(&mut self.polls).await
    }

    /// Hands out an event and returns the answer: `response` or `error`, and its body.
    pub async fn invoke(&mut self, event: &str) -> Result<(String, Value), AnswerTimeout> {
        self.events
            .send(event.to_owned())
            .map_err(|_| AnswerTimeout)?;
        receive(&mut self.answers).await
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive<T>(receiver: &mut mpsc::UnboundedReceiver<T>) -> Result<T, AnswerTimeout> {
    match timeout(PATIENCE, receiver.recv()).await {
        Ok(Some(value)) => Ok(value),
        Ok(None) | Err(_) => Err(AnswerTimeout),
    }
}

type EventHeaders = AppendHeaders<[(&'static str, String); 4]>;

async fn next_event(
    State(channels): State<Channels>,
) -> Result<(EventHeaders, String), StatusCode> {
    let _ = channels.polls.send(Instant::now());
    let event = channels.events.lock().await.recv().await;
    let event = event.ok_or(StatusCode::GONE)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let deadline = now.unwrap_or_default() + INVOCATION_TIME;
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

async fn take_answer(
    State(channels): State<Channels>,
    Path((_, kind)): Path<(String, String)>,
    body: String,
) -> &'static str {
    let answer = serde_json::from_str(&body).unwrap_or_default();
    let _ = channels.answers.send((kind, answer));
    "{}"
}
