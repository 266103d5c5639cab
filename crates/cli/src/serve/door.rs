//! Who may see the page: it shows what Segment sends, people's addresses and all.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

const CLOSED: &str =
    "this page is for the machine that it runs on: open it there, at the address in the terminal\n";

/// What the page's address has in it that only the terminal shows.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// Another one each time: 128 bits from the operating system.
    pub(super) fn new() -> Result<Self, String> {
        let mut bytes = [0; 16];
        let random = rustls::crypto::ring::default_provider().secure_random;
        random
            .fill(&mut bytes)
            .map_err(|_| "the operating system gives no random numbers".to_owned())?;
        Ok(Token(hex::encode(bytes)))
    }

    /// Itself, as it stands in the address.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the first part of this path. How long that takes says nothing about it.
    fn opens(&self, path: &str) -> bool {
        let first = path.split('/').nth(1).unwrap_or_default();
        first.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

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
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Lets in who knows the token, is on this machine and names it so. A plain tunnel (`ssh -R`, `socat`) connects from
/// this machine and passes on whatever name it is given: there only the token keeps others out.
pub(super) async fn only_this_machine(
    State(token): State<Token>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let is_here = peer.ip().to_canonical().is_loopback() && is_for_this_machine(request.headers());
    if !is_here || !token.opens(request.uri().path()) {
        return (StatusCode::FORBIDDEN, CLOSED).into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request says that it was meant for this machine. A name that only leads here (DNS rebinding) does
/// not, nor do the headers that a proxy adds.
fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let is_passed_on = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || ["forwarded", "via", "x-real-ip"].contains(&name)
    });
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_loopback = |host: &str| {
        let address = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    };
    !is_passed_on && host.is_some_and(|host| is_loopback(host.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens_the_page() {
        let (token, other) = (Token::new().unwrap(), Token::new().unwrap());
        let text = token.as_str();
        assert_eq!((text.len(), text == other.as_str()), (32, false));
        assert!(
            token.opens(&format!("/{text}/"))
                && token.opens(&format!("/{text}/deliveries/after/0"))
        );
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
            assert!(!token.opens(path), "{path}");
        }
    }

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
    fn what_a_proxy_passes_on_does_not() {
        for name in ["x-forwarded-for", "x-forwarded-host", "forwarded", "via"] {
            let mut headers =
                HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
            headers.insert(name, HeaderValue::from_static("1.2.3.4"));
            assert!(!is_for_this_machine(&headers), "{name}");
        }
    }
}
