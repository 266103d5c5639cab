//! The subscriptions of a delivery, which go after everything else.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::asked_once;
use super::dispatch::Dispatch;
use super::dispatcher::{Dispatcher, PendingSubscriptions};
use super::task::{OperationError, Task, TaskState};
use crate::klaviyo::{MAX_SUBSCRIPTIONS_PER_JOB, Operation, OperationId};
use crate::outcome::RetryReason;

/// A subscription starts only with this many times the time that the slowest request of the delivery
/// took.
const SUBSCRIPTION_TIME_FACTOR: u32 = 2;

/// The ledger gets this much time for what became of the subscriptions, even when none is left.
const MIN_SETTLING_TIME: Duration = Duration::from_millis(200);

impl Dispatcher<'_> {
    /// Subscribes the people of messages that are not settled.
    ///
    /// A subscription sent twice asks for confirmation twice. So subscriptions go last, only
    /// while there is enough time for the answer, and one job after another: a fault that one job
    /// meets need not meet the next.
    pub async fn dispatch_subscriptions(&self, subscriptions: PendingSubscriptions<'_, '_>) {
        let PendingSubscriptions(subscriptions) = subscriptions;
        let time_needed = self
            .min_subscription_time
            .max(self.session.slowest() * SUBSCRIPTION_TIME_FACTOR);
        let is_in_time = self.session.time_left() >= time_needed;
        let mut jobs: BTreeMap<(OperationId, bool), Vec<Dispatch>> = BTreeMap::new();
        for dispatch in subscriptions {
            let states: Vec<_> = dispatch.tasks().iter().map(|task| task.state()).collect();
            // A settled message is sent again, and would repeat a subscription that it shares.
            let is_withheld = states.contains(&TaskState::Withheld);
            if is_withheld || states.iter().all(TaskState::is_refused) {
                continue;
            }
            if !is_in_time {
                dispatch.fail(OperationError::Transient(RetryReason::Timeout));
                continue;
            }
            let needs_confirmation = match dispatch.operation() {
                Operation::Subscribe(subscription) => subscription.consented_at.is_none(),
                _ => false,
            };
            let job = (dispatch.operation().id(), needs_confirmation);
            jobs.entry(job).or_default().push(dispatch);
        }
        for mut waiting in jobs.into_values() {
            while !waiting.is_empty() {
                // The jobs before, and their claims, may have taken the time.
                if self.session.time_left() < time_needed {
                    for dispatch in waiting {
                        dispatch.fail(OperationError::Transient(RetryReason::Timeout));
                    }
                    break;
                }
                let later = waiting.split_off(waiting.len().min(MAX_SUBSCRIPTIONS_PER_JOB));
                let mut tasks: Vec<&Task> = Vec::with_capacity(waiting.len());
                for dispatch in &waiting {
                    tasks.extend(dispatch.tasks());
                }
                self.ask(waiting, time_needed).await;
                if tasks.iter().any(|task| has_transient_failure(task)) {
                    return;
                }
                waiting = later;
            }
        }
    }

    /// Sends the subscriptions of one job. With a ledger each is claimed before, which may take the
    /// time that is not needed for the answer, and closed after it.
    async fn ask(&self, subscriptions: Vec<Dispatch<'_, '_>>, time_needed: Duration) {
        let Some(ledger) = self.ledger else {
            self.send_stage(subscriptions, self.addressing()).await;
            return;
        };
        let secret = self.session.secret().await;
        let key = secret.klaviyo_api_key().as_bytes();
        let deadline = Instant::now() + self.session.time_left().saturating_sub(time_needed);
        let (granted, claimed) = asked_once::claim(ledger, key, subscriptions, deadline).await;
        self.send_stage(granted, self.addressing()).await;
        let deadline = Instant::now() + self.session.time_left().max(MIN_SETTLING_TIME);
        claimed.settle(ledger, deadline).await;
    }
}

/// Whether the next job would fail as well. Somebody else's attempt is no fault.
fn has_transient_failure(task: &Task) -> bool {
    match task.state() {
        TaskState::Failed(OperationError::Transient(reason)) => {
            reason != RetryReason::SubscriptionUnderWay
        }
        TaskState::Failed(OperationError::Unanswered) => true,
        _ => false,
    }
}
