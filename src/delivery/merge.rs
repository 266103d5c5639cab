//! What is sent once although several messages ask for it, and in which stage.

use std::collections::HashMap;

use super::{Results, Unmet, Work};
use crate::klaviyo::{Identity, IdentityKey, ListId, Operation, Profile, Subscription};

/// What goes to Klaviyo once: an operation, and every piece of work that it settles.
pub(super) struct Item<'a> {
    pub(super) operation: Operation<'a>,
    covers: Vec<usize>,
}

impl<'a> Item<'a> {
    /// Another operation for the same work.
    pub(super) fn with(self, operation: Operation<'a>) -> Self {
        Item { operation, ..self }
    }

    /// The messages that it is for.
    pub(super) fn messages(&self, of_work: &[usize]) -> impl Iterator<Item = usize> {
        self.covers.iter().filter_map(|index| of_work.get(*index).copied())
    }

    /// Writes down what became of it.
    pub(super) fn settle(&self, result: &Result<(), Unmet>, results: &mut Results) {
        for &index in &self.covers {
            if let Some(slot) = results.get_mut(index) {
                slot.clone_from(result);
            }
        }
    }
}

/// The items of a delivery by the order in which they have to go.
#[derive(Default)]
pub(super) struct Stages<'a> {
    /// Profiles, each once.
    pub(super) profiles: Vec<Item<'a>>,
    /// Profiles that cannot be merged into one update, in waves of at most one for each.
    pub(super) chains: Vec<Vec<Item<'a>>>,
    /// Events, additions to lists and deletions by address.
    pub(super) events: Vec<Item<'a>>,
    /// Removals from lists and deletions for which the profile's id has to be looked up.
    pub(super) by_id: Vec<Item<'a>>,
    /// Subscriptions taken and taken back.
    pub(super) consents: Vec<Item<'a>>,
}

/// What makes two operations the same.
#[derive(PartialEq, Eq, Hash)]
enum Key<'w> {
    Profile(IdentityKey<'w>),
    /// Klaviyo keeps one event for each of these; a job with a repeat is refused as a whole.
    Event(IdentityKey<'w>, &'w str, &'w str),
    Member(&'w ListId, IdentityKey<'w>),
    Deletion(IdentityKey<'w>),
    Consent(&'w ListId, &'w str),
    /// Nothing to tell it by: it is like no other.
    Alone(usize),
}

impl<'a> Stages<'a> {
    /// Merges what is the same: events and deletions once, profiles in Segment's order with the later
    /// value winning, and of several wishes about one list the last.
    pub(super) fn of(work: Vec<Work<'a>>) -> Self {
        let groups = groups(&work);
        let mut operations: Vec<_> = work.into_iter().map(|work| Some(work.operation)).collect();
        let mut stages = Stages::default();
        for group in groups {
            let take = |index: usize| Some((index, operations.get_mut(index)?.take()?));
            let mut chain = fold(group.into_iter().filter_map(take)).into_iter();
            if let Some(first) = chain.next() {
                stages.push(first);
            }
            for (wave, item) in chain.enumerate() {
                match stages.chains.get_mut(wave) {
                    Some(items) => items.push(item),
                    None => stages.chains.push(vec![item]),
                }
            }
        }
        stages
    }

    fn push(&mut self, item: Item<'a>) {
        match &item.operation {
            Operation::Import(_) => self.profiles.push(item),
            Operation::Record(_) | Operation::AddToList(_) => self.events.push(item),
            Operation::Delete(identity) if identity.email.is_some() => self.events.push(item),
            Operation::Delete(_) | Operation::RemoveFromList(_) => self.by_id.push(item),
            Operation::Subscribe(_) | Operation::Unsubscribe(_) => self.consents.push(item),
        }
    }
}

/// The indexes of work that is the same, in order of first appearance.
fn groups(work: &[Work]) -> Vec<Vec<usize>> {
    let people = People::of(work);
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(work.len());
    let mut group_of = HashMap::with_capacity(work.len());
    for (index, Work { operation, .. }) in work.iter().enumerate() {
        let place = *group_of.entry(key(operation, &people).unwrap_or(Key::Alone(index))).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

fn key<'w>(operation: &'w Operation<'_>, people: &People<'w>) -> Option<Key<'w>> {
    let consent = |list, email: &'w Option<String>, phone: &'w Option<String>| {
        Some(Key::Consent(list, email.as_deref().or(phone.as_deref())?))
    };
    match operation {
        Operation::Import(profile) => Some(Key::Profile(people.key(&profile.identity)?)),
        Operation::Record(event) => {
            Some(Key::Event(people.key(&event.profile.identity)?, &event.metric, &event.unique_id))
        }
        Operation::AddToList(it) | Operation::RemoveFromList(it) => {
            Some(Key::Member(&it.list_id, people.key(&it.identity)?))
        }
        Operation::Delete(identity) => Some(Key::Deletion(people.key(identity)?)),
        Operation::Subscribe(it) => consent(&it.list_id, &it.email, &it.phone_number),
        Operation::Unsubscribe(it) => consent(&it.list_id, &it.email, &it.phone_number),
    }
}

/// Who is the same person in this delivery: a profile that one message knows by address and id, and
/// another by the id alone.
struct People<'w>(HashMap<&'w str, &'w str>);

impl<'w> People<'w> {
    fn of(work: &'w [Work]) -> Self {
        let identities = work.iter().filter_map(|work| match &work.operation {
            Operation::Import(profile) => Some(&profile.identity),
            Operation::Record(event) => Some(&event.profile.identity),
            _ => None,
        });
        People(identities.filter_map(|it| Some((it.external_id.as_deref()?, it.email.as_deref()?))).collect())
    }

    fn key(&self, identity: &'w Identity<'_>) -> Option<IdentityKey<'w>> {
        let key = identity.key()?;
        Some(self.0.get(key.value()).map_or(key, |email| IdentityKey::Email(email)))
    }
}

/// One group as the items that have to be sent for it, nearly always one.
fn fold<'a>(group: impl Iterator<Item = (usize, Operation<'a>)>) -> Vec<Item<'a>> {
    let mut items: Vec<Item> = Vec::new();
    for (index, operation) in group {
        let Some(last) = items.last_mut() else {
            items.push(Item { operation, covers: vec![index] });
            continue;
        };
        match (&mut last.operation, operation) {
            (Operation::Import(earlier), Operation::Import(later)) if !can_merge(earlier, &later) => {
                items.push(Item { operation: Operation::Import(later), covers: vec![index] });
                continue;
            }
            (Operation::Import(earlier), Operation::Import(later)) => earlier.merge(later),
            (Operation::Record(_), _) | (Operation::Delete(_), _) => {}
            (Operation::Subscribe(earlier), Operation::Subscribe(later)) => earlier.merge(later),
            (wish, later) => *wish = later,
        }
        last.covers.push(index);
    }
    items
}

/// Changes to properties act on what is there when they arrive, so they stay apart.
fn can_merge(earlier: &Profile, later: &Profile) -> bool {
    earlier.patch.is_empty() && later.patch.is_empty()
}

impl<'a> Profile<'a> {
    fn merge(&mut self, later: Profile<'a>) {
        self.identity.email = later.identity.email.or(self.identity.email.take());
        self.identity.external_id = later.identity.external_id.or(self.identity.external_id.take());
        self.phone_number = later.phone_number.or(self.phone_number.take());
        self.attributes.overwrite(later.attributes);
        self.location.overwrite(later.location);
        self.properties.overwrite(later.properties);
    }
}

impl Subscription {
    /// The later wish, with the channels of both.
    fn merge(&mut self, later: Subscription) {
        self.email = later.email.or(self.email.take());
        self.phone_number = later.phone_number.or(self.phone_number.take());
        self.consented_at = later.consented_at;
    }
}

/// The messages of which Klaviyo has refused a part, and why.
pub(super) fn refused(of_work: &[usize], results: &Results) -> HashMap<usize, Unmet> {
    let never = |result: &Result<(), Unmet>| result.clone().err().filter(|unmet| matches!(unmet, Unmet::Never(_)));
    of_work.iter().zip(results).filter_map(|(message, result)| Some((*message, never(result)?))).collect()
}
