//! The consents of one person for one list: of several, the last one counts, for each channel by
//! itself.

use super::dispatch::Dispatch;
use super::task::Task;
use crate::domain::Timestamp;
use crate::klaviyo::{Operation, Subscriber, Subscription, Unsubscription, Wish};
use crate::outcome::Warning;

/// The kind of a consent. Only consents of one kind are merged: a subscription without confirmation
/// must not carry along a channel that the person was to confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConsentKind {
    Unsubscribe,
    Subscribe {
        is_confirmed: bool,
        is_standing: bool,
    },
}

/// A channel, and whether a subscriber includes it.
type ChannelTest = fn(&Subscriber) -> bool;

const CHANNELS: [ChannelTest; 2] = [Subscriber::includes_email, |subscriber| {
    subscriber.sms_number().is_some()
}];

/// Returns the consents to send for one person and list, each of one kind.
///
/// The times of the messages decide, not the order in which they arrived. A subscription that is no
/// later wish does not undo an unsubscription.
pub(super) fn resolve<'t, 'a>(mut tasks: Vec<&'t Task<'a>>) -> Vec<Dispatch<'t, 'a>> {
    tasks.sort_by_key(|task| asked_at(task.operation()));
    let mut winners: [Option<&Task>; CHANNELS.len()] = [None; CHANNELS.len()];
    for task in &tasks {
        for (winner, includes) in winners.iter_mut().zip(CHANNELS) {
            if !task.operation().subscriber().is_some_and(includes) {
                continue;
            }
            match winner {
                Some(earlier) if !wins(task, earlier) => {
                    if kind(earlier.operation()) == Some(ConsentKind::Unsubscribe) {
                        task.warn(Warning::UnsubscribedBefore);
                    }
                }
                _ => *winner = Some(task),
            }
        }
    }
    let mut decided: Vec<(&Task, ChannelTest)> = Vec::with_capacity(CHANNELS.len());
    for (winner, includes) in winners.iter().zip(CHANNELS) {
        decided.extend(winner.map(|winner| (winner, includes)));
    }
    let mut dispatches = Vec::with_capacity(1);
    while let Some((first, _)) = decided.first() {
        let kind_of_first = kind(first.operation());
        let of_kind: Vec<_> = decided
            .extract_if(.., |(winner, _)| kind(winner.operation()) == kind_of_first)
            .collect();
        dispatches.extend(merge(&of_kind));
    }
    for task in tasks {
        join(&mut dispatches, task, &winners);
    }
    dispatches
}

/// Merges consents of one kind, each with the channel that it decides.
fn merge<'t, 'a>(channels: &[(&'t Task<'a>, ChannelTest)]) -> Option<Dispatch<'t, 'a>> {
    let (latest, _) = channels
        .iter()
        .max_by_key(|(task, _)| asked_at(task.operation()))?;
    let mut merged: Option<Subscriber> = None;
    for (task, includes) in channels {
        let subscriber = task.operation().subscriber()?.only(includes)?;
        merged = Some(match merged {
            Some(others) => subscriber.union(others),
            None => subscriber,
        });
    }
    let mut dispatch = Dispatch::empty(latest.operation());
    if latest.operation().subscriber() != merged.as_ref() {
        *dispatch.operation_mut().subscriber_mut()? = merged?;
    }
    Some(dispatch)
}

/// Whether a later consent counts instead of an earlier one.
fn wins(later: &Task, earlier: &Task) -> bool {
    match (earlier.operation(), later.operation()) {
        (Operation::Unsubscribe(earlier), Operation::Subscribe(later)) => {
            later.wish >= Wish::At(earlier.asked_at)
        }
        // A state that every message repeats does not replace a wish.
        (Operation::Subscribe(earlier), Operation::Subscribe(later)) => {
            later.wish != Wish::Standing || earlier.wish == Wish::Standing
        }
        _ => true,
    }
}

/// Adds a task to the dispatch that does it: the one for a channel that the task wins, else the one
/// of the winner of its first channel.
fn join<'t, 'a>(
    dispatches: &mut [Dispatch<'t, 'a>],
    task: &'t Task<'a>,
    winners: &[Option<&'t Task<'a>>; CHANNELS.len()],
) {
    let mut deciding = winners
        .iter()
        .flatten()
        .find(|winner| std::ptr::eq(**winner, task));
    if deciding.is_none() {
        let subscriber = task.operation().subscriber();
        deciding = winners.iter().zip(CHANNELS).find_map(|(winner, includes)| {
            winner.as_ref().filter(|_| subscriber.is_some_and(includes))
        });
    }
    let Some(deciding) = deciding else { return };
    let kind_of_deciding = kind(deciding.operation());
    for dispatch in dispatches {
        if kind(dispatch.operation()) == kind_of_deciding {
            dispatch.add_task(task);
            return;
        }
    }
}

fn kind(operation: &Operation) -> Option<ConsentKind> {
    match operation {
        Operation::Subscribe(subscription) => Some(ConsentKind::Subscribe {
            is_confirmed: subscription.consented_at.is_none(),
            is_standing: subscription.wish == Wish::Standing,
        }),
        Operation::Unsubscribe(_) => Some(ConsentKind::Unsubscribe),
        _ => None,
    }
}

/// Returns the time of the message that a consent comes from.
fn asked_at(operation: &Operation) -> Option<Timestamp> {
    match operation {
        Operation::Subscribe(Subscription { asked_at, .. })
        | Operation::Unsubscribe(Unsubscription { asked_at, .. }) => Some(*asked_at),
        _ => None,
    }
}
