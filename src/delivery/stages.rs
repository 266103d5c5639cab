//! The order in which the operations of a delivery have to go.

use std::collections::HashSet;

use super::coalesce::coalesce;
use super::dispatch::Dispatch;
use super::in_flight::InFlight;
use super::task::Task;
use crate::klaviyo::{Operation, Subscriber};

/// The operations of a delivery, in the order in which they have to go.
#[derive(Default)]
pub(super) struct Stages<'t, 'a> {
    /// Profiles, each once.
    pub(super) profiles: Vec<Dispatch<'t, 'a>>,
    /// Further updates of profiles that could not be merged into one, in rounds of at most one for
    /// each profile.
    pub(super) rounds: Vec<Vec<Dispatch<'t, 'a>>>,
    /// Events and additions to lists.
    pub(super) events: Vec<Dispatch<'t, 'a>>,
    /// Removals from lists, for which the profile's id has to be found.
    pub(super) removals: Vec<Dispatch<'t, 'a>>,
    /// Deletions, after everything that could bring the profile back.
    pub(super) deletions: Vec<Dispatch<'t, 'a>>,
    /// Consents withdrawn, which may be repeated.
    pub(super) unsubscriptions: Vec<Dispatch<'t, 'a>>,
    /// Consents given, which must not be repeated.
    pub(super) subscriptions: Vec<Dispatch<'t, 'a>>,
    /// Consents of people who are deleted: nothing is left to do for them.
    pub(super) skipped: Vec<Dispatch<'t, 'a>>,
}

impl<'t, 'a> Stages<'t, 'a> {
    /// Sorts the operations of a batch into stages.
    pub(super) fn from_batch(batch: &'t [InFlight<'a>]) -> Self {
        let mut stages = Stages::default();
        let mut further_updates = Vec::new();
        for sequence in coalesce(batch) {
            let mut further = Vec::new();
            for (position, dispatch) in sequence.into_iter().enumerate() {
                if position > 0 && matches!(dispatch.operation(), Operation::UpsertProfile(_)) {
                    further.push(dispatch);
                } else {
                    stages.push(dispatch);
                }
            }
            if !further.is_empty() {
                further_updates.push(further);
            }
        }
        stages.rounds = rounds(further_updates);
        stages.drop_consent_of_deleted(batch);
        stages
    }

    fn push(&mut self, dispatch: Dispatch<'t, 'a>) {
        let stage = match dispatch.operation() {
            Operation::UpsertProfile(_) => &mut self.profiles,
            Operation::RecordEvent(_) | Operation::AddToList(_) => &mut self.events,
            Operation::RemoveFromList(_) => &mut self.removals,
            Operation::Delete(_) => &mut self.deletions,
            Operation::Unsubscribe(_) => &mut self.unsubscriptions,
            Operation::Subscribe(_) => &mut self.subscriptions,
        };
        stage.push(dispatch);
    }

    /// Skips the consents of people whom this delivery deletes: a consent would bring the profile
    /// back, and send marketing to a person who asked to be forgotten. A deletion names the person
    /// by address or by the `userId` of the messages.
    fn drop_consent_of_deleted(&mut self, batch: &[InFlight<'_>]) {
        let mut deleted: HashSet<&str> = HashSet::new();
        for message in batch {
            for task in message.tasks() {
                if let Operation::Delete(identifiers) = task.operation() {
                    deleted.insert(identifiers.key().value());
                }
            }
        }
        if deleted.is_empty() {
            return;
        }
        let mut forgotten: HashSet<*const Task> = HashSet::new();
        for message in batch {
            let is_named = message.user_id().is_some_and(|id| deleted.contains(id));
            for task in message.tasks() {
                let email = task.operation().subscriber().and_then(Subscriber::email);
                if is_named || email.is_some_and(|email| deleted.contains(email.as_str())) {
                    forgotten.insert(std::ptr::from_ref(task));
                }
            }
        }
        for consents in [&mut self.unsubscriptions, &mut self.subscriptions] {
            self.skipped.extend(consents.extract_if(.., |dispatch| {
                let mut tasks = dispatch.tasks().iter();
                tasks.any(|task| forgotten.contains(&std::ptr::from_ref::<Task>(task)))
            }));
        }
    }
}

/// Turns sequences into rounds: the first update of each profile, then the second ones, and so on.
pub(super) fn rounds<'t, 'a>(sequences: Vec<Vec<Dispatch<'t, 'a>>>) -> Vec<Vec<Dispatch<'t, 'a>>> {
    let mut rounds: Vec<Vec<Dispatch>> = Vec::new();
    for sequence in sequences {
        for (position, dispatch) in sequence.into_iter().enumerate() {
            match rounds.get_mut(position) {
                Some(round) => round.push(dispatch),
                None => rounds.push(vec![dispatch]),
            }
        }
    }
    rounds
}
