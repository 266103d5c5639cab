//! Operations that go to Klaviyo once although several messages ask for them.

use std::collections::HashMap;

use super::consent_order;
use super::dispatch::Dispatch;
use super::identity_graph::IdentityGraph;
use super::in_flight::InFlight;
use super::task::Task;
use crate::domain::ListId;
use crate::klaviyo::{Operation, ProfileKey, Subscription, Unsubscription};
use crate::outcome::Warning;

/// The identity of an operation. Two operations with the same key go to Klaviyo once.
#[derive(PartialEq, Eq, Hash)]
enum OperationKey<'t> {
    Profile(ProfileKey<'t>),
    /// Klaviyo keeps one event for each profile, metric and unique id, and refuses a whole job with
    /// a repeat in it.
    Event(ProfileKey<'t>, &'t str, &'t str),
    Member(&'t ListId, ProfileKey<'t>),
    Deletion(ProfileKey<'t>),
}

/// Merges operations that are the same: events and deletions go once, profiles are merged in
/// Segment's order with the later value winning, and of several consents for one list the last one
/// counts.
///
/// Returns the dispatches for each operation in the order in which they have to go, nearly always
/// one. The sequences are in the order of their first tasks.
pub(super) fn coalesce<'t, 'a>(batch: &'t [InFlight<'a>]) -> Vec<Vec<Dispatch<'t, 'a>>> {
    let mut graph = IdentityGraph::default();
    let mut task_count = 0;
    for message in batch {
        for task in message.tasks() {
            graph.add(task.operation());
            task_count += 1;
        }
    }
    let mut sequences: Vec<Vec<Dispatch>> = Vec::with_capacity(task_count);
    let mut positions = HashMap::with_capacity(task_count);
    let mut consents: Vec<Vec<&Task>> = Vec::new();
    let mut consent_positions = HashMap::new();
    for message in batch {
        for task in message.tasks().iter().filter(|task| task.is_pending()) {
            let Some(key) = key(task.operation(), &mut graph) else {
                let next = consents.len();
                let position = *consent_positions
                    .entry(consent_key(task.operation()))
                    .or_insert(next);
                match consents.get_mut(position) {
                    Some(of_person) => of_person.push(task),
                    None => consents.push(vec![task]),
                }
                continue;
            };
            let next = sequences.len();
            let position = *positions.entry(key).or_insert(next);
            match sequences.get_mut(position) {
                Some(sequence) => append(sequence, task),
                None => sequences.push(vec![Dispatch::new(task)]),
            }
        }
    }
    sequences.extend(consents.into_iter().map(consent_order::resolve));
    sequences
}

/// Returns the list and the person of a consent.
fn consent_key<'t>(operation: &'t Operation<'_>) -> Option<(&'t ListId, &'t str)> {
    match operation {
        Operation::Subscribe(Subscription {
            list_id,
            subscriber,
            ..
        })
        | Operation::Unsubscribe(Unsubscription {
            list_id,
            subscriber,
            ..
        }) => Some((list_id, subscriber.key())),
        _ => None,
    }
}

fn key<'t>(
    operation: &'t Operation<'_>,
    graph: &mut IdentityGraph<'t>,
) -> Option<OperationKey<'t>> {
    Some(match operation {
        Operation::UpsertProfile(profile) => {
            OperationKey::Profile(graph.profile(&profile.identifiers))
        }
        Operation::RecordEvent(event) => OperationKey::Event(
            graph.person(&event.profile.identifiers),
            event.metric.as_str(),
            event.unique_id.as_str(),
        ),
        Operation::AddToList(membership) | Operation::RemoveFromList(membership) => {
            OperationKey::Member(&membership.list_id, graph.person(&membership.identifiers))
        }
        Operation::Delete(identifiers) => OperationKey::Deletion(graph.person(identifiers)),
        Operation::Subscribe(_) | Operation::Unsubscribe(_) => return None,
    })
}

/// Merges a task into the last dispatch of its sequence, or adds it as one more.
fn append<'t, 'a>(sequence: &mut Vec<Dispatch<'t, 'a>>, task: &'t Task<'a>) {
    let is_merged = match sequence.last_mut() {
        Some(last) => merge_into(last, task),
        None => false,
    };
    if !is_merged {
        sequence.push(Dispatch::new(task));
    }
}

/// Merges a later task into a dispatch. Returns whether the dispatch now does the task too; if not,
/// the task has to follow by itself.
fn merge_into<'t, 'a>(dispatch: &mut Dispatch<'t, 'a>, task: &'t Task<'a>) -> bool {
    match (dispatch.operation(), task.operation()) {
        (Operation::UpsertProfile(earlier), Operation::UpsertProfile(later)) => {
            if !earlier.can_merge(later) {
                return false;
            }
            if let Operation::UpsertProfile(merged) = dispatch.operation_mut() {
                merged.merge(later.clone());
            }
        }
        // Klaviyo keeps the first of several events.
        (Operation::RecordEvent(_), _) => task.warn(Warning::Duplicate),
        // One deletion is enough.
        (Operation::Delete(_), _) => {}
        // The later of two opposites wins.
        _ => dispatch.take_operation_of(task),
    }
    dispatch.add_task(task);
    true
}
