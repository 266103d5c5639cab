//! Messages under way: the plan for each, and how far it has got.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::combine::combine;
use super::inbound::InboundMessage;
use super::message_result::MessageResult;
use super::task::{OperationError, Task, TaskState};
use super::unanswered::{self, UnansweredAttempt};
use super::waited;
use crate::klaviyo::OperationId;
use crate::outcome::{Outcome, RejectReason, RetryReason, Warning};
use crate::rules::{self, Decision};
use crate::segment::InvalidMessage;
use crate::settings::RuleSettings;

/// A message under way.
#[derive(Debug)]
pub struct InFlight<'a> {
    inbound: InboundMessage<'a>,
    progress: RefCell<Progress>,
    tasks: Vec<Task<'a>>,
    warnings: Vec<Warning>,
}

/// The state of a message.
#[derive(Debug, Clone)]
enum Progress {
    /// The outcome follows from the tasks.
    Pending,
    /// The rules have rejected the message, or it is given up, and it is not in the dead-letter queue
    /// yet.
    Rejected(RejectReason),
    /// The outcome is final for this invocation.
    Settled(Outcome),
}

/// Applies the rules to each message. A panic in a rule costs the message that it is about.
pub fn decide_batch<'a>(
    messages: impl IntoIterator<Item = InboundMessage<'a>>,
    settings: &RuleSettings,
) -> Vec<InFlight<'a>> {
    messages
        .into_iter()
        .map(|inbound| InFlight::new(inbound, settings))
        .collect()
}

impl<'a> InFlight<'a> {
    pub(super) fn new(mut inbound: InboundMessage<'a>, settings: &RuleSettings) -> Self {
        if let Some(outcome) = waited::unplanned_outcome(&inbound) {
            inbound.forget_objects();
            return InFlight::settled(inbound, outcome);
        }
        let mut tasks = Vec::new();
        let mut warnings = Vec::new();
        let progress = match decide_inbound(&inbound, settings) {
            Decision::Send(plan) => {
                let (operations, plan_warnings) = plan.into_parts();
                tasks.reserve_exact(operations.len());
                let completed = inbound.completed_operations();
                for mut operation in operations {
                    if !completed.contain(&operation) {
                        waited::age(&mut operation, settings);
                        if inbound.is_released() {
                            waited::release(&mut operation, &inbound);
                        }
                        tasks.push(Task::new(operation, &inbound));
                    }
                }
                unanswered::hold_back(&inbound.unanswered, &tasks);
                warnings = plan_warnings;
                Progress::Pending
            }
            Decision::Ignore(reason) => Progress::Settled(Outcome::Ignored(reason)),
            Decision::Reject(reason) => Progress::Rejected(reason),
        };
        inbound.forget_objects();
        InFlight {
            inbound,
            progress: RefCell::new(progress),
            tasks,
            warnings,
        }
    }

    /// Creates a message that is not planned, since there is no time for it.
    pub(super) fn put_off(inbound: InboundMessage<'a>) -> Self {
        let timeout = Outcome::Retry(RetryReason::Timeout);
        let outcome = waited::unplanned_outcome(&inbound).unwrap_or(timeout);
        InFlight::settled(inbound, outcome)
    }

    /// Creates a message that is not planned.
    fn settled(inbound: InboundMessage<'a>, outcome: Outcome) -> Self {
        InFlight {
            inbound,
            progress: RefCell::new(Progress::Settled(outcome)),
            tasks: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns about how many bytes of memory the message takes until it is sent.
    pub(super) fn weight(&self) -> usize {
        self.tasks
            .iter()
            .map(|task| task.operation().weight())
            .sum()
    }

    /// Returns the message.
    pub fn inbound(&self) -> &InboundMessage<'a> {
        &self.inbound
    }

    /// Returns the message's `userId`.
    pub(super) fn user_id(&self) -> Option<&str> {
        let message = self.inbound.message.as_ref().ok()?;
        message.user_id.as_deref()
    }

    /// Returns the operations that are to be done.
    pub fn tasks(&self) -> &[Task<'a>] {
        &self.tasks
    }

    /// Returns the outcome as it is now. The message is delivered only if every operation is
    /// acknowledged.
    pub fn outcome(&self) -> Outcome {
        match &*self.progress.borrow() {
            Progress::Settled(outcome) => outcome.clone(),
            Progress::Rejected(reason) => Outcome::Rejected(reason.clone()),
            Progress::Pending => self.outcome_of_tasks(),
        }
    }

    fn outcome_of_tasks(&self) -> Outcome {
        let mut outcome = Outcome::Delivered;
        if self.inbound.is_untold() {
            let error = OperationError::Transient(RetryReason::MemoryUnavailable);
            outcome = combine(outcome, error);
        }
        for task in &self.tasks {
            match task.state() {
                TaskState::Acknowledged => {}
                TaskState::Pending | TaskState::Withheld => {
                    let error = OperationError::Transient(RetryReason::WaitingForBatch);
                    outcome = combine(outcome, error);
                }
                TaskState::Failed(error) => outcome = combine(outcome, error),
            }
        }
        outcome
    }

    /// Whether the message has a subscription that was not sent yet.
    pub fn has_pending_subscription(&self) -> bool {
        self.tasks.iter().any(|task| {
            // One that fails before it is sent has no answer of the look-ups that it needs.
            let is_unsent = matches!(
                task.state(),
                TaskState::Pending
                    | TaskState::Withheld
                    | TaskState::Failed(OperationError::Transient(_))
            );
            task.question().is_some() && is_unsent
        })
    }

    /// Fails the operations that are still pending for this reason, without sending anything of the
    /// message. Subscriptions are withheld.
    pub(super) fn put_aside(&self, reason: RetryReason) {
        for task in self.tasks.iter().filter(|task| task.is_pending()) {
            task.set_state(match task.question() {
                Some(_) => TaskState::Withheld,
                None => TaskState::Failed(OperationError::Transient(reason)),
            });
        }
    }

    /// Whether the message can never succeed.
    pub fn is_rejected(&self) -> bool {
        matches!(self.outcome(), Outcome::Rejected(_))
    }

    /// Whether an operation failed that is worth another attempt. A subscription that only waits for
    /// the rest of its delivery does not count: nothing has failed.
    pub fn needs_retry(&self) -> bool {
        match self.outcome() {
            Outcome::Retry(reason) => reason != RetryReason::WaitingForBatch,
            _ => false,
        }
    }

    /// Whether the outcome is final for this invocation.
    pub fn is_settled(&self) -> bool {
        matches!(*self.progress.borrow(), Progress::Settled(_))
    }

    /// Makes an outcome final for this invocation. Operations that are still pending are not sent
    /// any more.
    pub fn settle(&self, outcome: Outcome) {
        self.progress.replace(Progress::Settled(outcome));
        for task in &self.tasks {
            if task.state() == TaskState::Pending {
                task.set_state(TaskState::Withheld);
            }
        }
    }

    /// Returns the time since the message was first put aside. `now` is in epoch seconds.
    pub fn waited(&self, now: i64) -> Duration {
        let seconds = now.saturating_sub(self.inbound.queued_at.unwrap_or(now));
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Gives the message up, which was last to be retried for this reason. Operations that are still
    /// pending are not sent any more.
    pub fn give_up(&self, reason: RetryReason) {
        self.settle(Outcome::Retry(reason));
        let reason = RejectReason::GivenUp(reason);
        self.progress.replace(Progress::Rejected(reason));
    }

    /// Rejects the pending operations if Klaviyo has refused another one of the message: a person
    /// whose profile it refuses is not subscribed either.
    pub fn reject_pending_if_refused(&self) {
        let refusal = self
            .tasks
            .iter()
            .map(Task::state)
            .find(TaskState::is_refused);
        let Some(refusal) = refusal else { return };
        for task in &self.tasks {
            if task.state() == TaskState::Pending {
                task.set_state(refusal.clone());
            }
        }
    }

    /// Returns the operations that Klaviyo has acknowledged, on this attempt or an earlier one.
    pub fn completed(&self) -> Vec<OperationId> {
        let mut completed = self.inbound.completed.clone();
        for task in &self.tasks {
            if task.state() == TaskState::Acknowledged {
                completed.push(task.operation().id());
            }
        }
        completed
    }

    /// Returns the operations that are still to be done.
    pub fn pending(&self) -> Vec<OperationId> {
        let mut pending = Vec::new();
        for task in &self.tasks {
            if task.state() != TaskState::Acknowledged {
                pending.push(task.operation().id());
            }
        }
        pending
    }

    /// Returns the operations of all kinds, done or not.
    pub fn operation_ids(&self) -> Vec<OperationId> {
        let mut ids = self.inbound.completed.clone();
        ids.extend(self.tasks.iter().map(|task| task.operation().id()));
        ids
    }

    /// Rejects every operation, for a reason of Klaviyo's that came later.
    pub fn reject(&self, reason: &RejectReason) {
        for task in &self.tasks {
            let error = OperationError::Permanent(reason.clone());
            task.set_state(TaskState::Failed(error));
        }
    }

    /// Returns the attempts that Klaviyo did not answer, this one's included. `now` is in epoch
    /// seconds.
    pub fn unanswered(&self, now: i64) -> Vec<UnansweredAttempt> {
        let mut unanswered = self.inbound.unanswered.to_vec();
        for task in &self.tasks {
            if task.state() == TaskState::Failed(OperationError::Unanswered) {
                unanswered.push(UnansweredAttempt {
                    operation: task.operation().id(),
                    at: now,
                });
            }
        }
        unanswered
    }

    /// Returns the time for which the message has to wait in the queue: until Klaviyo no longer holds
    /// back the repeat of a subscription. `now` is in epoch seconds.
    pub fn wait(&self, now: i64) -> Duration {
        unanswered::wait(&self.unanswered(now), now)
    }

    /// Returns what became of the message.
    pub fn result(&self) -> MessageResult {
        MessageResult {
            completed: self.completed(),
            ..self.brief_result()
        }
    }

    /// Returns what became of the message, without its completed operations, of which an order has
    /// thousands.
    pub fn brief_result(&self) -> MessageResult {
        let mut warnings = self.warnings.clone();
        for warning in self.tasks.iter().flat_map(Task::warnings) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        MessageResult {
            message_id: self.inbound.message_id().map(str::to_owned),
            outcome: self.outcome(),
            warnings,
            completed: Vec::new(),
        }
    }
}

fn decide_inbound<'a>(inbound: &InboundMessage<'a>, settings: &RuleSettings) -> Decision<'a> {
    match &inbound.message {
        Ok(message) => {
            let (now, remembered) = (inbound.first_seen_at, inbound.remembered());
            catch_panic(|| rules::decide_for(message, settings, now, remembered))
        }
        Err(InvalidMessage) => Decision::Reject(RejectReason::NotAMessage),
    }
}

/// Turns a panic in a rule into a rejection, so that no message can take its neighbors down.
fn catch_panic<'a>(decide: impl FnOnce() -> Decision<'a>) -> Decision<'a> {
    match catch_unwind(AssertUnwindSafe(decide)) {
        Ok(decision) => decision,
        Err(_) => Decision::Reject(RejectReason::InternalError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_rule_costs_only_its_own_message() {
        let decision = catch_panic(|| panic!("a bug"));
        assert!(matches!(
            decision,
            Decision::Reject(RejectReason::InternalError)
        ));
    }

    /// Nobody has to report a failure: without an acknowledgement a message is retried.
    #[test]
    fn a_message_is_delivered_only_when_its_last_operation_is_acknowledged() {
        let raw = r#"{"type": "identify", "traits": {"email": "sarah@klaviyo-demo.com"}}"#;
        let raw: &serde_json::value::RawValue = serde_json::from_str(raw).unwrap();
        let settings = crate::settings::Settings::from_env(|name| match name {
            "SECRET_ID" => Some("secret".to_owned()),
            "LIST_ID" => Some("Y6nRLr".to_owned()),
            _ => None,
        });
        let inbound = InboundMessage::new(raw, time::OffsetDateTime::UNIX_EPOCH);
        let message = InFlight::new(inbound, &settings.unwrap().rules);
        let waiting = Outcome::Retry(RetryReason::WaitingForBatch);
        assert_eq!(
            (message.tasks.len(), message.outcome()),
            (2, waiting.clone())
        );
        message.tasks[0].set_state(TaskState::Acknowledged);
        assert_eq!((message.outcome(), message.completed().len()), (waiting, 1));
        message.tasks[1].set_state(TaskState::Acknowledged);
        assert_eq!(
            (message.outcome(), message.pending().len()),
            (Outcome::Delivered, 0)
        );
    }
}
