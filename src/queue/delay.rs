//! The time for which a message waits in the retry queue before another attempt.

use std::time::Duration;

use crate::outcome::RetryReason;

/// A message waits this part of the time that it has waited before, so that its attempts become
/// rarer as an outage goes on.
const WAITED_DIVISOR: u32 = 8;

/// The longest wait for the end of an outage: with the spread, three minutes after it the queue is
/// under way again.
const LONGEST: Duration = Duration::from_secs(120);

/// The delays that there are, in seconds: messages can be packed together only if they wait equally
/// long.
const STEPS: [u64; 15] = [0, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 300, 600, 900];

/// Returns the time until another attempt, for a message that has waited in the queue for `waited`,
/// and that Klaviyo holds back for `hold`.
pub fn retry_delay(reason: RetryReason, waited: Duration, hold: Duration) -> Duration {
    let least = match reason {
        // Klaviyo says when.
        RetryReason::Throttled(Some(seconds)) => {
            let asked = Duration::from_secs(seconds.max(1));
            return round_up(asked.max(hold));
        }
        // From the queue it goes as a job.
        RetryReason::ThrottledSingly(_) | RetryReason::Intake => return round_up(hold),
        // Nothing has failed.
        RetryReason::WaitingForBatch => 1,
        RetryReason::Throttled(None) | RetryReason::Timeout | RetryReason::QueueWriteFailed => 5,
        RetryReason::Unavailable
        | RetryReason::Unreachable
        | RetryReason::LedgerUnavailable
        | RetryReason::MemoryUnavailable => 10,
        // Somebody has to act, or half an hour has to pass.
        RetryReason::ApiKeyRejected
        | RetryReason::RevisionRefused
        | RetryReason::SubscriptionUnanswered
        | RetryReason::SubscriptionUnderWay => 60,
    };
    let delay = (waited / WAITED_DIVISOR).clamp(Duration::from_secs(least), LONGEST);
    round_up(delay.max(hold))
}

/// Returns a delay up to half as long again, so that not everything comes back in the same moment.
pub fn spread(delay: Duration) -> Duration {
    delay + (delay / 2).mul_f64(fastrand::f64())
}

fn round_up(delay: Duration) -> Duration {
    let [.., longest] = STEPS;
    let step = STEPS
        .iter()
        .find(|step| delay <= Duration::from_secs(**step));
    Duration::from_secs(*step.unwrap_or(&longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_waits_as_long_as_its_reason_asks_for() {
        use RetryReason::{
            ApiKeyRejected, Throttled, ThrottledSingly, Timeout, Unavailable, WaitingForBatch,
        };
        const HOUR: u64 = 3_600;
        for (reason, waited, hold, expected) in [
            (Throttled(Some(0)), 0, 0, 1),
            (Throttled(Some(12)), 0, 0, 15),
            (Throttled(Some(12)), HOUR, 0, 15),
            (Throttled(Some(60)), 0, 0, 60),
            (Throttled(Some(u64::MAX)), 0, 0, 900),
            (Throttled(None), 0, 0, 5),
            (ThrottledSingly(Some(60)), 0, 0, 0),
            (ThrottledSingly(None), 0, 100, 120),
            (WaitingForBatch, 0, 0, 1),
            (Timeout, 0, 0, 5),
            (Unavailable, 0, 0, 10),
            (Unavailable, 60, 0, 10),
            (Unavailable, 600, 0, 90),
            (Unavailable, HOUR, 0, 120),
            (ApiKeyRejected, 0, 0, 60),
            (Timeout, 0, 1_800, 900),
            (Throttled(Some(12)), 0, 400, 600),
        ] {
            let [waited, hold] = [waited, hold].map(Duration::from_secs);
            let delay = retry_delay(reason, waited, hold).as_secs();
            assert_eq!(
                delay, expected,
                "{reason:?} after {waited:?}, held {hold:?}"
            );
        }
    }

    #[test]
    fn a_spread_delay_is_never_shorter_and_at_most_half_as_long_again() {
        let delay = Duration::from_secs(60);
        let spread: Vec<_> = (0..100).map(|_| spread(delay)).collect();
        assert!(
            spread
                .iter()
                .all(|one| (delay..=delay * 3 / 2).contains(one))
        );
        let [first, last] = [spread.iter().min(), spread.iter().max()].map(Option::unwrap);
        assert!(*last - *first > delay / 4, "from {first:?} to {last:?}");
    }
}
