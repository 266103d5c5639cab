//! Who may see the page: it shows what Segment sends, people's addresses and all.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const CLOSED: &str = "this page is for the machine that it runs on: open it there, at 127.0.0.1 or localhost\n";

/// What a browser may do with anything from here: nothing from elsewhere, nothing written into the page, nothing
/// kept.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Lets in who is on this machine and names it so.
pub(super) async fn only_this_machine(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() || !is_for_this_machine(request.headers()) {
        return (StatusCode::FORBIDDEN, CLOSED).into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request was meant for this machine. A name that only leads here (DNS rebinding) was not, nor was
/// what a tunnel passes on, whatever name it gives.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let is_passed_on = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || ["forwarded", "via", "x-real-ip"].contains(&name)
    });
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_loopback = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    };
    !is_passed_on && host.is_some_and(|host| is_loopback(host.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_open_the_page() {
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
            assert_eq!(is_for_this_machine(&headers), expected, "{host}");
        }
        assert!(!is_for_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn what_a_tunnel_passes_on_does_not() {
        for name in ["x-forwarded-for", "x-forwarded-host", "forwarded", "via"] {
            let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
            headers.insert(name, HeaderValue::from_static("1.2.3.4"));
            assert!(!is_for_this_machine(&headers), "{name}");
        }
    }
}
