//! An HTTP response with a JSON body.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// The header that names the fields that were left out of what was done.
pub(crate) const PARTIAL_FAILURE: &str = "x-klaviyo-partial-failure";

/// An answer of one of the stand-ins.
#[derive(Debug, Clone)]
pub(crate) struct JsonResponse {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Further headers, by their lower-case names.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body; `Null` for an empty one.
    pub(crate) body: Value,
}

impl JsonResponse {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        JsonResponse {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// Returns an answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        JsonResponse::new(status, Value::Null)
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Returns a header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        for (found, value) in &self.headers {
            if *found == name {
                return Some(value);
            }
        }
        None
    }

    /// Names the fields that were left out of what was done, if there are any:
    /// <https://community.klaviyo.com/developer-group-64/api-validation-improvements-for-phone-number-handling-18034>
    pub(crate) fn with_partial_failure(self, fields: Option<&str>) -> Self {
        match fields {
            Some(fields) => self.with_header(PARTIAL_FAILURE, fields),
            None => self,
        }
    }

    /// Returns the response for the HTTP server.
    pub(crate) fn into_http(self) -> Response<Body> {
        let body = match &self.body {
            Value::Null => Body::empty(),
            json => Body::from(json.to_string()),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
