//! The ways in which a request to Klaviyo fails.
//!
//! No error holds any part of the request or of Klaviyo's answer, except error codes and pointers.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::attribute::Attribute;
use super::request::ApiRequest;
use crate::outcome::{KlaviyoDetail, RejectReason};

/// The reason why a request was not acknowledged.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// 429.
    #[error("Klaviyo throttles")]
    Throttled {
        /// The time to wait, from `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// 5xx, or an answer that does not come from Klaviyo.
    #[error("Klaviyo answered {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// No connection: Klaviyo has not seen the request.
    #[error("Klaviyo cannot be reached")]
    NotConnected,
    /// A connection that broke. A thawed function finds its pooled connections dead.
    #[error("the connection to Klaviyo broke")]
    Unreachable,
    /// No answer in time.
    #[error("Klaviyo did not answer in time")]
    Timeout,
    /// 401: Klaviyo does not know the key.
    #[error("Klaviyo does not accept the key")]
    Unauthorized,
    /// 403: the key lacks a scope.
    #[error("the key lacks a scope")]
    Forbidden,
    /// A refusal of this program and not of what it sends: Klaviyo does not serve the revision, the
    /// path or the format of the request any more.
    #[error("Klaviyo does not serve this request any more: it answered {status}")]
    Unsupported {
        /// The HTTP status.
        status: u16,
    },
    /// Any other 4xx, as a JSON:API error document.
    #[error("Klaviyo refused the request")]
    Refused(ApiErrors),
}

impl RequestError {
    /// Whether Klaviyo may have done what was requested although it did not acknowledge it.
    pub fn leaves_open(&self) -> bool {
        match self {
            RequestError::Unreachable
            | RequestError::Timeout
            | RequestError::Unavailable { .. } => true,
            RequestError::Throttled { .. }
            | RequestError::NotConnected
            | RequestError::Unauthorized
            | RequestError::Forbidden
            | RequestError::Unsupported { .. }
            | RequestError::Refused(_) => false,
        }
    }

    /// Reads a 4xx answer. It is a refusal only if it is a JSON:API error document: anything else
    /// comes from a proxy in between, and no message may be lost to that.
    pub(super) fn from_client_error(request: &ApiRequest, status: u16, body: &[u8]) -> Self {
        match parse_errors(body) {
            Some(errors) if is_about_us(request, status, &errors) => {
                RequestError::Unsupported { status }
            }
            Some(errors) => RequestError::Refused(ApiErrors { status, errors }),
            // A request that is too large stays too large, whoever refuses it.
            None if status == 413 => RequestError::Refused(ApiErrors {
                status,
                errors: Vec::new(),
            }),
            None => RequestError::Unavailable { status },
        }
    }
}

/// Whether a refusal is about the program, whatever it sends: Klaviyo has retired the revision (410),
/// or does not know the path (404), the method (405) or the format (406, 415). A 404 is about a
/// message if the message names what is not found.
fn is_about_us(request: &ApiRequest, status: u16, errors: &[ApiError]) -> bool {
    match status {
        404 => {
            let names_a_list = errors
                .iter()
                .any(|error| error.pointer.starts_with("/data/relationships"));
            !request.names_resource && !names_a_list
        }
        405 | 406 | 410 | 415 => true,
        _ => false,
    }
}

impl From<reqwest::Error> for RequestError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_connect() {
            RequestError::NotConnected
        } else if error.is_timeout() {
            RequestError::Timeout
        } else {
            RequestError::Unreachable
        }
    }
}

/// Klaviyo's refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiErrors {
    /// The HTTP status.
    pub status: u16,
    /// The errors. A 413 may have none.
    pub errors: Vec<ApiError>,
}

/// An error object: <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Klaviyo's code, such as `invalid`.
    pub code: String,
    /// The place in the request, as a JSON pointer. Empty if Klaviyo names none.
    pub pointer: String,
    /// Klaviyo's own words.
    pub detail: KlaviyoDetail,
}

impl ApiErrors {
    /// Returns the reason to reject a message for.
    pub fn reject_reason(&self) -> RejectReason {
        const MAX_CODE_CHARACTERS: usize = 64;
        let (code, pointer, detail) = match self.errors.first() {
            Some(error) => {
                let code = error.code.chars().take(MAX_CODE_CHARACTERS).collect();
                let pointer = redact_property_names(&error.pointer);
                (code, pointer, error.detail.clone())
            }
            None => Default::default(),
        };
        RejectReason::RefusedByKlaviyo {
            status: self.status,
            code,
            pointer,
            detail,
        }
    }

    /// Whether the refusal may concern a single item of a job although it names none. A 404, or an
    /// error about the list that all items share, concerns all of them.
    pub fn may_concern_one_item(&self) -> bool {
        let is_about_list = self
            .errors
            .iter()
            .any(|error| error.pointer.starts_with("/data/relationships"));
        self.status != 404 && !is_about_list
    }

    /// Whether two identifiers of the profile belong to two profiles in Klaviyo.
    pub fn is_conflict(&self) -> bool {
        self.status == 409
    }

    /// Returns the attributes that the refusal is about, if it is about nothing else.
    pub fn refused_attributes(&self) -> Option<Vec<Attribute>> {
        if self.status != 400 || self.errors.is_empty() {
            return None;
        }
        self.errors
            .iter()
            .map(|error| Attribute::at(&error.pointer))
            .collect()
    }
}

/// Cuts a pointer before the name of a property. The names are the merchant's, and could hold
/// anything.
fn redact_property_names(pointer: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    let mut end = pointer.len();
    for parent in ["properties/", "append/", "unappend/", "unset/"] {
        if let Some(start) = pointer.find(parent) {
            end = end.min(start + parent.len());
        }
    }
    let (kept, _) = pointer.split_at(end);
    kept.trim_end_matches('/')
        .chars()
        .take(MAX_CHARACTERS)
        .collect()
}

/// Parses a JSON:API error document; `None` if it is something else, or has no error.
fn parse_errors(body: &[u8]) -> Option<Vec<ApiError>> {
    #[derive(Deserialize)]
    struct ErrorDocument {
        errors: Vec<ErrorObject>,
    }
    #[derive(Deserialize)]
    struct ErrorObject {
        code: Option<String>,
        detail: Option<String>,
        source: Option<ErrorSource>,
    }
    #[derive(Deserialize)]
    struct ErrorSource {
        pointer: Option<String>,
    }
    let document: ErrorDocument = serde_json::from_slice(body).ok()?;
    if document.errors.is_empty() {
        return None;
    }
    let mut errors = Vec::with_capacity(document.errors.len());
    for error in document.errors {
        errors.push(ApiError {
            code: error.code.unwrap_or_default(),
            detail: KlaviyoDetail::new(&error.detail.unwrap_or_default()),
            pointer: error
                .source
                .and_then(|source| source.pointer)
                .unwrap_or_default(),
        });
    }
    Some(errors)
}

#[cfg(test)]
mod tests {
    use super::redact_property_names;

    #[test]
    fn pointers_lose_the_names_of_properties() {
        for (pointer, expected) in [
            (
                "/data/attributes/phone_number",
                "/data/attributes/phone_number",
            ),
            (
                "/data/attributes/properties/sarah's size",
                "/data/attributes/properties",
            ),
            (
                "/data/meta/patch_properties/append/x/0",
                "/data/meta/patch_properties",
            ),
            ("", ""),
        ] {
            assert_eq!(redact_property_names(pointer), expected);
        }
    }
}
