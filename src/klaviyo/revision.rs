//! The revision of Klaviyo's API, and when it grows old:
//! <https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy>

use thiserror::Error;
use time::Date;
use time::macros::date;

/// The revision that bodies are written for.
pub const REVISION: &str = "2026-10-15";

/// 18 months after the revision. It is served for two years; then Klaviyo answers as a newer one.
const AGEING: Date = date!(2028 - 04 - 15);

/// The revision is soon no longer served.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("revision {REVISION} is over 18 months old and served for 24: update segment-klaviyo")]
pub struct Ageing;

/// Whether the revision is ageing on this day.
pub fn ageing(today: Date) -> Option<Ageing> {
    (today >= AGEING).then_some(Ageing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_begins_18_months_after_the_revision() {
        assert!(REVISION.starts_with("2026-10"));
        assert_eq!(ageing(date!(2028 - 04 - 14)), None);
        assert_eq!(ageing(date!(2028 - 04 - 15)), Some(Ageing));
    }
}
