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
use segment_klaviyo::signature;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::access::{self, Token};
use super::explain::{self, explain_options};
use super::history::{History, elements};
use super::original::Original;
use crate::overrides::SettingOverrides;

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
    about: Arc<About>,
}

/// What the page shows of the server.
pub(super) struct About {
    /// The Klaviyo that gets the requests.
    pub(super) klaviyo: String,
    /// The URL for deliveries.
    pub(super) endpoint: String,
    /// The options of `explain` that choose the same settings.
    pub(super) settings: Vec<String>,
    /// A command that sends a first message.
    pub(super) example: String,
}

impl About {
    pub(super) fn new(
        address: SocketAddr,
        klaviyo: &str,
        overrides: &SettingOverrides,
        secret: &str,
    ) -> Self {
        let endpoint = format!("http://{address}/segment");
        let signature = signature::sign(EXAMPLE.as_bytes(), secret).unwrap_or_default();
        let original = Original::signed(&signature, EXAMPLE);
        About {
            klaviyo: klaviyo.to_owned(),
            example: original.curl(&endpoint).unwrap_or_default(),
            endpoint,
            settings: explain_options(overrides),
        }
    }
}

/// The message of the first command.
const EXAMPLE: &str = r#"{"type": "track", "event": "Product Viewed", "messageId": "m-1", "userId": "sarah@klaviyo-demo.com"}"#;

impl Service {
    pub(super) fn new(jobs: mpsc::Sender<WebhookJob>, about: About) -> Self {
        Service {
            jobs,
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            history: Arc::default(),
            about: Arc::new(about),
        }
    }

    /// The deliveries so far. A panic while the lock was held cannot leave a half-written delivery,
    /// so a poisoned lock is used as well.
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the function handle a request, and returns its response.
    async fn deliver(
        &self,
        headers: HeaderMap,
        body: Bytes,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> Response {
        let (response_sender, response_receiver) = oneshot::channel();
        let job = WebhookJob {
            headers,
            body,
            peer,
            response_sender,
            permit,
        };
        if self.jobs.send(job).await.is_err() {
            return bad_gateway();
        }
        match response_receiver.await {
            Ok(response) => http_response(response),
            Err(_) => bad_gateway(),
        }
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
            .route("/{token}/deliveries/{number}/curl", get(curl))
            .route(
                "/{token}/deliveries/{number}/explain/{index}",
                get(explain_message),
            )
            .route("/{token}/deliveries/{number}/resend", post(resend))
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
    service.deliver(headers, body, peer, permit).await
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
    let About {
        klaviyo,
        endpoint,
        example,
        ..
    } = service.about.as_ref();
    let text = json!({
        "klaviyo": klaviyo,
        "endpoint": endpoint,
        "example": example,
        "deliveries": history.after(number),
    })
    .to_string();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Returns the command that sends a delivery again.
async fn curl(
    State(service): State<Service>,
    Path((_token, number)): Path<(String, usize)>,
) -> Response {
    let history = service.history();
    let original = history.original(number);
    match original.and_then(|original| original.curl(&service.about.endpoint)) {
        Some(command) => command.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Returns what `explain` prints about a message.
async fn explain_message(
    State(service): State<Service>,
    Path((_token, number, index)): Path<(String, usize, usize)>,
) -> Response {
    let message = service.history().original(number).and_then(|original| {
        let element = elements(&original.body).into_iter().nth(index)?;
        Some(element.get().to_owned())
    });
    let Some(message) = message else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let settings = service.about.settings.clone();
    // The experiments with a large order take seconds, and deliveries go on meanwhile.
    let work = tokio::task::spawn_blocking(move || explain::text_of(&message, &settings));
    match work.await {
        Ok(Ok(text)) => text.into_response(),
        Ok(Err(problem)) => (StatusCode::INTERNAL_SERVER_ERROR, problem).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Sends a delivery again, as it came.
async fn resend(
    State(service): State<Service>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((_token, number)): Path<(String, usize)>,
) -> Response {
    let original = service.history().original(number).cloned();
    let Some(original) = original else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(permit) = service.in_flight.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let headers = original.header_map();
    // The status of the response is Segment's, and not that of this request.
    let response = service.deliver(headers, original.body, peer, permit).await;
    response.status().as_u16().to_string().into_response()
}
