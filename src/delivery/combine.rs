//! The outcome of a message as that of its operations together.

use super::task::OperationError;
use crate::outcome::{Outcome, RetryReason};

/// Combines the outcome of a message so far with the failure of another operation.
///
/// One operation that can still succeed keeps the message alive. Of several reasons to retry, one
/// that is not throttling counts, since it says more; of several throttlings, the longest wait.
pub(super) fn combine(so_far: Outcome, error: OperationError) -> Outcome {
    use RetryReason::{Throttled, ThrottledSingly};
    match (so_far, error) {
        (so_far, OperationError::Unanswered) => {
            let reason = RetryReason::SubscriptionUnanswered;
            combine(so_far, OperationError::Transient(reason))
        }
        (
            Outcome::Retry(ThrottledSingly(one)),
            OperationError::Transient(ThrottledSingly(other)),
        ) => Outcome::Retry(ThrottledSingly(one.max(other))),
        (
            Outcome::Retry(Throttled(one) | ThrottledSingly(one)),
            OperationError::Transient(Throttled(other) | ThrottledSingly(other)),
        ) => Outcome::Retry(Throttled(one.max(other))),
        (
            Outcome::Retry(Throttled(_) | ThrottledSingly(_) | RetryReason::WaitingForBatch),
            OperationError::Transient(reason),
        ) if reason != RetryReason::WaitingForBatch => Outcome::Retry(reason),
        (Outcome::Retry(reason), _) => Outcome::Retry(reason),
        (_, OperationError::Transient(reason)) => Outcome::Retry(reason),
        (Outcome::Rejected(first), OperationError::Permanent(_)) => Outcome::Rejected(first),
        (_, OperationError::Permanent(reason)) => Outcome::Rejected(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::RejectReason;

    #[test]
    fn one_operation_that_can_still_succeed_keeps_a_message_alive() {
        use OperationError::{Permanent, Transient};
        use RetryReason::{Unavailable, WaitingForBatch};
        let throttled = |seconds| RetryReason::Throttled(Some(seconds));
        let singly = |seconds| RetryReason::ThrottledSingly(Some(seconds));
        let never = Permanent(RejectReason::InvalidListId);
        for (errors, expected) in [
            (
                vec![never.clone(), Transient(throttled(1))],
                Outcome::Retry(throttled(1)),
            ),
            (
                vec![Transient(throttled(1)), never.clone()],
                Outcome::Retry(throttled(1)),
            ),
            (
                vec![Transient(throttled(1)), Transient(throttled(120))],
                Outcome::Retry(throttled(120)),
            ),
            (
                vec![Transient(singly(9)), Transient(singly(3))],
                Outcome::Retry(singly(9)),
            ),
            (
                vec![Transient(singly(9)), Transient(throttled(3))],
                Outcome::Retry(throttled(9)),
            ),
            (
                vec![Transient(singly(9)), Transient(Unavailable)],
                Outcome::Retry(Unavailable),
            ),
            (
                vec![Transient(throttled(9)), Transient(Unavailable)],
                Outcome::Retry(Unavailable),
            ),
            (
                vec![Transient(throttled(9)), Transient(WaitingForBatch)],
                Outcome::Retry(throttled(9)),
            ),
            (
                vec![Transient(WaitingForBatch), Transient(throttled(9))],
                Outcome::Retry(throttled(9)),
            ),
            (
                vec![never.clone(), Permanent(RejectReason::InvalidEventName)],
                Outcome::Rejected(RejectReason::InvalidListId),
            ),
        ] {
            let outcome = errors.iter().cloned().fold(Outcome::Delivered, combine);
            assert_eq!(outcome, expected, "{errors:?}");
        }
    }
}
