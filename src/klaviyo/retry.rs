//! The decision whether a failed request is sent again.

use std::time::Duration;

use super::error::{ApiErrors, RequestError};
use crate::outcome::RetryReason;

/// The next step after a request that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryDecision<'e> {
    /// Send it again.
    Retry {
        /// The time that Klaviyo asks to wait.
        after: Option<Duration>,
        /// The reason to report if there is no time for another attempt.
        reason: RetryReason,
    },
    /// Send it again with a fresh key, if there is one.
    RefreshKey,
    /// Send nothing more in this delivery: Klaviyo refuses the program.
    Stop,
    /// Give it up: it cannot succeed as it is.
    Fail(&'e ApiErrors),
}

/// Decides which failures pass by themselves.
pub fn retry_decision(error: &RequestError) -> RetryDecision<'_> {
    let (after, reason) = match error {
        RequestError::Throttled { retry_after } => (
            *retry_after,
            RetryReason::Throttled(retry_after.map(|after| after.as_secs())),
        ),
        RequestError::Unavailable { .. } => (None, RetryReason::Unavailable),
        RequestError::NotConnected | RequestError::Unreachable => (None, RetryReason::Unreachable),
        RequestError::Timeout => (None, RetryReason::Timeout),
        RequestError::Unauthorized | RequestError::Forbidden => return RetryDecision::RefreshKey,
        RequestError::Unsupported { .. } => return RetryDecision::Stop,
        // 408 (request timeout), 423 (locked) and 425 (too early) are 4xx that ask for another attempt:
        // https://www.rfc-editor.org/rfc/rfc9110#name-408-request-timeout
        RequestError::Refused(ApiErrors {
            status: 408 | 423 | 425,
            ..
        }) => (None, RetryReason::Unavailable),
        RequestError::Refused(errors) => return RetryDecision::Fail(errors),
    };
    RetryDecision::Retry { after, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::klaviyo::error::ApiError;

    fn refused(status: u16) -> RequestError {
        let error = ApiError {
            code: "invalid".into(),
            pointer: "/data".into(),
            detail: Default::default(),
        };
        RequestError::Refused(ApiErrors {
            status,
            errors: vec![error],
        })
    }

    #[test]
    fn only_transient_errors_are_retried() {
        let after = Some(Duration::from_secs(7));
        for (error, expected) in [
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
            (RequestError::Timeout, Some(RetryReason::Timeout)),
            (refused(408), Some(RetryReason::Unavailable)),
            (refused(423), Some(RetryReason::Unavailable)),
            (refused(400), None),
            (refused(404), None),
            (refused(409), None),
            (refused(413), None),
        ] {
            match (retry_decision(&error), expected) {
                (RetryDecision::Retry { reason, .. }, Some(expected)) => {
                    assert_eq!(reason, expected, "{error:?}");
                }
                (RetryDecision::Fail(_), None) => {}
                (decision, _) => panic!("{error:?}: {decision:?}"),
            }
        }
        for error in [RequestError::Unauthorized, RequestError::Forbidden] {
            assert_eq!(retry_decision(&error), RetryDecision::RefreshKey);
        }
        let retired = RequestError::Unsupported { status: 410 };
        assert_eq!(retry_decision(&retired), RetryDecision::Stop);
    }
}
