//! Import jobs after Klaviyo has taken them: whether they are finished, and what they did not accept.
//! <https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api>

use reqwest::Url;
use serde::Deserialize;

use super::bulk::PROFILE_SLOTS;
use super::error::ApiError;
use crate::outcome::KlaviyoDetail;

/// Whether an import job is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStatus {
    /// Klaviyo is still at it.
    Running,
    /// Every profile is imported or has an error.
    Complete {
        /// Whether there are errors to read.
        has_errors: bool,
    },
    /// Klaviyo did not do the job.
    Cancelled,
}

/// A page of the errors of an import job.
#[derive(Debug)]
pub struct ImportErrorPage {
    /// The errors.
    pub errors: Vec<ImportError>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// A profile that an import job did not accept.
#[derive(Debug, Clone)]
pub struct ImportError {
    /// The place of the profile in the job, from 0.
    pub slot: Option<usize>,
    /// The address of the profile, if Klaviyo repeats it.
    pub email: Option<String>,
    /// The merchant's own id of the profile, if Klaviyo repeats it.
    pub external_id: Option<String>,
    /// The reason.
    pub error: ApiError,
}

impl ImportError {
    /// Whether Klaviyo says which profile the error is about.
    pub fn names_somebody(&self) -> bool {
        self.slot.is_some() || self.email.is_some() || self.external_id.is_some()
    }
}

#[derive(Deserialize)]
struct Document<T> {
    data: T,
    #[serde(default)]
    links: Links,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default)]
    next: Option<String>,
}

/// Parses the id of a job from the acknowledgement of a bulk import. Klaviyo does not always send
/// one.
pub fn parse_job_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Job {
        id: Option<String>,
    }
    let document: Document<Job> = serde_json::from_slice(body).ok()?;
    // The id becomes part of a path.
    document
        .data
        .id
        .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Parses the answer about a job; `None` for any other document.
pub fn parse_import_status(body: &[u8]) -> Option<ImportStatus> {
    #[derive(Deserialize)]
    struct Job {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        status: String,
        failed_count: Option<u64>,
    }
    let document: Document<Job> = serde_json::from_slice(body).ok()?;
    let Attributes {
        status,
        failed_count,
    } = document.data.attributes;
    match status.as_str() {
        "queued" | "processing" => Some(ImportStatus::Running),
        "complete" => Some(ImportStatus::Complete {
            has_errors: failed_count != Some(0),
        }),
        "cancelled" => Some(ImportStatus::Cancelled),
        _ => None,
    }
}

/// Parses a page of import errors; `None` for any other document.
pub fn parse_import_errors(body: &[u8]) -> Option<ImportErrorPage> {
    #[derive(Deserialize)]
    struct Resource {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        code: Option<String>,
        detail: Option<String>,
        source: Option<Source>,
        original_payload: Option<Payload>,
    }
    #[derive(Deserialize)]
    struct Source {
        pointer: Option<String>,
    }
    #[derive(Default, Deserialize)]
    struct Payload {
        email: Option<String>,
        external_id: Option<String>,
    }
    let document: Document<Vec<Resource>> = serde_json::from_slice(body).ok()?;
    let mut errors = Vec::with_capacity(document.data.len());
    for Resource { attributes } in document.data {
        let pointer = attributes.source.and_then(|source| source.pointer);
        let pointer = pointer.unwrap_or_default();
        let payload = attributes.original_payload.unwrap_or_default();
        errors.push(ImportError {
            slot: slot(&pointer),
            email: payload.email,
            external_id: payload.external_id,
            error: ApiError {
                code: attributes.code.unwrap_or_default(),
                detail: KlaviyoDetail::new(&attributes.detail.unwrap_or_default()),
                pointer,
            },
        });
    }
    let next = document.links.next.as_deref().and_then(cursor);
    Some(ImportErrorPage { errors, next })
}

fn slot(pointer: &str) -> Option<usize> {
    let path = pointer.strip_prefix(PROFILE_SLOTS)?;
    path.split('/').next()?.parse().ok()
}

/// Returns the cursor in the link to a page.
fn cursor(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "page[cursor]")
        .map(|(_, cursor)| cursor.into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn bytes(document: &Value) -> Vec<u8> {
        serde_json::to_vec(document).unwrap()
    }

    #[test]
    fn job_ids_are_part_of_a_path_or_not_there() {
        for (document, expected) in [
            (json!({"data": {"id": "01JOB"}}), Some("01JOB")),
            (json!({"data": {"type": "profile-bulk-import-job"}}), None),
            (json!({"data": {"id": "../lists"}}), None),
            (json!({}), None),
        ] {
            let id = parse_job_id(&bytes(&document));
            assert_eq!(id.as_deref(), expected, "{document}");
        }
    }

    #[test]
    fn errors_name_their_profile_by_place_or_by_its_identifiers() {
        let document = json!({
            "data": [
                {"attributes": {
                    "code": "invalid",
                    "detail": "no such number",
                    "source": {"pointer": "/data/attributes/profiles/data/7/attributes/phone_number"},
                }},
                {"attributes": {"original_payload": {"email": "li@klaviyo-demo.com"}}},
            ],
            "links": {"next": "https://a.klaviyo.com/api/x?page%5Bcursor%5D=abc&page%5Bsize%5D=100"},
        });
        let page = parse_import_errors(&bytes(&document)).unwrap();
        assert_eq!(page.next.as_deref(), Some("abc"));
        assert_eq!(page.errors[0].slot, Some(7));
        assert_eq!(page.errors[0].error.code, "invalid");
        assert_eq!(page.errors[1].slot, None);
        assert_eq!(page.errors[1].email.as_deref(), Some("li@klaviyo-demo.com"));
    }
}
