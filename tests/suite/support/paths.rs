//! The paths of Klaviyo's API.

pub(crate) const EVENTS: &str = "/api/events";
pub(crate) const EVENT_JOBS: &str = "/api/event-bulk-create-jobs";
pub(crate) const IMPORT: &str = "/api/profile-import";
pub(crate) const IMPORT_JOBS: &str = "/api/profile-bulk-import-jobs";
pub(crate) const PROFILES: &str = "/api/profiles";
pub(crate) const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";
pub(crate) const UNSUBSCRIBE: &str = "/api/profile-subscription-bulk-delete-jobs";
pub(crate) const DELETE: &str = "/api/data-privacy-deletion-jobs";
pub(crate) const METRICS: &str = "/api/metrics";
