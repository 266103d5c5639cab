//! Jobs that import profiles:
//! <https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api>

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::account::Account;
use super::query::{PAGES, Query};
use super::refusal::Refusal;
use crate::clock;
use crate::request::KlaviyoRequest;
use crate::response::JsonResponse;

/// How long a job can be looked up.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A bulk import of profiles. Its index is part of its id.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportJob {
    /// The time of the request.
    pub created_at: SystemTime,
    /// The number of profiles in the request.
    pub total: usize,
    /// The lists that the profiles are put on.
    pub lists: Vec<String>,
    /// The indexes of the profiles that were created or updated.
    pub profiles: Vec<usize>,
    /// The profiles that were not.
    pub errors: Vec<ImportError>,
}

/// A profile that an import left as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportError {
    /// Klaviyo's code, such as `duplicate_profile`.
    pub code: &'static str,
    /// The title of the code.
    pub title: &'static str,
    /// An explanation for people.
    pub detail: String,
    /// The place in the request that it is about, as `{"pointer": "…"}`.
    pub source: Value,
    /// The id and the attributes of the profile in one object.
    pub original_payload: Map<String, Value>,
}

impl ImportError {
    /// Creates the error of a profile that is refused.
    pub(super) fn new(refusal: Refusal, profile: &Value) -> Self {
        let mut original_payload = Map::new();
        if let Some(id) = profile.get("id") {
            original_payload.insert("id".to_owned(), id.clone());
        }
        if let Some(Value::Object(attributes)) = profile.get("attributes") {
            original_payload.extend(attributes.clone());
        }
        ImportError {
            code: refusal.code,
            title: refusal.title(),
            source: refusal.source(),
            detail: refusal.detail,
            original_payload,
        }
    }

    fn attributes(&self) -> Map<String, Value> {
        let mut attributes = Map::new();
        for (name, value) in [
            ("code", json!(self.code)),
            ("title", json!(self.title)),
            ("detail", json!(self.detail)),
            ("source", self.source.clone()),
            ("original_payload", json!(self.original_payload)),
        ] {
            attributes.insert(name.to_owned(), value);
        }
        attributes
    }
}

/// The stage that a job has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Processing,
    Complete,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Queued => "queued",
            Stage::Processing => "processing",
            Stage::Complete => "complete",
        }
    }
}

impl ImportJob {
    /// Returns the stage at which a job is after it was created this long ago.
    fn stage(&self, account: &Account) -> Stage {
        let duration = account.import_duration();
        let age = clock::now().duration_since(self.created_at);
        let age = age.unwrap_or_default();
        if age >= duration {
            Stage::Complete
        } else if age >= duration / 2 {
            Stage::Processing
        } else {
            Stage::Queued
        }
    }

    fn time_after(&self, duration: Duration) -> Option<String> {
        let time = OffsetDateTime::from(self.created_at + duration);
        time.format(&Rfc3339).ok()
    }
}

impl Account {
    fn import_duration(&self) -> Duration {
        Duration::from_millis(self.switches.import_ms)
    }

    /// Finds an import job, and its index, by its id.
    fn find_job(&self, id: &str) -> Result<(usize, &ImportJob), Refusal> {
        let index = id
            .strip_prefix("IMPORT")
            .and_then(|index| index.parse().ok());
        if let Some(index) = index
            && let Some(job) = self.import_jobs.get(index)
        {
            return Ok((index, job));
        }
        let detail = "A profile-bulk-import-job with this id does not exist";
        Err(Refusal::new(404, "not_found", detail, "/data/id"))
    }
}

/// Returns the answer to a job that was just created.
pub(super) fn created(account: &Account, index: usize, job: &ImportJob) -> JsonResponse {
    let mut resource = resource(account, index, job);
    if !account.switches.name_import_jobs
        && let Some(members) = resource.as_object_mut()
    {
        // Such answers were seen: https://github.com/rudderlabs/rudder-server/pull/5316
        members.retain(|name, _| matches!(name.as_str(), "type" | "attributes"));
    }
    JsonResponse::new(202, json!({ "data": resource }))
}

/// Returns an import job.
pub(super) fn get_job(account: &Account, id: &str) -> Result<JsonResponse, Vec<Refusal>> {
    let (index, job) = account.find_job(id)?;
    let resource = resource(account, index, job);
    Ok(JsonResponse::new(200, json!({ "data": resource })))
}

/// Returns a page of the errors of an import job. There are none before it is complete.
pub(super) fn get_errors(
    account: &Account,
    id: &str,
    request: &KlaviyoRequest,
) -> Result<JsonResponse, Vec<Refusal>> {
    let query = Query::parse(request, &["page[size]"])?;
    let (job_index, job) = account.find_job(id)?;
    let mut errors = Vec::new();
    if job.stage(account) == Stage::Complete {
        errors.extend(job.errors.iter().enumerate());
    }
    let body = query.collection(&errors, PAGES, |(index, error)| {
        let mut attributes = error.attributes();
        query.select("import-error", &mut attributes);
        json!({"type": "import-error", "id": error_id(job_index, *index), "attributes": attributes})
    })?;
    Ok(JsonResponse::new(200, body))
}

fn error_id(job_index: usize, index: usize) -> String {
    format!("IMPORT{job_index}-{index}")
}

fn resource(account: &Account, index: usize, job: &ImportJob) -> Value {
    let stage = job.stage(account);
    let duration = account.import_duration();
    let (mut profiles, mut errors) = (Vec::new(), Vec::new());
    let (mut started_at, mut completed_at) = (None, None);
    if stage != Stage::Queued {
        started_at = job.time_after(duration / 2);
    }
    if stage == Stage::Complete {
        completed_at = job.time_after(duration);
        for profile in &job.profiles {
            profiles.push(json!({"type": "profile", "id": profile.to_string()}));
        }
        for error in 0..job.errors.len() {
            errors.push(json!({"type": "import-error", "id": error_id(index, error)}));
        }
    }
    let mut lists = Vec::new();
    for list_id in &job.lists {
        lists.push(json!({"type": "list", "id": list_id}));
    }
    let id = format!("IMPORT{index}");
    json!({
        "type": "profile-bulk-import-job",
        "id": id,
        "attributes": {
            "status": stage.name(),
            "total_count": job.total,
            "completed_count": profiles.len(),
            "failed_count": errors.len(),
            "created_at": job.time_after(Duration::ZERO),
            "started_at": started_at,
            "completed_at": completed_at,
            "expires_at": job.time_after(LIFETIME),
        },
        "relationships": {
            "lists": {"data": lists},
            "profiles": {"data": profiles},
            "import-errors": {"data": errors},
        },
        "links": {"self": format!("/api/profile-bulk-import-jobs/{id}")},
    })
}
