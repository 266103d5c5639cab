//! Requests that go on to another Klaviyo, so that they can be shown too.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::request::{KlaviyoRequest, NO_ANSWER};
use crate::response::{JsonResponse, PARTIAL_FAILURE};

/// An error that the stand-in only shows.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Headers that describe one connection and not the request.
const HOP_HEADERS: [&str; 3] = ["host", "content-length", "connection"];

/// Headers of an answer that the function reads.
const ANSWER_HEADERS: [&str; 2] = ["retry-after", PARTIAL_FAILURE];

/// The longest time in which a connection may open: shorter than the function waits for an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns a client that trusts the public certificate authorities.
pub(crate) fn client() -> Result<reqwest::Client, BoxError> {
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
        .connect_timeout(CONNECT_TIMEOUT)
        .build()?)
}

/// Passes a request on to `base_url` and returns the answer. Without one, the status is 0, and the
/// body says why.
pub(crate) async fn forward(
    client: Result<reqwest::Client, BoxError>,
    base_url: &str,
    request: &KlaviyoRequest,
) -> JsonResponse {
    let sent = match client {
        Ok(client) => send(&client, base_url, request).await,
        Err(error) => Err(error),
    };
    sent.unwrap_or_else(|error| unanswered(&root_cause(error.as_ref())))
}

/// Returns what stands for the answer of somebody who gives none.
pub(crate) fn unanswered(reason: &str) -> JsonResponse {
    JsonResponse::new(0, json!({NO_ANSWER: reason}))
}

async fn send(
    client: &reqwest::Client,
    base_url: &str,
    request: &KlaviyoRequest,
) -> Result<JsonResponse, BoxError> {
    let path = request
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let url = format!("{}{path}", base_url.trim_end_matches('/'));
    let mut headers = request.headers.clone();
    for name in HOP_HEADERS {
        headers.remove(name);
    }
    let response = client
        .request(request.method.clone(), url)
        .headers(headers)
        .body(request.body.clone())
        .send()
        .await?;
    let status = response.status().as_u16();
    let mut headers = Vec::new();
    for name in ANSWER_HEADERS {
        if let Some(value) = response.headers().get(name)
            && let Ok(value) = value.to_str()
        {
            headers.push((name, value.to_owned()));
        }
    }
    let body = response.bytes().await.unwrap_or_default();
    let mut answer = JsonResponse::new(status, serde_json::from_slice(&body).unwrap_or_default());
    answer.headers = headers;
    Ok(answer)
}

/// Returns the innermost source of an error. The others say only that a request was sent.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
