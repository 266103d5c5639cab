//! The routes: `/segment` for Segment, the page for this machine.

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
use axum::routing::{MethodRouter, get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use segment_klaviyo::ingress::EventPayload;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::access::{self, Token};
use super::history::History;

/// Lambda accepts requests of up to 6 MB.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// The number of requests that are being read, wait or are handled; further ones get 503. It bounds
/// the memory for bodies.
pub(super) const MAX_IN_FLIGHT: usize = 16;

/// The time that a body may take to arrive. Until then it counts as in flight.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A request of Segment's that waits for the function.
pub(super) struct WebhookJob {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) peer: SocketAddr,
    pub(super) response_sender: oneshot::Sender<ApiGatewayProxyResponse>,
    /// Held until the request is answered.
    pub(super) permit: OwnedSemaphorePermit,
}

impl WebhookJob {
    /// The request as the function gets it.
    pub(super) fn event(&self) -> Result<EventPayload, serde_json::Error> {
        // From text, as Lambda has it: an event borrows from it.
        let event = api_gateway_event(&self.headers, &self.body, self.peer);
        serde_json::from_str(&event.to_string())
    }
}

/// The state that all routes share.
#[derive(Clone)]
pub(super) struct Service {
    jobs: mpsc::Sender<WebhookJob>,
    in_flight: Arc<Semaphore>,
    history: Arc<Mutex<History>>,
    /// The Klaviyo that gets the requests, for the page.
    klaviyo: Arc<str>,
}

impl Service {
    pub(super) fn new(jobs: mpsc::Sender<WebhookJob>, klaviyo: &str) -> Self {
        Service {
            jobs,
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            history: Arc::default(),
            klaviyo: klaviyo.into(),
        }
    }

    /// The deliveries so far. A panic while the lock was held cannot leave a half-written delivery,
    /// so a poisoned lock is used as well.
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All routes. Access to everything except `/segment` is restricted.
    pub(super) fn router(self, token: Token) -> Router {
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
            .layer(middleware::from_fn_with_state(token, access::require_local));
        let segment = post(segment).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
        page.route("/segment", segment).with_state(self)
    }
}

fn file(content_type: &'static str, text: &'static str) -> MethodRouter<Service> {
    get(move || async move { ([(header::CONTENT_TYPE, content_type)], text) })
}

async fn segment(
    State(service): State<Service>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let Ok(permit) = service.in_flight.clone().try_acquire_owned() else {
        let _ = timeout(BODY_TIMEOUT, drain(request.into_body())).await;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let headers = request.headers().clone();
    let body = match timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return rejection.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let (response_sender, response_receiver) = oneshot::channel();
    let job = WebhookJob {
        headers,
        body,
        peer,
        response_sender,
        permit,
    };
    if service.jobs.send(job).await.is_err() {
        return bad_gateway();
    }
    match response_receiver.await {
        Ok(response) => http_response(response),
        Err(_) => bad_gateway(),
    }
}

/// Reads a body without keeping it. A client that is still sending would not read the response.
async fn drain(body: Body) {
    let mut bytes = 0;
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        bytes += chunk.len();
        if bytes > MAX_BODY_BYTES {
            return;
        }
    }
}

/// Returns a request as an API Gateway HTTP API passes it to Lambda (payload 2.0).
fn api_gateway_event(headers: &HeaderMap, body: &[u8], peer: SocketAddr) -> Value {
    let mut joined_headers = Map::new();
    for name in headers.keys() {
        let mut values = Vec::new();
        for value in headers.get_all(name) {
            if let Ok(value) = value.to_str() {
                values.push(value);
            }
        }
        joined_headers.insert(name.to_string(), values.join(",").into());
    }
    let (body, is_base64) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    json!({
        "version": "2.0",
        "routeKey": "POST /segment",
        "rawPath": "/segment",
        "headers": joined_headers,
        "requestContext": {"http": {"method": "POST", "path": "/segment", "sourceIp": peer.ip().to_string()}},
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

/// Returns the function's response as API Gateway sends it.
fn http_response(response: ApiGatewayProxyResponse) -> Response {
    let body = match response.body {
        Some(LambdaBody::Text(text)) => Body::from(text),
        Some(LambdaBody::Binary(bytes)) => Body::from(bytes),
        _ => Body::empty(),
    };
    let status = u16::try_from(response.status_code)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or(StatusCode::BAD_GATEWAY);
    (status, response.headers, body).into_response()
}

/// The response when the function has stopped: Segment resends the delivery.
fn bad_gateway() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

/// Returns the deliveries after the one with this number: those that a page does not have yet.
async fn deliveries(
    State(service): State<Service>,
    Path((_token, number)): Path<(String, usize)>,
) -> Response {
    let history = service.history();
    let text = json!({"klaviyo": service.klaviyo.as_ref(), "deliveries": history.after(number)})
        .to_string();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
