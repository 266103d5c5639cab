//! The reasons for which Klaviyo refuses a request.

use serde_json::{Value, json};

use crate::response::JsonResponse;

/// One reason, which becomes a JSON:API error object:
/// <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Klaviyo's code for the kind of error.
    pub(crate) code: &'static str,
    /// An explanation for people.
    pub(crate) detail: String,
    /// The JSON pointer to the place in the body that the refusal is about.
    pub(crate) pointer: String,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        code: &'static str,
        detail: impl Into<String>,
        pointer: impl Into<String>,
    ) -> Self {
        Refusal {
            status,
            code,
            detail: detail.into(),
            pointer: pointer.into(),
        }
    }

    /// Returns a refusal of a value.
    pub(crate) fn invalid(detail: impl Into<String>, pointer: impl Into<String>) -> Self {
        Refusal::new(400, "invalid", detail, pointer)
    }

    fn to_json(&self) -> Value {
        json!({
            "status": self.status,
            "code": self.code,
            "title": title(self.code),
            "detail": self.detail,
            "source": {"pointer": self.pointer},
        })
    }

    /// Returns the answer that lists refusals. The first one gives the status.
    pub(crate) fn answer(refusals: &[Refusal]) -> JsonResponse {
        let status = refusals.first().map_or(500, |refusal| refusal.status);
        let errors: Vec<Value> = refusals.iter().map(Refusal::to_json).collect();
        JsonResponse::new(status, json!({ "errors": errors }))
    }
}

impl From<Refusal> for Vec<Refusal> {
    fn from(refusal: Refusal) -> Self {
        vec![refusal]
    }
}

fn title(code: &str) -> &'static str {
    match code {
        "authentication_failed" => "Authentication failed.",
        "duplicate_profile" => "Conflict.",
        "not_found" => "Not found.",
        "throttled" => "Request was throttled.",
        _ => "Invalid input.",
    }
}
