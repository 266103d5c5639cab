//! The one HTTP client, for Klaviyo and AWS.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// The user agent of every request, so that Klaviyo can tell the client and its version.
const USER_AGENT: &str = concat!("segment-klaviyo/", env!("CARGO_PKG_VERSION"));

/// The longest time in which a connection may open.
///
/// It usually takes a few tens of milliseconds, and the kernel repeats a lost SYN packet after one
/// second. Two seconds allow for one such loss and leave more than half of a delivery's 4.5 seconds
/// for another attempt. The timeouts of the requests end later and cannot tell a host that is down
/// from one that is slow.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest time for which an idle connection is kept for the next delivery.
///
/// Servers close idle connections without notice, many of them after 60 seconds, and a request on a
/// closed connection fails. Five seconds are margin enough, and every second before saves deliveries
/// the TLS handshake where there is hardly more than one a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// Builds the client. Returns the error of rustls or reqwest if TLS cannot be set up.
///
/// Loading certificates is the most expensive part of a cold start, so Klaviyo and AWS share one
/// client. The Mozilla roots of `webpki-roots` are compiled in, already parsed: nothing is read from
/// the runtime's file system. The cryptography is ring's. reqwest's default, aws-lc-rs, makes a
/// larger binary and a slower build, and `deny.toml` forbids it, since a second TLS stack would load the
/// certificates a second time.
///
/// Redirects are not followed. No endpoint answers with one, and following it would hand the API
/// key and a customer's data to another host.
pub fn client() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(USER_AGENT)
        .build()?;
    Ok(client)
}

/// The adapter through which the AWS SDK sends its requests with the one client.
#[derive(Debug, Clone)]
pub struct SdkHttp {
    /// The one client.
    pub http: reqwest::Client,
}

impl HttpClient for SdkHttp {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SdkHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(send(self.http.clone(), request))
    }
}

/// Sends one request of the SDK and reads the whole response.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = to_reqwest(request)?;
    let response = http.execute(request).await.map_err(connector_error)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.map_err(connector_error)?;

    let mut response = http::Response::new(SdkBody::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

fn to_reqwest(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    // Neither Secrets Manager nor SQS has a request with a streaming body. If one ever has, the
    // call must fail: sent as an empty one, it would lose a message.
    let Some(bytes) = body.bytes() else {
        return Err(ConnectorError::user(
            "a streaming body is not supported".into(),
        ));
    };
    http::Request::from_parts(parts, bytes.to_vec())
        .try_into()
        .map_err(|error: reqwest::Error| ConnectorError::user(error.into()))
}

/// Classifies an error, so that the SDK can decide whether to repeat the request.
fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
