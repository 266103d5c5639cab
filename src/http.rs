//! The one HTTP client, for Klaviyo and for AWS: certificates are the dearest part of a cold start,
//! so they are loaded once, from the roots that are compiled in.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// Sent with every request, so that Klaviyo can tell who calls and in which version.
const USER_AGENT: &str = concat!("segment-klaviyo/", env!("CARGO_PKG_VERSION"));

/// The longest a connection may take to open; a delivery has a few seconds in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The client, or why TLS cannot be set up.
pub fn client() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
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

/// How long a connection is kept for the next delivery; most servers close idle ones soon after.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Lets the AWS SDK send its requests through the one client.
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
        let http = self.http.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
            let request = request
                .try_into()
                .map_err(|error: reqwest::Error| ConnectorError::user(error.into()))?;
            let response = http.execute(request).await.map_err(connector_error)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes().await.map_err(connector_error)?;
            let mut response = http::Response::new(SdkBody::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            HttpResponse::try_from(response)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
