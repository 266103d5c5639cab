//! The endpoints that the function uses.

use axum::http::Method;

use super::schema::Schema;
use super::{deletions, events, lists, profiles, subscription_schema};

/// The most requests in a second and in a minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateLimit {
    pub(super) burst: u64,
    pub(super) steady: u64,
}

/// An endpoint of Klaviyo's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    CreateEvent,
    CreateEvents,
    ImportProfile,
    ImportProfiles,
    Subscribe,
    Unsubscribe,
    RequestDeletion,
    GetImportJob,
    GetImportErrors,
    GetMetrics,
    FindProfiles,
    FindListProfiles,
    GetList,
    AddToList,
    RemoveFromList,
}

impl Endpoint {
    /// Finds the endpoint of a request, and the id that the path names.
    pub(super) fn find<'p>(method: &Method, path: &'p str) -> Option<(Endpoint, &'p str)> {
        if let Some(rest) = path.strip_prefix("/api/lists/") {
            let (id, relation) = rest.split_once('/').unwrap_or((rest, ""));
            let endpoint = match (method.as_str(), relation) {
                ("GET", "") => Endpoint::GetList,
                ("GET", "profiles") => Endpoint::FindListProfiles,
                ("POST", "relationships/profiles") => Endpoint::AddToList,
                ("DELETE", "relationships/profiles") => Endpoint::RemoveFromList,
                _ => return None,
            };
            return Some((endpoint, id));
        }
        if let Some(rest) = path.strip_prefix("/api/profile-bulk-import-jobs/") {
            let (id, relation) = rest.split_once('/').unwrap_or((rest, ""));
            let endpoint = match (method.as_str(), relation) {
                ("GET", "") => Endpoint::GetImportJob,
                ("GET", "import-errors") => Endpoint::GetImportErrors,
                _ => return None,
            };
            return Some((endpoint, id));
        }
        let endpoint = match (method.as_str(), path) {
            ("POST", "/api/events") => Endpoint::CreateEvent,
            ("POST", "/api/event-bulk-create-jobs") => Endpoint::CreateEvents,
            ("POST", "/api/profile-import") => Endpoint::ImportProfile,
            ("POST", "/api/profile-bulk-import-jobs") => Endpoint::ImportProfiles,
            ("POST", "/api/profile-subscription-bulk-create-jobs") => Endpoint::Subscribe,
            ("POST", "/api/profile-subscription-bulk-delete-jobs") => Endpoint::Unsubscribe,
            ("POST", "/api/data-privacy-deletion-jobs") => Endpoint::RequestDeletion,
            ("GET", "/api/metrics") => Endpoint::GetMetrics,
            ("GET", "/api/profiles") => Endpoint::FindProfiles,
            _ => return None,
        };
        Some((endpoint, ""))
    }

    /// Whether the path is an endpoint with another method.
    pub(super) fn is_path(path: &str) -> bool {
        let methods = [Method::GET, Method::POST, Method::DELETE];
        methods
            .iter()
            .any(|method| Endpoint::find(method, path).is_some())
    }

    /// Returns the rate limit that the endpoint's reference page names.
    pub(super) fn rate_limit(self) -> RateLimit {
        let (burst, steady) = match self {
            Endpoint::CreateEvent => (350, 3_500),
            Endpoint::ImportProfile
            | Endpoint::Subscribe
            | Endpoint::Unsubscribe
            | Endpoint::FindProfiles
            | Endpoint::GetList => (75, 750),
            Endpoint::FindListProfiles => (75, 700),
            Endpoint::CreateEvents
            | Endpoint::ImportProfiles
            | Endpoint::GetImportJob
            | Endpoint::GetImportErrors
            | Endpoint::GetMetrics
            | Endpoint::AddToList
            | Endpoint::RemoveFromList => (10, 150),
            Endpoint::RequestDeletion => (3, 60),
        };
        RateLimit { burst, steady }
    }

    /// Returns the most bytes of a body: 5 MB, but "The maximum allowed payload size is 100KB" for
    /// a profile.
    pub(super) fn max_bytes(self) -> usize {
        match self {
            Endpoint::ImportProfile => 100 * 1024,
            _ => 5 * 1024 * 1024,
        }
    }

    /// Returns the schema of the body; `None` for requests without one.
    pub(super) fn body_schema(self) -> Option<Schema> {
        match self {
            Endpoint::CreateEvent => Some(events::EVENT_BODY),
            Endpoint::CreateEvents => Some(events::JOB_BODY),
            Endpoint::ImportProfile => Some(profiles::PROFILE_BODY),
            Endpoint::ImportProfiles => Some(profiles::JOB_BODY),
            Endpoint::Subscribe => Some(subscription_schema::SUBSCRIBE_BODY),
            Endpoint::Unsubscribe => Some(subscription_schema::UNSUBSCRIBE_BODY),
            Endpoint::RequestDeletion => Some(deletions::DELETION_BODY),
            Endpoint::AddToList | Endpoint::RemoveFromList => Some(lists::MEMBERS_BODY),
            Endpoint::GetImportJob
            | Endpoint::GetImportErrors
            | Endpoint::GetMetrics
            | Endpoint::FindProfiles
            | Endpoint::FindListProfiles
            | Endpoint::GetList => None,
        }
    }
}
