//! What is served: `/segment` for Segment, the rest for a person.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_lambda_events::encodings::Body as LambdaBody;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use segment_klaviyo::ingress::EventPayload;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::door::{self, Token};
use super::history::History;

/// Lambda takes 6 MB a request.
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// Requests that are read, wait or are worked on; the others are told to come again. This many bodies are held at
/// most.
pub(super) const PLACES: usize = 16;

/// The longest that a body may take to come in: until then it has a place.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request of Segment's, for the one who runs the function.
pub(super) struct Job {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) peer: SocketAddr,
    pub(super) answer: oneshot::Sender<ApiGatewayProxyResponse>,
    /// Kept until it is done.
    pub(super) place: OwnedSemaphorePermit,
}

impl Job {
    /// The request as the function takes it.
    pub(super) fn event(&self) -> Result<EventPayload, serde_json::Error> {
        serde_json::from_value(event(&self.headers, &self.body, self.peer))
    }
}

/// What every route knows.
#[derive(Clone)]
pub(super) struct Service {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
    history: Arc<Mutex<History>>,
    /// Where calls go.
    klaviyo: Arc<str>,
}

impl Service {
    pub(super) fn new(jobs: mpsc::Sender<Job>, klaviyo: &str) -> Self {
        let places = Arc::new(Semaphore::new(PLACES));
        Service {
            jobs,
            places,
            history: Arc::default(),
            klaviyo: klaviyo.into(),
        }
    }

    /// The deliveries so far. What one party saw of them is never half done.
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All routes. Whatever is not `/segment` is behind the door.
    pub(super) fn router(self, token: Token) -> Router {
        let file = |kind: &'static str, text: &'static str| {
            get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
        };
        let page = Router::new()
            .route(
                "/{token}/",
                file("text/html; charset=utf-8", include_str!("page/page.html")),
            )
            .route(
                "/{token}/page.css",
                file("text/css; charset=utf-8", include_str!("page/page.css")),
            )
            .route(
                "/{token}/page.js",
                file(
                    "text/javascript; charset=utf-8",
                    include_str!("page/page.js"),
                ),
            )
            .route("/{token}/deliveries/after/{number}", get(deliveries))
            .layer(middleware::from_fn_with_state(
                token,
                door::only_this_machine,
            ));
        let segment = post(segment).layer(DefaultBodyLimit::max(MOST_BYTES));
        page.route("/segment", segment).with_state(self)
    }
}

async fn segment(
    State(service): State<Service>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let Ok(place) = service.places.clone().try_acquire_owned() else {
        let _ = timeout(PATIENCE, skip(request.into_body())).await;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let headers = request.headers().clone();
    let body = match timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(problem)) => return problem.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let (answer, answered) = oneshot::channel();
    let job = Job {
        headers,
        body,
        peer,
        answer,
        place,
    };
    if service.jobs.send(job).await.is_err() {
        return gone();
    }
    answered.await.map_or_else(|_| gone(), response)
}

/// Takes a body in without keeping it: who is still sending does not read an answer.
async fn skip(body: Body) {
    let mut left = MOST_BYTES;
    let mut parts = body.into_data_stream();
    while let Some(Ok(part)) = parts.next().await {
        let Some(less) = left.checked_sub(part.len()) else {
            return;
        };
        left = less;
    }
}

/// The request as an API Gateway HTTP API hands it to Lambda (payload 2.0).
fn event(headers: &HeaderMap, body: &[u8], peer: SocketAddr) -> Value {
    let mut joined = Map::new();
    for name in headers.keys() {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        joined.insert(name.to_string(), values.join(",").into());
    }
    let text = std::str::from_utf8(body);
    json!({
        "version": "2.0",
        "routeKey": "POST /segment",
        "rawPath": "/segment",
        "headers": joined,
        "requestContext": {"http": {"method": "POST", "path": "/segment", "sourceIp": peer.ip().to_string()}},
        "body": text.map_or_else(|_| STANDARD.encode(body), str::to_owned),
        "isBase64Encoded": text.is_err(),
    })
}

/// What API Gateway makes of the function's answer.
fn response(answer: ApiGatewayProxyResponse) -> Response {
    let body = match answer.body {
        Some(LambdaBody::Text(text)) => Body::from(text),
        Some(LambdaBody::Binary(bytes)) => Body::from(bytes),
        _ => Body::empty(),
    };
    let status = u16::try_from(answer.status_code)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok());
    (
        status.unwrap_or(StatusCode::BAD_GATEWAY),
        answer.headers,
        body,
    )
        .into_response()
}

/// The function is not there to answer: Segment sends it again.
fn gone() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

/// The deliveries after the one of this number, which are those that a page does not have yet.
async fn deliveries(
    State(service): State<Service>,
    Path((_, after)): Path<(String, usize)>,
) -> Response {
    let history = service.history();
    let text = json!({"klaviyo": service.klaviyo.as_ref(), "deliveries": history.after(after)})
        .to_string();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
