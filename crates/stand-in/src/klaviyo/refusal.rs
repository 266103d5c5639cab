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
    /// The JSON pointer to the place in the body that the refusal is about, or the name of the
    /// parameter.
    pub(crate) pointer: String,
    /// Whether it is about a parameter of the query.
    is_parameter: bool,
    /// What Klaviyo says beside it.
    meta: Value,
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
            is_parameter: false,
            meta: json!({}),
        }
    }

    /// Returns a refusal of a parameter of the query:
    /// <https://github.com/klaviyo/klaviyo-api-python/issues/41>
    pub(crate) fn parameter(name: impl Into<String>) -> Self {
        let name = name.into();
        Refusal {
            is_parameter: true,
            ..Refusal::invalid(format!("'{name}' is not a valid parameter"), name)
        }
    }

    /// Returns a refusal of identifiers that are another profile's too:
    /// <https://github.com/klaviyo/klaviyo-api-node/issues/75>
    pub(crate) fn duplicate_profile(profile_id: usize, pointer: &str) -> Self {
        let detail = "A profile already exists with one of these identifiers.";
        Refusal {
            meta: json!({"duplicate_profile_id": profile_id.to_string()}),
            ..Refusal::new(
                409,
                "duplicate_profile",
                detail,
                format!("{pointer}/attributes"),
            )
        }
    }

    /// Returns a refusal of a value.
    pub(crate) fn invalid(detail: impl Into<String>, pointer: impl Into<String>) -> Self {
        Refusal::new(400, "invalid", detail, pointer)
    }

    /// Returns the title of the kind of error.
    pub(crate) fn title(&self) -> &'static str {
        match self.code {
            "authentication_failed" => "Authentication failed.",
            "duplicate_profile" => "Conflict.",
            "not_found" => "Not found.",
            "throttled" => "Request was throttled.",
            _ => "Invalid input.",
        }
    }

    /// Returns the place that it is about.
    pub(crate) fn source(&self) -> Value {
        if self.is_parameter {
            json!({"parameter": self.pointer})
        } else {
            json!({"pointer": self.pointer})
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "status": self.status,
            "code": self.code,
            "title": self.title(),
            "detail": self.detail,
            "source": self.source(),
            "meta": self.meta,
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

/// Returns all refusals as an error, if there are any.
pub(crate) fn into_result(refusals: Vec<Refusal>) -> Result<(), Vec<Refusal>> {
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}
