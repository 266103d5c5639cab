//! A request as it came, to be sent again.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use segment_klaviyo::signature::{SIGNATURE_HEADER, SIGNATURE_HEADERS, TOKEN_HEADER};

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Original {
    /// The headers that the function reads.
    headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Original {
    pub(super) fn new(headers: &HeaderMap, body: Bytes) -> Self {
        let mut kept = Vec::new();
        for name in [SIGNATURE_HEADERS.as_slice(), &[TOKEN_HEADER]].concat() {
            if let Some(Ok(value)) = headers.get(name).map(HeaderValue::to_str) {
                kept.push((name, value.to_owned()));
            }
        }
        Original {
            headers: kept,
            body,
        }
    }

    /// A request with this signature.
    pub(super) fn signed(signature: &str, body: &'static str) -> Self {
        Original {
            headers: vec![(SIGNATURE_HEADER, signature.to_owned())],
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    /// The headers that the function reads.
    pub(super) fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }

    /// Returns the command that sends it; `None` if the body is not text.
    pub(super) fn curl(&self, url: &str) -> Option<String> {
        let body = std::str::from_utf8(&self.body).ok()?;
        let mut command = format!("curl {url}");
        for (name, value) in &self.headers {
            command.push_str(&format!(
                " \\\n  -H {}",
                quoted(&format!("{name}: {value}"))
            ));
        }
        command.push_str(&format!(" \\\n  --data-binary {}", quoted(body)));
        Some(command)
    }
}

/// Returns a text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_a_body_stay_what_they_are() {
        let original = Original::signed("5a", r#"{"a":"it's"}"#);
        assert_eq!(
            original.curl("http://127.0.0.1:1/segment").unwrap(),
            "curl http://127.0.0.1:1/segment \\\n  -H 'x-signature: 5a' \\\n  --data-binary '{\"a\":\"it'\\''s\"}'"
        );
    }
}
