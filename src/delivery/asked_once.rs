//! Subscriptions and the ledger of consents: each is claimed before it is sent.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use super::dispatch::Dispatch;
use super::task::{OperationError, Task, TaskState};
use crate::clock;
use crate::klaviyo::Operation;
use crate::ledger::{Claim, ConsentLedger, LedgerKey, Verdict};
use crate::outcome::{RejectReason, RetryReason};

/// Claims, each with the tasks that it is about.
pub(super) struct Claimed<'t, 'a>(Vec<(Claim, Vec<&'t Task<'a>>)>);

/// Claims subscriptions. Returns those that may be sent; the others are finished here. `secret` makes
/// the table's keys unreadable.
pub(super) async fn claim<'t, 'a>(
    ledger: &ConsentLedger,
    secret: &[u8],
    dispatches: Vec<Dispatch<'t, 'a>>,
    deadline: Instant,
) -> (Vec<Dispatch<'t, 'a>>, Claimed<'t, 'a>) {
    let mut keys: BTreeMap<LedgerKey, bool> = BTreeMap::new();
    for dispatch in &dispatches {
        for task in dispatch.tasks() {
            if let Some((key, is_redriven)) = question(secret, task) {
                *keys.entry(key).or_default() |= is_redriven;
            }
        }
    }
    let now = clock::now();
    let verdicts = ledger.claim(keys, now, deadline).await;
    let verdicts: HashMap<_, _> = verdicts.into_iter().collect();

    let mut granted = Vec::with_capacity(dispatches.len());
    let mut claims: BTreeMap<LedgerKey, (Claim, Vec<&Task>)> = BTreeMap::new();
    for mut dispatch in dispatches {
        let mut is_held = false;
        for task in dispatch.tasks() {
            let Some((key, _)) = question(secret, task) else {
                continue;
            };
            match verdicts.get(&key) {
                Some(Verdict::Granted(claim)) => {
                    let (_, tasks) = claims
                        .entry(key)
                        .or_insert_with(|| (claim.clone(), Vec::new()));
                    tasks.push(task);
                }
                Some(Verdict::Answered) => task.set_state(TaskState::Acknowledged),
                Some(Verdict::GivenUp) => {
                    let reason = RejectReason::SubscriptionUnanswered;
                    task.set_state(TaskState::Failed(OperationError::Permanent(reason)));
                }
                Some(Verdict::UnderWay) => {
                    is_held = true;
                    wait(task, RetryReason::SubscriptionUnderWay);
                }
                Some(Verdict::Unknown) | None => {
                    is_held = true;
                    wait(task, RetryReason::LedgerUnavailable);
                }
            }
        }
        // The person may be asked at this moment for another of the messages.
        if is_held {
            for task in dispatch.tasks().iter().filter(|task| task.is_pending()) {
                wait(task, RetryReason::SubscriptionUnderWay);
            }
        }
        if dispatch.retain_pending() {
            granted.push(dispatch);
        }
    }
    (granted, Claimed(claims.into_values().collect()))
}

fn wait(task: &Task, reason: RetryReason) {
    task.set_state(TaskState::Failed(OperationError::Transient(reason)));
}

/// Returns the key of a subscription, and whether somebody has redriven it.
fn question(secret: &[u8], task: &Task) -> Option<(LedgerKey, bool)> {
    let Operation::Subscribe(subscription) = task.operation() else {
        return None;
    };
    let question = task.question()?;
    let person = subscription.subscriber.key();
    let key = LedgerKey::new(secret, &subscription.list_id, person, &question.message);
    Some((key, question.is_redriven))
}

impl Claimed<'_, '_> {
    /// Writes into the ledger what became of the subscriptions. An attempt that Klaviyo has not
    /// answered stays open.
    pub(super) async fn settle(self, ledger: &ConsentLedger, deadline: Instant) {
        let mut answered = Vec::new();
        let mut not_asked = Vec::new();
        for (claim, tasks) in self.0 {
            let states: Vec<_> = tasks.iter().map(|task| task.state()).collect();
            if states.contains(&TaskState::Acknowledged) {
                answered.push(claim);
            } else if !states.contains(&TaskState::Failed(OperationError::Unanswered)) {
                not_asked.push(claim);
            }
        }
        ledger.close(&answered, deadline).await;
        ledger.release(&not_asked, deadline).await;
    }
}
