//! Spill: what Klaviyo is known to throttle is not sent in vain.

use super::dispatcher::Dispatcher;
use super::in_flight::InFlight;
use crate::klaviyo::Operation;
use crate::outcome::RetryReason;

impl Dispatcher<'_> {
    /// Fails what would go singly to an endpoint that Klaviyo is known to throttle, with all that its
    /// message has still to do: the whole message waits, without a request in vain. What is more than
    /// a few goes as a job instead.
    pub fn spill(&self, batch: &[InFlight<'_>]) {
        let [mut events, mut profiles] = self.session.singly_throttled_for();
        // A deletion goes after all that could bring its profile back, so nothing of its delivery waits.
        let mut tasks = batch.iter().flat_map(InFlight::tasks);
        let has_deletion = tasks.any(|task| matches!(task.operation(), Operation::Delete(_)));
        if has_deletion || (events.is_none() && profiles.is_none()) {
            return;
        }
        let (mut event_count, mut profile_count) = (0, 0);
        for task in batch.iter().flat_map(InFlight::tasks) {
            match task.operation() {
                Operation::RecordEvent(_) => event_count += 1,
                Operation::UpsertProfile(_) => profile_count += 1,
                _ => {}
            }
        }
        if event_count > self.limits.while_throttled {
            events = None;
        }
        if profile_count > self.limits.while_throttled {
            profiles = None;
        }
        for message in batch {
            let mut wait = None;
            for task in message.tasks().iter().filter(|task| task.is_pending()) {
                wait = wait.max(match task.operation() {
                    Operation::RecordEvent(_) => events,
                    Operation::UpsertProfile(_) => profiles,
                    _ => None,
                });
            }
            if let Some(wait) = wait {
                message.put_aside(RetryReason::ThrottledSingly(Some(wait.as_secs() + 1)));
            }
        }
    }
}
