//! Klaviyo, Secrets Manager, SQS and Lambda on loopback: what the local tool, tests and benchmarks run against.
//!
//! The function cannot tell it from the real ones: it is reached over HTTP by the same clients.

mod account;
mod faults;
mod lambda;
mod secrets_manager;
mod sqs;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use account::{Account, Consent, Event};
pub use faults::{Chaos, Fault, Symptom};
pub use lambda::{NoAnswer, RuntimeApi};

/// The key that the stand-in's Klaviyo accepts, unless the secret names another.
pub const API_KEY: &str = "pk_local_not_a_real_key";
/// The shared secret that samples are signed with.
pub const SHARED_SECRET: &str = "local-shared-secret";

/// Klaviyo takes 5 MB a request.
const MOST_BYTES: usize = 5 * 1024 * 1024;

/// A request to Klaviyo and its answer.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/api/events`.
    pub path: String,
    /// The body as JSON; `Null` when there was none.
    pub body: Value,
    /// The status that was answered; 0 for a connection that was closed instead.
    pub status: u16,
    /// The body that was answered.
    pub answer: Value,
}

/// What the stand-in holds. Everything can be read and set while it runs.
#[derive(Debug)]
pub struct StandInState {
    /// `SecretString` of every secret, `None` for one that does not exist.
    pub secret: Option<String>,
    /// The bodies in each SQS queue, by its URL.
    pub queues: BTreeMap<String, Vec<String>>,
    /// Whether SQS answers 500 to everything.
    pub queues_down: bool,
    /// How long Secrets Manager takes.
    pub secret_delay: Duration,
    /// How often the secret was fetched.
    pub fetches: usize,
    /// Every request to Klaviyo, in the order of arrival.
    pub requests: Vec<RecordedRequest>,
    /// What Klaviyo knows.
    pub account: Account,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Klaviyo fails at random.
    pub chaos: Option<Chaos>,
    /// Consents that were recorded although the function was told otherwise, or nothing.
    pub unacknowledged_consents: usize,
    /// After so many more requests Klaviyo asks for two minutes, for all paths or one.
    pub accept_then_throttle: Option<usize>,
    /// The one path that this is about.
    pub throttle_only: Option<String>,
    /// Requests to Klaviyo whose body holds this text are refused without a word about where.
    pub refuse_bodies_with: Option<String>,
    /// Requests to Klaviyo go on to this base URL instead of the account here.
    pub forward_to: Option<String>,
    /// What they go on with, once one has.
    client: Option<reqwest::Client>,
}

/// A running stand-in. It stops when it is dropped.
pub struct StandIn {
    url: String,
    held: Arc<Mutex<StandInState>>,
    server: JoinHandle<()>,
}

impl StandInState {
    /// The client that requests go on with: connections are kept for the next one.
    fn client(&mut self) -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
        match &self.client {
            Some(client) => Ok(client.clone()),
            None => Ok(self.client.insert(client()?).clone()),
        }
    }

    fn is_throttled(&mut self, path: &str) -> bool {
        let is_meant = self
            .throttle_only
            .as_deref()
            .is_none_or(|only| only == path);
        match &mut self.accept_then_throttle {
            Some(0) if is_meant => true,
            Some(left) if is_meant => {
                *left -= 1;
                false
            }
            _ => false,
        }
    }
}

impl StandIn {
    /// Serves on a free port of the loopback interface.
    pub async fn start() -> io::Result<Self> {
        StandIn::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Serves at `address`: programs in a container reach this machine at another than its loopback one.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let held = Arc::new(Mutex::new(StandInState {
            secret: Some(secret(API_KEY)),
            queues: BTreeMap::new(),
            queues_down: false,
            secret_delay: Duration::ZERO,
            fetches: 0,
            requests: Vec::new(),
            account: Account::default(),
            faults: Vec::new(),
            chaos: None,
            unacknowledged_consents: 0,
            accept_then_throttle: None,
            throttle_only: None,
            refuse_bodies_with: None,
            forward_to: None,
            client: None,
        }));
        let limit = DefaultBodyLimit::max(MOST_BYTES);
        let service = Router::new()
            .fallback(serve)
            .layer(limit)
            .with_state(held.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(StandIn { url, held, server })
    }

    /// Where it serves, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it holds, to be read or changed.
    pub fn state(&self) -> MutexGuard<'_, StandInState> {
        lock(&self.held)
    }

    /// The variables that make a function deliver here.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SECRET_ID", "local".to_owned()),
            ("KLAVIYO_BASE_URL", self.url.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.url.clone()),
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

/// The secret's text with this key and the samples' shared secret.
pub fn secret(klaviyo_api_key: &str) -> String {
    secret_of(klaviyo_api_key, SHARED_SECRET)
}

/// The secret's text with this key and this shared secret.
pub fn secret_of(klaviyo_api_key: &str, shared_secret: &str) -> String {
    json!({"klaviyo_api_key": klaviyo_api_key, "segment_shared_secret": shared_secret}).to_string()
}

/// What one party saw of the state is never half done, so a poisoned lock is as good as any.
fn lock(held: &Mutex<StandInState>) -> MutexGuard<'_, StandInState> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What Klaviyo answers.
#[derive(Debug, Clone)]
struct Reply {
    status: u16,
    body: Value,
    retry_after: Option<u64>,
}

impl Reply {
    fn new(status: u16, body: Value) -> Self {
        Reply {
            status,
            body,
            retry_after: None,
        }
    }
}

async fn serve(
    State(held): State<Arc<Mutex<StandInState>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    if target.starts_with("AmazonSQS") {
        return response(sqs::send_message_batch(&mut lock(&held), &body));
    }
    if !target.is_empty() {
        let delay = lock(&held).secret_delay;
        tokio::time::sleep(delay).await;
        let mut held = lock(&held);
        held.fetches += 1;
        return response(secrets_manager::get_secret_value(held.secret.as_deref()));
    }
    let refused = lock(&held)
        .refuse_bodies_with
        .clone()
        .is_some_and(|text| faults::contains(&body, &text));
    let throttled = lock(&held).is_throttled(uri.path());
    let fault = match (refused, throttled) {
        (true, _) => Some(Fault::status("", 400, 1)),
        (_, true) => Some(Fault::busy()),
        _ => {
            let mut held = lock(&held);
            faults::next(&mut held.faults, uri.path()).or_else(|| held.chaos.as_mut()?.next())
        }
    };
    if let Some(Fault { delay, .. }) = &fault {
        tokio::time::sleep(*delay).await;
    }
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_reached = fault.as_ref().is_none_or(|fault| fault.applied);
    let mut reply = Reply::new(0, Value::Null);
    let consents = lock(&held).account.consents.len();
    if is_reached {
        let forward_to = lock(&held).forward_to.clone();
        reply = match forward_to {
            Some(base) => {
                let client = lock(&held).client();
                forward(client, &base, &method, &uri, &headers, body).await
            }
            None => lock(&held).account.answer(&method, &uri, &headers, &json),
        };
    }
    if let Some(fault) = fault {
        reply = fault.symptom.reply();
        let mut held = lock(&held);
        held.unacknowledged_consents += held.account.consents.len() - consents;
    }
    let (method, path) = (method.to_string(), uri.to_string());
    let recorded = RecordedRequest {
        method,
        path,
        body: json,
        status: reply.status,
        answer: reply.body.clone(),
    };
    lock(&held).requests.push(recorded);
    if reply.status == 0 {
        faults::broken_connection()
    } else {
        response(reply)
    }
}

/// Passes a request on and its answer back, so that requests to another Klaviyo can be shown too.
async fn forward(
    client: Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>>,
    base: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Bytes,
) -> Reply {
    let failed = |error: &dyn std::error::Error| {
        Reply::new(502, json!({"forwarding failed": error_chain(error)}))
    };
    let client = match client {
        Ok(client) => client,
        Err(error) => return failed(error.as_ref()),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = headers.clone();
    for of_this_hop in ["host", "content-length", "connection"] {
        headers.remove(of_this_hop);
    }
    let url = format!("{}{path}", base.trim_end_matches('/'));
    match client
        .request(method.clone(), url)
        .headers(headers)
        .body(body)
        .send()
        .await
    {
        Ok(response) => {
            let status = response.status().as_u16();
            let retry_after = response
                .headers()
                .get("retry-after")
                .and_then(|it| it.to_str().ok()?.parse().ok());
            let body = response.bytes().await.unwrap_or_default();
            Reply {
                status,
                body: serde_json::from_slice(&body).unwrap_or_default(),
                retry_after,
            }
        }
        Err(error) => failed(&error),
    }
}

fn response(
    Reply {
        status,
        body,
        retry_after,
    }: Reply,
) -> Response<Body> {
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// The client that requests are forwarded with.
fn client() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .build()?)
}

/// An error and its sources, in one line.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
