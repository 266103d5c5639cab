//! What Klaviyo does worse than usual with one request.

use serde::Deserialize;

/// A mishap of one request. Klaviyo acknowledges the request nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mishap {
    /// The number of new events that Klaviyo loses.
    pub lose_events: usize,
    /// The number of profiles of an import job that become errors of the job.
    pub fail_imports: usize,
    /// The reason for these errors.
    pub import_failure: ImportFailure,
    /// Whether Klaviyo leaves every phone number beside another identifier out of single imports
    /// and events, as if it were impossible.
    pub leave_phones_out: bool,
}

/// The reason for which an import job leaves a profile as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportFailure {
    /// One of the identifiers is another profile's too.
    #[default]
    Conflict,
    /// The phone number is impossible. A profile without one has a conflict instead.
    Phone,
}
