//! What can go wrong with a call, and what to do about it.

use std::time::Duration;

use thiserror::Error;

use super::operation::{Operation, Subscription, Unsubscription};
use crate::outcome::{Rejected, Unfinished};

/// Why a call was not acknowledged. Never holds any part of what was sent or answered but Klaviyo's
/// error codes and pointers.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CallError {
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
    Refused(Refusal),
}

/// Klaviyo's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One error object of a refusal: <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Klaviyo's code, such as `invalid`.
    pub code: String,
    /// Where in the request it is, as a JSON pointer.
    pub pointer: String,
}

/// What to do about a call that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'e> {
    /// Send it again, after this long if Klaviyo says how long. `cause`: what it is if time is over.
    Again {
        /// Klaviyo's own wish.
        after: Option<Duration>,
        /// What is reported when there is no time for another try.
        cause: Unfinished,
    },
    /// Send it again with another key, if there is one.
    NewKey,
    /// It cannot succeed as it is.
    Never(&'e Refusal),
}

impl CallError {
    /// Decides which failures pass by themselves. 408 and 425 ask for a repeat in so many words.
    pub fn verdict(&self) -> Verdict<'_> {
        let again = |cause| Verdict::Again { after: None, cause };
        match self {
            CallError::Throttled { retry_after } => {
                let cause = Unfinished::Throttled(retry_after.map(|after| after.as_secs()));
                Verdict::Again {
                    after: *retry_after,
                    cause,
                }
            }
            CallError::Unavailable { .. } => again(Unfinished::Unavailable),
            CallError::Unreachable => again(Unfinished::Unreachable),
            CallError::TimedOut => again(Unfinished::OutOfTime),
            CallError::Key => Verdict::NewKey,
            CallError::Refused(Refusal {
                status: 408 | 425, ..
            }) => again(Unfinished::Unavailable),
            CallError::Refused(refusal) => Verdict::Never(refusal),
        }
    }
}

impl Refusal {
    /// The reason a message is rejected for.
    pub fn rejected(&self) -> Rejected {
        let first = self.problems.first();
        Rejected::Klaviyo {
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
        let about_phone = |problem: &Problem| {
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
    pub fn without_what_is_refused(&self, refusal: &Refusal) -> Option<Operation<'a>> {
        let mut lesser = self.clone();
        let profile = match &mut lesser {
            Operation::Import(profile) => profile,
            Operation::Record(event) => &mut event.profile,
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

    fn refused(status: u16) -> CallError {
        let problem = Problem {
            code: "invalid".into(),
            pointer: "/data".into(),
        };
        CallError::Refused(Refusal {
            status,
            problems: vec![problem],
        })
    }

    #[test]
    fn only_what_passes_by_itself_is_sent_again() {
        let after = Some(Duration::from_secs(7));
        for (error, cause) in [
            (
                CallError::Throttled { retry_after: after },
                Some(Unfinished::Throttled(Some(7))),
            ),
            (
                CallError::Throttled { retry_after: None },
                Some(Unfinished::Throttled(None)),
            ),
            (
                CallError::Unavailable { status: 500 },
                Some(Unfinished::Unavailable),
            ),
            (
                CallError::Unavailable { status: 524 },
                Some(Unfinished::Unavailable),
            ),
            (
                CallError::Unavailable { status: 404 },
                Some(Unfinished::Unavailable),
            ),
            (CallError::Unreachable, Some(Unfinished::Unreachable)),
            (CallError::TimedOut, Some(Unfinished::OutOfTime)),
            (refused(408), Some(Unfinished::Unavailable)),
            (refused(400), None),
            (refused(404), None),
            (refused(409), None),
            (refused(413), None),
        ] {
            match (error.verdict(), cause) {
                (Verdict::Again { cause, .. }, Some(expected)) => {
                    assert_eq!(cause, expected, "{error:?}")
                }
                (Verdict::Never(_), None) => {}
                (verdict, _) => panic!("{error:?}: {verdict:?}"),
            }
        }
        assert_eq!(CallError::Key.verdict(), Verdict::NewKey);
    }
}
