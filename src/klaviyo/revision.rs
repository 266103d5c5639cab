//! The revision of Klaviyo's API, and the time when it gets old:
//! <https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy>

use thiserror::Error;
use time::Date;
use time::macros::date;

/// The revision of every request. The bodies are written for it.
pub const REVISION: &str = "2026-10-15";

/// The day 18 months after the revision. Klaviyo serves a revision for two years and then answers
/// as a newer one would, so this leaves half a year for an update.
const FIRST_WARNING: Date = date!(2028 - 04 - 15);

/// A revision that Klaviyo will soon stop serving.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "revision {REVISION} is more than 18 months old, and Klaviyo serves a revision for 24: update segment-klaviyo"
)]
pub struct AgingRevision;

/// Returns a warning if `today` is 18 months or more after the revision.
pub fn aging(today: Date) -> Option<AgingRevision> {
    if today >= FIRST_WARNING {
        Some(AgingRevision)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_begins_18_months_after_the_revision() {
        assert!(REVISION.starts_with("2026-10"));
        assert_eq!(aging(date!(2028 - 04 - 14)), None);
        assert_eq!(aging(date!(2028 - 04 - 15)), Some(AgingRevision));
    }
}
