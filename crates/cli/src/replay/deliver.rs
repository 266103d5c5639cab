//! One batch, sent until each of its messages has ended, or nothing of it gets any further.

use std::time::Duration;

use segment_klaviyo::handler::Destination;
use segment_klaviyo::outcome::{Outcome, RetryReason};
use segment_klaviyo::telemetry;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::batch::ReplayMessage;
use super::stop::Stop;

/// The pause before another try, when Klaviyo does not say how long; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Every message has ended.
    Finished,
    /// A person wants it to stop, and something is to be done still.
    Stopped,
    /// Klaviyo takes no more of it.
    GivenUp,
}

/// A try that leaves something over.
pub(super) struct Wait<'w> {
    /// How far the messages are.
    pub(super) messages: &'w [ReplayMessage],
    /// How many of them are not finished.
    pub(super) left: usize,
    /// What decides how to go on.
    pub(super) cause: RetryReason,
    /// How long the pause is; `None` when it is given up.
    pub(super) pause: Option<Duration>,
    /// Requests to Klaviyo so far.
    pub(super) calls: u64,
}

/// Who sends, and how patiently.
pub(super) struct Courier<'d> {
    pub(super) destination: &'d Destination,
    /// When the rules are, or were first, applied.
    pub(super) decided_at: OffsetDateTime,
    /// How long to go on when nothing gets any further.
    pub(super) patience: Duration,
    /// Requests to Klaviyo so far.
    pub(super) calls: u64,
}

impl Courier<'_> {
    /// Sends what is not finished of the messages, again and again. `between` hears of each try that leaves
    /// something over.
    pub(super) async fn deliver(
        &mut self,
        messages: &mut [ReplayMessage],
        stop: &mut Stop,
        mut between: impl FnMut(Wait<'_>) -> Result<(), String>,
    ) -> Result<End, String> {
        let mut advanced_at = Instant::now();
        let mut longest = FIRST_PAUSE;
        loop {
            let before = progress(messages);
            self.send(messages).await;
            let Some(cause) = messages.iter().filter_map(unfinished).reduce(graver) else {
                return Ok(End::Finished);
            };
            if progress(messages) > before {
                (advanced_at, longest) = (Instant::now(), FIRST_PAUSE);
            }
            let pause = match cause {
                RetryReason::Throttled(Some(seconds)) => Duration::from_secs(seconds.max(1)),
                _ => longest,
            };
            longest = (longest * 2).min(LONGEST_PAUSE);
            let left = messages.iter().filter_map(unfinished).count();
            let is_hopeless = cause == RetryReason::ApiKeyRejected
                || advanced_at.elapsed() + pause > self.patience;
            let said = (!is_hopeless).then_some(pause);
            between(Wait {
                messages,
                left,
                cause,
                pause: said,
                calls: self.calls,
            })?;
            if is_hopeless {
                return Ok(End::GivenUp);
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.asked() => {}
            }
            if stop.is_asked() {
                return Ok(End::Stopped);
            }
        }
    }

    async fn send(&mut self, messages: &mut [ReplayMessage]) {
        let is_open =
            |message: &ReplayMessage| message.ended.is_none() || unfinished(message).is_some();
        let mut open: Vec<_> = messages
            .iter_mut()
            .filter(|message| is_open(message))
            .collect();
        if open.is_empty() {
            return;
        }
        let parcels: Vec<_> = open
            .iter()
            .map(|message| message.parcel(self.decided_at))
            .collect();
        let mut line = telemetry::DeliverySummary::default();
        let deadline = Instant::now() + self.destination.settings().delivery_budget;
        let ended = self
            .destination
            .deliver(&parcels, deadline, &mut line)
            .await;
        self.calls += line.klaviyo_requests as u64;
        for (message, ended) in open.iter_mut().zip(ended) {
            message.done.clone_from(&ended.done);
            message.ended = Some(ended);
        }
    }
}

/// Why a message that was sent is not finished.
fn unfinished(message: &ReplayMessage) -> Option<RetryReason> {
    match message.ended.as_ref()?.outcome {
        Outcome::Retry(cause) | Outcome::Queued(cause) => Some(cause),
        Outcome::Delivered | Outcome::Ignored(_) | Outcome::Rejected(_) => None,
    }
}

/// The cause that decides how to go on: a key that is refused, else the longest wait, else anything that says
/// more than that it waits for the others.
fn graver(one: RetryReason, other: RetryReason) -> RetryReason {
    let rank = |cause: &RetryReason| match cause {
        RetryReason::ApiKeyRejected => (3, None),
        RetryReason::Throttled(seconds) => (2, *seconds),
        RetryReason::WaitingForBatch => (0, None),
        _ => (1, None),
    };
    if rank(&other) > rank(&one) {
        other
    } else {
        one
    }
}

/// How far the messages are: it grows with everything that is acknowledged, ignored or rejected.
fn progress(messages: &[ReplayMessage]) -> usize {
    let has_ended =
        |message: &ReplayMessage| message.ended.is_some() && unfinished(message).is_none();
    messages
        .iter()
        .map(|message| message.done.len() + usize::from(has_ended(message)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_causes_the_one_that_decides_how_to_go_on_counts() {
        use RetryReason::{ApiKeyRejected, Throttled, Unavailable, WaitingForBatch};
        for (one, other, expected) in [
            (WaitingForBatch, Unavailable, Unavailable),
            (Unavailable, Throttled(Some(9)), Throttled(Some(9))),
            (Throttled(Some(9)), Throttled(Some(60)), Throttled(Some(60))),
            (Throttled(None), Throttled(Some(1)), Throttled(Some(1))),
            (Throttled(Some(60)), ApiKeyRejected, ApiKeyRejected),
        ] {
            assert_eq!(
                (graver(one, other), graver(other, one)),
                (expected, expected)
            );
        }
    }
}
