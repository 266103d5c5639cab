//! The HTTP server of Klaviyo, Secrets Manager, SQS and DynamoDB.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock;
use crate::faults::broken_connection;
use crate::forward::{forward, unanswered};
use crate::klaviyo::Mishap;
use crate::options::StandInOptions;
use crate::request::{KlaviyoRequest, NO_ANSWER_IN_TIME};
use crate::response::JsonResponse;
use crate::state::StandInState;
use crate::{dynamodb, inspection, secrets_manager, sqs};

/// The most bytes that are read of a request. Klaviyo and SQS refuse smaller ones themselves.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

type SharedState = Arc<Mutex<StandInState>>;

/// A running stand-in. It stops when it is dropped.
pub struct StandIn {
    url: String,
    state: SharedState,
    server: JoinHandle<()>,
}

impl StandIn {
    /// Serves on a free port of the loopback interface.
    pub async fn start() -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        StandIn::listen(address, StandInOptions::default()).await
    }

    /// Serves at `address`. A program in a container does not reach this machine at its loopback
    /// address.
    pub async fn listen(address: SocketAddr, options: StandInOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        // The clock starts with the first stand-in.
        clock::now();
        let state = Arc::new(Mutex::new(StandInState::new(options)));
        let service = Router::new()
            .fallback(serve)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(state.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(StandIn { url, state, server })
    }

    /// Returns the base URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the state, to be read or changed. Requests wait while the guard is held.
    pub fn state(&self) -> MutexGuard<'_, StandInState> {
        lock(&self.state)
    }

    /// Returns the variables that make a function deliver here.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SECRET_ID", "local".to_owned()),
            ("KLAVIYO_BASE_URL", self.url.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.url.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.url.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ]
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Locks the state. Every change to it is complete before anything can panic, so a poisoned lock is
/// as good as any.
fn lock(state: &Mutex<StandInState>) -> MutexGuard<'_, StandInState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request. The services share one address, as AWS names the operation in a header.
async fn serve(
    State(state): State<SharedState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if let Some(name) = uri.path().strip_prefix(inspection::PATH) {
        return inspection::answer(&mut lock(&state), &method, name, &body).into_http();
    }
    let request = KlaviyoRequest::new(method, uri, headers, body);
    let target = request.header("x-amz-target");
    if target.starts_with("AmazonSQS") {
        let latency = lock(&state).aws_latency;
        pause(latency).await;
        let state = &mut *lock(&state);
        let operation = target.split('.').nth(1).unwrap_or_default();
        return sqs::answer(state, operation, &request.body).into_http();
    }
    if target.starts_with("DynamoDB") {
        let latency = lock(&state).aws_latency;
        pause(latency).await;
        let state = &mut *lock(&state);
        state.table_requests += 1;
        if target.ends_with(".BatchGetItem") {
            state.table_reads += 1;
            return dynamodb::batch_get_item(&state.tables, state.tables_down, &request.body)
                .into_http();
        }
        return dynamodb::transact_write_items(&mut state.tables, state.tables_down, &request.body)
            .into_http();
    }
    if !target.is_empty() {
        let delay = lock(&state).secret_delay;
        pause(delay).await;
        return secrets_manager::get_secret_value(lock(&state).fetch_secret()).into_http();
    }
    serve_klaviyo(&state, request).await
}

/// Answers a request to Klaviyo, or makes it fail, and records it.
async fn serve_klaviyo(state: &Mutex<StandInState>, request: KlaviyoRequest) -> Response<Body> {
    let latency = lock(state).latency;
    pause(latency).await;
    let fault = lock(state).next_fault(&request);
    let answer = match fault {
        None => reach_klaviyo(state, &request, Mishap::default()).await.0,
        Some(fault) => {
            pause(fault.delay).await;
            let mut answer = JsonResponse::empty(0);
            if fault.reaches_klaviyo() {
                let consents;
                (answer, consents) = reach_klaviyo(state, &request, fault.mishap).await;
                if fault.applied {
                    lock(state).unacknowledged_consents += consents;
                }
            }
            fault.symptom.replace(answer)
        }
    };
    lock(state).requests.push(request.into_record(&answer));
    if answer.status == 0 {
        broken_connection()
    } else {
        answer.into_http()
    }
}

/// Returns Klaviyo's answer and the number of consents that the request added.
async fn reach_klaviyo(
    state: &Mutex<StandInState>,
    request: &KlaviyoRequest,
    mishap: Mishap,
) -> (JsonResponse, usize) {
    let forward_to = lock(state).forward_to.clone();
    if let Some(base_url) = forward_to {
        let client = lock(state).client();
        let mut abandoned = AbandonedRequest {
            state,
            request: Some(request.clone()),
        };
        let answer = forward(client, &base_url, request).await;
        abandoned.request = None;
        return (answer, 0);
    }
    let mut state = lock(state);
    let consents = state.account.consents.len();
    let answer = state.answer(request, mishap);
    (answer, state.account.consents.len() - consents)
}

/// Records a request that nobody answers while the function waits: it then disconnects, and the
/// request is dropped here.
struct AbandonedRequest<'s> {
    state: &'s Mutex<StandInState>,
    /// `None` once it is answered.
    request: Option<KlaviyoRequest>,
}

impl Drop for AbandonedRequest<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            let answer = unanswered(NO_ANSWER_IN_TIME);
            lock(self.state).requests.push(request.into_record(&answer));
        }
    }
}

/// Waits. No time is really none: the shortest sleep of the runtime is a millisecond.
async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
