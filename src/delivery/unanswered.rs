//! Subscriptions that Klaviyo did not answer: it may have asked the person, so they are repeated late
//! and seldom.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::task::{OperationError, Task, TaskState};
use crate::clock;
use crate::klaviyo::OperationId;
use crate::outcome::{RejectReason, RetryReason};

/// Klaviyo holds back the repeat of a subscription for this long, so that nobody is asked twice.
const REPEAT_AFTER_SECONDS: i64 = 30 * 60;

/// The most attempts of a subscription that Klaviyo does not answer.
const MAX_ATTEMPTS: usize = 2;

/// An attempt of an operation that Klaviyo did not answer, and may have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnansweredAttempt {
    /// The operation.
    pub operation: OperationId,
    /// The moment, in epoch seconds.
    pub at: i64,
}

/// Returns the time until Klaviyo no longer holds back a repeat. `now` is in epoch seconds.
pub(super) fn wait(attempts: &[UnansweredAttempt], now: i64) -> Duration {
    let Some(last) = attempts.iter().map(|attempt| attempt.at).max() else {
        return Duration::ZERO;
    };
    let left = REPEAT_AFTER_SECONDS.saturating_sub(now.saturating_sub(last));
    Duration::from_secs(u64::try_from(left).unwrap_or(0))
}

/// Keeps subscriptions from being sent that Klaviyo did not answer lately, or too often.
pub(super) fn hold_back(attempts: &[UnansweredAttempt], tasks: &[Task]) {
    if attempts.is_empty() {
        return;
    }
    let now = clock::now().unix_timestamp();
    for task in tasks {
        let id = task.operation().id();
        let of_task: Vec<_> = attempts
            .iter()
            .filter(|attempt| attempt.operation == id)
            .cloned()
            .collect();
        let error = if of_task.len() >= MAX_ATTEMPTS {
            OperationError::Permanent(RejectReason::SubscriptionUnanswered)
        } else if !wait(&of_task, now).is_zero() {
            OperationError::Transient(RetryReason::SubscriptionUnanswered)
        } else {
            continue;
        };
        task.set_state(TaskState::Failed(error));
    }
}
