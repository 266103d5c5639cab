//! Attempts to ask a person, as the table holds them, and what follows from one.

use time::{Duration, OffsetDateTime};

/// Klaviyo holds back the repeat of a subscription for this long, so that nobody is asked twice. A
/// request that was under way for so long has ended one way or another.
const REPEAT_AFTER: Duration = Duration::minutes(30);

/// The most attempts of a question that Klaviyo does not answer.
const MAX_ATTEMPTS: u32 = 2;

/// How long the table keeps an attempt: as long as a queue may deliver a message again.
const LIFETIME: Duration = Duration::days(30);

/// An attempt to ask a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Who makes it: another random id for each claim.
    pub(super) claim_id: String,
    /// When it was claimed, in epoch seconds.
    pub(super) claimed_at: i64,
    /// Which one it is, from 1.
    pub(super) number: u32,
    /// Whether Klaviyo has acknowledged it.
    pub(super) is_answered: bool,
}

/// What follows from the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt may be made.
    Ask,
    /// Klaviyo has acknowledged it: nothing is left to do.
    Answered,
    /// It may be under way: wait.
    Wait,
    /// Klaviyo has left too many unanswered.
    GiveUp,
}

impl Attempt {
    /// Returns the attempt after `previous`.
    pub(super) fn after(previous: Option<&Attempt>, claim_id: &str, now: OffsetDateTime) -> Self {
        Attempt {
            claim_id: claim_id.to_owned(),
            claimed_at: now.unix_timestamp(),
            number: previous.map_or(0, |previous| previous.number) + 1,
            is_answered: false,
        }
    }

    /// Returns what may be done after this attempt.
    pub(super) fn next(&self, now: OffsetDateTime) -> Next {
        let age = now.unix_timestamp().saturating_sub(self.claimed_at);
        if self.is_answered {
            Next::Answered
        } else if age < REPEAT_AFTER.whole_seconds() {
            Next::Wait
        } else if self.number >= MAX_ATTEMPTS {
            Next::GiveUp
        } else {
            Next::Ask
        }
    }

    /// Returns the moment at which the table may forget it, in epoch seconds.
    pub(super) fn expires_at(&self) -> i64 {
        self.claimed_at.saturating_add(LIFETIME.whole_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_without_an_answer_waits_and_ends_after_two() {
        for (number, is_answered, age_minutes, expected) in [
            (1, true, 0, Next::Answered),
            (1, true, 10_000, Next::Answered),
            (1, false, 0, Next::Wait),
            (1, false, 29, Next::Wait),
            (1, false, -5, Next::Wait),
            (1, false, 30, Next::Ask),
            (2, false, 29, Next::Wait),
            (2, false, 30, Next::GiveUp),
        ] {
            let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
            let attempt = Attempt {
                claim_id: "c".to_owned(),
                claimed_at: (now - Duration::minutes(age_minutes)).unix_timestamp(),
                number,
                is_answered,
            };
            assert_eq!(attempt.next(now), expected, "{number} {age_minutes}");
        }
    }
}
