//! Access to the page: it shows the personal data that Segment sends.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

const FORBIDDEN: &str = "this page is only for the machine that serves it: open it there, at the address in the terminal\n";

/// The secret part of the page's address. Only the terminal shows it.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// A new token: 128 random bits from the operating system.
    pub(super) fn new() -> Result<Self, String> {
        let mut bytes = [0; 16];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut bytes)
            .map_err(|_| "the operating system gives no random numbers".to_owned())?;
        Ok(Token(hex::encode(bytes)))
    }

    /// The token as it is in the address.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the first segment of a path is this token. The comparison takes constant time.
    fn matches(&self, path: &str) -> bool {
        let first = path.split('/').nth(1).unwrap_or_default();
        first.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// The restrictions for a browser: it loads nothing from elsewhere, runs no inline script and
/// caches nothing.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Lets a request pass if it knows the token, comes from this machine and is addressed to it. A
/// plain tunnel (`ssh -R`, `socat`) connects from this machine and passes on any name: against
/// that, only the token protects.
pub(super) async fn require_local(
    State(token): State<Token>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let is_local = peer.ip().to_canonical().is_loopback() && names_this_machine(request.headers());
    if !is_local || !token.matches(request.uri().path()) {
        return (StatusCode::FORBIDDEN, FORBIDDEN).into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request is addressed to this machine by its own name. Another name that only resolves
/// to it (DNS rebinding) does not count, and neither does a request with the headers that a proxy
/// adds.
fn names_this_machine(headers: &HeaderMap) -> bool {
    for name in headers.keys() {
        let name = name.as_str();
        if name.starts_with("x-forwarded-") || ["forwarded", "via", "x-real-ip"].contains(&name) {
            return false;
        }
    }
    let Some(Ok(host)) = headers.get(header::HOST).map(HeaderValue::to_str) else {
        return false;
    };
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    // An IPv6 address is in brackets.
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let (token, other) = (Token::new().unwrap(), Token::new().unwrap());
        let text = token.as_str();
        assert_eq!((text.len(), text == other.as_str()), (32, false));
        for path in [format!("/{text}/"), format!("/{text}/deliveries/after/0")] {
            assert!(token.matches(&path), "{path}");
        }
        let (part, longer, later) = (
            format!("/{}/", &text[1..]),
            format!("/{text}0/"),
            format!("//{text}/"),
        );
        for path in [
            "",
            "/",
            "/page.js",
            "//",
            &part,
            &longer,
            &later,
            text,
            &format!("/{}/", other.as_str()),
        ] {
            assert!(!token.matches(path), "{path}");
        }
    }

    #[test]
    fn only_loopback_hosts_name_this_machine() {
        for (host, expected) in [
            ("127.0.0.1:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("[::1]:8080", true),
            ("rebound.klaviyo-demo.com", false),
            ("localhost.klaviyo-demo.com", false),
            ("127.0.0.1.klaviyo-demo.com", false),
            ("192.168.0.7:8080", false),
            ("0.0.0.0:8080", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            assert_eq!(names_this_machine(&headers), expected, "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn requests_through_a_proxy_do_not_name_this_machine() {
        for name in ["x-forwarded-for", "x-forwarded-host", "forwarded", "via"] {
            let mut headers =
                HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
            headers.insert(name, HeaderValue::from_static("1.2.3.4"));
            assert!(!names_this_machine(&headers), "{name}");
        }
    }
}
