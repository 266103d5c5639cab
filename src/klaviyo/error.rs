//! What can go wrong with a call, and what to do about it.

use std::time::Duration;

use thiserror::Error;

use super::operation::{Operation, Subscription, Unsubscription};
use crate::outcome::{RejectReason, RetryReason};

/// Why a call was not acknowledged. Never holds any part of what was sent or answered but Klaviyo's
/// error codes and pointers.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// 429.
    #[error("Klaviyo throttles")]
    Throttled {
        /// What `Retry-After` says.
        retry_after: Option<Duration>,
    },
    /// 5xx, or an answer that is not Klaviyo's.
    #[error("Klaviyo answered {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// No connection, or one that broke: a thawed function finds its pooled connections dead.
    #[error("Klaviyo cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("Klaviyo did not answer in time")]
    TimedOut,
    /// 401 or 403.
    #[error("Klaviyo does not accept the key")]
    Key,
    /// Any other 4xx, in Klaviyo's own words.
    #[error("Klaviyo refused the request")]
    Refused(ApiErrors),
}

/// Klaviyo's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiErrors {
    /// The HTTP status.
    pub status: u16,
    /// At least one.
    pub problems: Vec<ApiError>,
}

/// One error object of a refusal: <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Klaviyo's code, such as `invalid`.
    pub code: String,
    /// Where in the request it is, as a JSON pointer.
    pub pointer: String,
}

/// What to do about a call that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryDecision<'e> {
    /// Send it again, after this long if Klaviyo says how long. `cause`: what it is if time is over.
    Retry {
        /// Klaviyo's own wish.
        after: Option<Duration>,
        /// What is reported when there is no time for another try.
        cause: RetryReason,
    },
    /// Send it again with another key, if there is one.
    RefreshKey,
    /// It cannot succeed as it is.
    Fail(&'e ApiErrors),
}

impl RequestError {
    /// Decides which failures pass by themselves. 408 and 425 ask for a repeat in so many words.
    pub fn retry_decision(&self) -> RetryDecision<'_> {
        let again = |cause| RetryDecision::Retry { after: None, cause };
        match self {
            RequestError::Throttled { retry_after } => {
                let cause = RetryReason::Throttled(retry_after.map(|after| after.as_secs()));
                RetryDecision::Retry {
                    after: *retry_after,
                    cause,
                }
            }
            RequestError::Unavailable { .. } => again(RetryReason::Unavailable),
            RequestError::Unreachable => again(RetryReason::Unreachable),
            RequestError::TimedOut => again(RetryReason::Timeout),
            RequestError::Key => RetryDecision::RefreshKey,
            RequestError::Refused(ApiErrors {
                status: 408 | 425, ..
            }) => again(RetryReason::Unavailable),
            RequestError::Refused(refusal) => RetryDecision::Fail(refusal),
        }
    }
}

impl ApiErrors {
    /// The reason a message is rejected for.
    pub fn rejected(&self) -> RejectReason {
        let first = self.problems.first();
        RejectReason::RefusedByKlaviyo {
            status: self.status,
            code: first
                .map(|problem| problem.code.chars().take(64).collect())
                .unwrap_or_default(),
            pointer: first
                .map(|problem| without_names(&problem.pointer))
                .unwrap_or_default(),
        }
    }

    /// Whether one of several places in a job may be meant, although none is named. Not so for what is said
    /// of the list that they have in common.
    pub fn may_be_about_one_of_many(&self) -> bool {
        self.status != 404
            && !self
                .problems
                .iter()
                .any(|problem| problem.pointer.starts_with("/data/relationships"))
    }

    /// Whether it is about the second of two identifiers: the phone number, or a profile found twice.
    fn is_about_an_identifier(&self) -> bool {
        let about_phone = |problem: &ApiError| {
            problem.pointer.ends_with("/phone_number")
                || problem.pointer.contains("/subscriptions/sms")
        };
        self.status == 409 || self.problems.iter().all(about_phone)
    }
}

/// A pointer as far as it is Klaviyo's: the names of properties are the merchant's, and could be anything.
fn without_names(pointer: &str) -> String {
    const NAMES: [&str; 4] = ["properties/", "append/", "unappend/", "unset/"];
    let ends = NAMES
        .iter()
        .filter_map(|before| Some(pointer.find(before)? + before.len()));
    let end = ends.min().unwrap_or(pointer.len());
    pointer
        .get(..end)
        .unwrap_or_default()
        .trim_end_matches('/')
        .chars()
        .take(200)
        .collect()
}

impl<'a> Operation<'a> {
    /// The same with fewer identifiers, when those are what Klaviyo refuses: a bad phone number, or a
    /// second identifier that belongs to somebody else, costs itself and not the update.
    pub fn without_what_is_refused(&self, refusal: &ApiErrors) -> Option<Operation<'a>> {
        let mut lesser = self.clone();
        let profile = match &mut lesser {
            Operation::UpsertProfile(profile) => profile,
            Operation::RecordEvent(event) => &mut event.profile,
            Operation::Subscribe(Subscription { who, .. })
            | Operation::Unsubscribe(Unsubscription { who, .. }) => {
                *who = who
                    .without_sms()
                    .filter(|_| refusal.is_about_an_identifier())?;
                return Some(lesser);
            }
            Operation::AddToList(_) | Operation::RemoveFromList(_) | Operation::Delete(_) => {
                return None;
            }
        };
        let had_phone = profile.phone_number.take().is_some();
        if refusal.status != 409 {
            return (had_phone && refusal.is_about_an_identifier()).then_some(lesser);
        }
        let had_both =
            profile.identity.email.is_some() && profile.identity.external_id.take().is_some();
        (had_phone || had_both).then_some(lesser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> RequestError {
        let problem = ApiError {
            code: "invalid".into(),
            pointer: "/data".into(),
        };
        RequestError::Refused(ApiErrors {
            status,
            problems: vec![problem],
        })
    }

    #[test]
    fn only_what_passes_by_itself_is_sent_again() {
        let after = Some(Duration::from_secs(7));
        for (error, cause) in [
            (
                RequestError::Throttled { retry_after: after },
                Some(RetryReason::Throttled(Some(7))),
            ),
            (
                RequestError::Throttled { retry_after: None },
                Some(RetryReason::Throttled(None)),
            ),
            (
                RequestError::Unavailable { status: 500 },
                Some(RetryReason::Unavailable),
            ),
            (
                RequestError::Unavailable { status: 524 },
                Some(RetryReason::Unavailable),
            ),
            (
                RequestError::Unavailable { status: 404 },
                Some(RetryReason::Unavailable),
            ),
            (RequestError::Unreachable, Some(RetryReason::Unreachable)),
            (RequestError::TimedOut, Some(RetryReason::Timeout)),
            (refused(408), Some(RetryReason::Unavailable)),
            (refused(400), None),
            (refused(404), None),
            (refused(409), None),
            (refused(413), None),
        ] {
            match (error.retry_decision(), cause) {
                (RetryDecision::Retry { cause, .. }, Some(expected)) => {
                    assert_eq!(cause, expected, "{error:?}")
                }
                (RetryDecision::Fail(_), None) => {}
                (verdict, _) => panic!("{error:?}: {verdict:?}"),
            }
        }
        assert_eq!(
            RequestError::Key.retry_decision(),
            RetryDecision::RefreshKey
        );
    }
}
