//! A batch of messages: what the rules decide of each, and what became of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::delivery::{Results, Unmet, Work};
use crate::outcome::{Outcome, RejectReason, RetryReason, Warning};
use crate::rules::{self, Decision};
use crate::segment::{InvalidMessage, Message};
use crate::settings::RuleSettings;

/// One message on its way, from Segment or from a queue.
pub struct InboundMessage<'a> {
    /// The message's own bytes.
    pub raw: &'a RawValue,
    /// The message, if it is one.
    pub message: Result<Message<'a>, InvalidMessage>,
    /// When the rules are, or were first, applied to it.
    pub decided_at: OffsetDateTime,
    /// What Klaviyo has acknowledged of it before, by the operations' labels.
    pub done: Vec<String>,
}

impl<'a> InboundMessage<'a> {
    /// A message that is seen for the first time.
    pub fn new(raw: &'a RawValue, now: OffsetDateTime) -> Self {
        InboundMessage {
            raw,
            message: Message::parse(raw),
            decided_at: now,
            done: Vec::new(),
        }
    }

    /// Whether it tells of a completed order: what merchants ask for first.
    pub fn is_order(&self) -> bool {
        self.message.as_ref().is_ok_and(rules::is_order)
    }
}

/// How far one message is.
#[derive(Debug, Clone)]
pub struct MessageResult {
    /// Segment's id of the message.
    pub message_id: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What should be known of it although it is delivered.
    pub warnings: Vec<Warning>,
    /// The operations that Klaviyo has acknowledged, by their labels.
    pub done: Vec<String>,
    /// The others.
    pub to_do: Vec<String>,
}

/// What the rules decide: how each message stands, and the work that is to be done.
pub struct Decided<'a> {
    /// In the order of the parcels.
    pub ended: Vec<MessageResult>,
    /// Everything that is not done yet.
    pub work: Vec<Work<'a>>,
}

/// Applies the rules to each message. A fault in a rule costs the message that it is about.
pub fn decide<'a>(parcels: &[InboundMessage<'a>], rules: &RuleSettings) -> Decided<'a> {
    let mut decided = Decided {
        ended: Vec::with_capacity(parcels.len()),
        work: Vec::new(),
    };
    for (index, parcel) in parcels.iter().enumerate() {
        let decision = match &parcel.message {
            Ok(message) => isolated(|| rules::decide(message, rules, parcel.decided_at)),
            Err(InvalidMessage) => Decision::Reject(RejectReason::NotAMessage),
        };
        let (outcome, warnings) = match decision {
            Decision::Send {
                operations,
                warnings,
            } => {
                let left = operations.into_iter().filter(|operation| {
                    parcel.done.is_empty() || !parcel.done.contains(&operation.operation_id())
                });
                decided.work.extend(left.map(|operation| Work {
                    message: index,
                    operation,
                }));
                (Outcome::Delivered, warnings)
            }
            Decision::Ignore(reason) => (Outcome::Ignored(reason), Vec::new()),
            Decision::Reject(reason) => (Outcome::Rejected(reason), Vec::new()),
        };
        let message_id = parcel
            .message
            .as_ref()
            .ok()
            .and_then(|message| message.message_id.as_deref());
        let message_id = message_id.map(str::to_owned);
        decided.ended.push(MessageResult {
            message_id,
            outcome,
            warnings,
            done: parcel.done.clone(),
            to_do: Vec::new(),
        });
    }
    decided
}

fn isolated<'a>(decide: impl FnOnce() -> Decision<'a>) -> Decision<'a> {
    catch_unwind(AssertUnwindSafe(decide)).unwrap_or(Decision::Reject(RejectReason::InternalError))
}

/// Writes down what became of the work, whose messages and labels are given in its order.
pub fn account(ended: &mut [MessageResult], labels: &[(usize, String)], results: &Results) {
    for ((message, label), result) in labels.iter().zip(results) {
        let Some(ended) = ended.get_mut(*message) else {
            continue;
        };
        match result {
            Ok(()) => ended.done.push(label.clone()),
            Err(unmet) => {
                ended.to_do.push(label.clone());
                ended.outcome = worse(&ended.outcome, unmet);
            }
        }
    }
}

/// A message is as far as the least of its operations: one that can still succeed keeps it alive. Of
/// several causes the one that is not throttling counts, else the longest wait.
fn worse(so_far: &Outcome, unmet: &Unmet) -> Outcome {
    match (so_far, unmet) {
        (
            Outcome::Retry(RetryReason::Throttled(one)),
            Unmet::Later(RetryReason::Throttled(other)),
        ) => Outcome::Retry(RetryReason::Throttled(*one.max(other))),
        (
            Outcome::Retry(RetryReason::Throttled(_) | RetryReason::WaitingForBatch),
            Unmet::Later(cause),
        ) if *cause != RetryReason::WaitingForBatch => Outcome::Retry(*cause),
        (Outcome::Retry(cause), _) => Outcome::Retry(*cause),
        (_, Unmet::Later(cause)) => Outcome::Retry(*cause),
        (Outcome::Rejected(first), Unmet::Never(_)) => Outcome::Rejected(first.clone()),
        (_, Unmet::Never(why)) => Outcome::Rejected(why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_a_rule_costs_only_its_own_message() {
        let decision = isolated(|| panic!("a bug"));
        assert!(matches!(
            decision,
            Decision::Reject(RejectReason::InternalError)
        ));
    }

    #[test]
    fn one_operation_that_can_still_succeed_keeps_a_message_alive() {
        let later = |cause| Unmet::Later(cause);
        let throttled = |seconds| RetryReason::Throttled(Some(seconds));
        let never = Unmet::Never(RejectReason::InvalidListId);
        let cases = [
            (
                vec![never.clone(), later(throttled(1))],
                Outcome::Retry(throttled(1)),
            ),
            (
                vec![later(throttled(1)), never.clone()],
                Outcome::Retry(throttled(1)),
            ),
            (
                vec![later(throttled(1)), later(throttled(120))],
                Outcome::Retry(throttled(120)),
            ),
            (
                vec![later(throttled(9)), later(RetryReason::Unavailable)],
                Outcome::Retry(RetryReason::Unavailable),
            ),
            (
                vec![later(throttled(9)), later(RetryReason::WaitingForBatch)],
                Outcome::Retry(throttled(9)),
            ),
            (
                vec![later(RetryReason::WaitingForBatch), later(throttled(9))],
                Outcome::Retry(throttled(9)),
            ),
            (
                vec![never.clone(), Unmet::Never(RejectReason::InvalidEventName)],
                Outcome::Rejected(RejectReason::InvalidListId),
            ),
        ];
        for (unmet, expected) in cases {
            let outcome = unmet
                .iter()
                .fold(Outcome::Delivered, |so_far, unmet| worse(&so_far, unmet));
            assert_eq!(outcome, expected, "{unmet:?}");
        }
    }
}
