//! What is sent once although several messages ask for it, and in which stage.

use std::collections::{HashMap, HashSet};

use super::people::People;
use super::{Results, Unmet, Work};
use crate::klaviyo::{
    ListId, Operation, Profile, ProfileKey, Subscriber, Subscription, Unsubscription,
};

/// What goes to Klaviyo once: an operation, and every piece of work that it settles.
pub(super) struct Item<'a> {
    pub(super) operation: Operation<'a>,
    covers: Vec<usize>,
    /// What was merged, piece by piece in the order of `covers`; empty when nothing was.
    parts: Vec<Operation<'a>>,
}

impl<'a> Item<'a> {
    /// Another operation for the same work.
    pub(super) fn with(self, operation: Operation<'a>) -> Self {
        Item { operation, ..self }
    }

    /// What it was before it was merged, in order, so that one bad message does not cost the others.
    pub(super) fn apart(self) -> Vec<Item<'a>> {
        let one = |(operation, index)| Item {
            operation,
            covers: vec![index],
            parts: Vec::new(),
        };
        self.parts.into_iter().zip(self.covers).map(one).collect()
    }

    /// Whether it was merged of several.
    pub(super) fn is_merged(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The messages that it is for.
    pub(super) fn messages(&self, of_work: &[usize]) -> impl Iterator<Item = usize> {
        self.covers
            .iter()
            .filter_map(|index| of_work.get(*index).copied())
    }

    /// The work that it settles.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.covers.iter().copied()
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
    /// Events and additions to lists.
    pub(super) events: Vec<Item<'a>>,
    /// Removals from lists, for which the profile's id has to be looked up.
    pub(super) removals: Vec<Item<'a>>,
    /// Deletions: after everything that could bring the profile back.
    pub(super) deletions: Vec<Item<'a>>,
    /// Consents taken back. Doing so twice is doing it once.
    pub(super) unsubscriptions: Vec<Item<'a>>,
    /// Consents given.
    pub(super) subscriptions: Vec<Item<'a>>,
    /// Consents of people who are to be forgotten: there is nothing to do.
    pub(super) void: Vec<Item<'a>>,
}

/// What makes two operations the same.
#[derive(PartialEq, Eq, Hash)]
enum Key<'w> {
    Profile(ProfileKey<'w>),
    /// Klaviyo keeps one event for each of these; a job with a repeat is refused as a whole.
    Event(ProfileKey<'w>, &'w str, &'w str),
    Member(&'w ListId, ProfileKey<'w>),
    Deletion(ProfileKey<'w>),
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
            for (link, item) in fold(group.into_iter().filter_map(take))
                .into_iter()
                .enumerate()
            {
                match (&item.operation, link.checked_sub(1)) {
                    (Operation::UpsertProfile(_), Some(wave)) => stages.chain(wave, item),
                    _ => stages.push(item),
                }
            }
        }
        stages.forget();
        stages
    }

    fn push(&mut self, item: Item<'a>) {
        match &item.operation {
            Operation::UpsertProfile(_) => self.profiles.push(item),
            Operation::RecordEvent(_) | Operation::AddToList(_) => self.events.push(item),
            Operation::RemoveFromList(_) => self.removals.push(item),
            Operation::Delete(_) => self.deletions.push(item),
            Operation::Unsubscribe(_) => self.unsubscriptions.push(item),
            Operation::Subscribe(_) => self.subscriptions.push(item),
        }
    }

    fn chain(&mut self, wave: usize, item: Item<'a>) {
        match self.chains.get_mut(wave) {
            Some(items) => items.push(item),
            None => self.chains.push(vec![item]),
        }
    }

    /// A consent would bring a deleted profile back, and write to somebody who asked to be forgotten.
    fn forget(&mut self) {
        let deleted = |item: &Item<'a>| match &item.operation {
            Operation::Delete(identity) => identity.email.clone(),
            _ => None,
        };
        let deleted: HashSet<String> = self.deletions.iter().filter_map(deleted).collect();
        let is_void = |item: &Item<'a>| {
            who(&item.operation)
                .and_then(|who| who.email.as_ref())
                .is_some_and(|email| deleted.contains(email))
        };
        for consents in [&mut self.unsubscriptions, &mut self.subscriptions] {
            self.void
                .extend(consents.extract_if(.., |item| is_void(item)));
        }
    }
}

/// The indexes of work that is the same, in order of first appearance.
fn groups(work: &[Work]) -> Vec<Vec<usize>> {
    let people = People::of(work);
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(work.len());
    let mut group_of = HashMap::with_capacity(work.len());
    for (index, Work { operation, .. }) in work.iter().enumerate() {
        let place = *group_of
            .entry(key(operation, &people).unwrap_or(Key::Alone(index)))
            .or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

fn key<'w>(operation: &'w Operation<'_>, people: &People<'w>) -> Option<Key<'w>> {
    let consent = |list, who: &'w Subscriber| {
        Some(Key::Consent(
            list,
            who.email.as_deref().or(who.phone_number.as_deref())?,
        ))
    };
    match operation {
        Operation::UpsertProfile(profile) => Some(Key::Profile(people.key(&profile.identity)?)),
        Operation::RecordEvent(event) => Some(Key::Event(
            people.key(&event.profile.identity)?,
            &event.metric,
            &event.unique_id,
        )),
        Operation::AddToList(it) | Operation::RemoveFromList(it) => {
            Some(Key::Member(&it.list_id, people.key(&it.identity)?))
        }
        Operation::Delete(identity) => Some(Key::Deletion(people.key(identity)?)),
        Operation::Subscribe(it) => consent(&it.list_id, &it.who),
        Operation::Unsubscribe(it) => consent(&it.list_id, &it.who),
    }
}

/// One group as the items that have to be sent for it, nearly always one.
fn fold<'a>(group: impl Iterator<Item = (usize, Operation<'a>)>) -> Vec<Item<'a>> {
    let mut items: Vec<Item> = Vec::new();
    for (index, operation) in group {
        let apart = match items.last_mut() {
            Some(last) => match combine(last, operation) {
                None => {
                    last.covers.push(index);
                    continue;
                }
                Some(apart) => apart,
            },
            None => operation,
        };
        items.push(Item {
            operation: apart,
            covers: vec![index],
            parts: Vec::new(),
        });
    }
    items
}

/// Takes `later` into an item, or gives back what has to be done by itself.
fn combine<'a>(item: &mut Item<'a>, later: Operation<'a>) -> Option<Operation<'a>> {
    match (&mut item.operation, later) {
        (Operation::UpsertProfile(earlier), Operation::UpsertProfile(later)) => {
            if !can_merge(earlier, &later) {
                return Some(Operation::UpsertProfile(later));
            }
            if item.parts.is_empty() {
                item.parts.push(Operation::UpsertProfile(earlier.clone()));
            }
            item.parts.push(Operation::UpsertProfile(later.clone()));
            earlier.merge(later);
        }
        // Klaviyo keeps the first of several events, and one deletion is enough.
        (Operation::RecordEvent(_) | Operation::Delete(_), _) => {}
        (Operation::Subscribe(earlier), Operation::Subscribe(later)) => {
            *earlier = Subscription {
                who: later.who.with(earlier.who.clone()),
                ..later
            };
        }
        (Operation::Unsubscribe(earlier), Operation::Unsubscribe(later)) => {
            *earlier = Unsubscription {
                who: later.who.with(earlier.who.clone()),
                ..later
            };
        }
        // Of a wish and its opposite the last word counts, for each channel by itself.
        (wish, later) => match (who(wish), who(&later)) {
            (Some(before), Some(now)) => match before.without(now) {
                Some(left) => {
                    set_who(wish, left);
                    return Some(later);
                }
                None => *wish = later,
            },
            _ => *wish = later,
        },
    }
    None
}

fn who<'o>(operation: &'o Operation<'_>) -> Option<&'o Subscriber> {
    match operation {
        Operation::Subscribe(Subscription { who, .. })
        | Operation::Unsubscribe(Unsubscription { who, .. }) => Some(who),
        _ => None,
    }
}

fn set_who(operation: &mut Operation, left: Subscriber) {
    if let Operation::Subscribe(Subscription { who, .. })
    | Operation::Unsubscribe(Unsubscription { who, .. }) = operation
    {
        *who = left;
    }
}

/// Changes to properties act on what is there when they arrive, two addresses may be two profiles, and what
/// is too large together is not when it is apart.
fn can_merge(earlier: &Profile, later: &Profile) -> bool {
    fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    earlier.patch.is_empty()
        && later.patch.is_empty()
        && agree(&earlier.identity.email, &later.identity.email)
        && agree(&earlier.identity.external_id, &later.identity.external_id)
        && earlier.bytes() + later.bytes() < MERGED_BYTES
}

/// Klaviyo takes profiles up to 100 KB; the rest is for what stands around the fields.
const MERGED_BYTES: usize = 80_000;

impl<'a> Profile<'a> {
    fn bytes(&self) -> usize {
        self.attributes.bytes() + self.location.bytes() + self.properties.bytes()
    }

    fn merge(&mut self, later: Profile<'a>) {
        self.identity.email = later.identity.email.or(self.identity.email.take());
        self.identity.external_id = later
            .identity
            .external_id
            .or(self.identity.external_id.take());
        self.phone_number = later.phone_number.or(self.phone_number.take());
        self.attributes.overwrite(later.attributes);
        self.location.overwrite(later.location);
        self.properties.overwrite(later.properties);
    }
}

/// The messages of which Klaviyo has refused a part, and why.
pub(super) fn refused(of_work: &[usize], results: &Results) -> HashMap<usize, Unmet> {
    let never = |result: &Result<(), Unmet>| {
        result
            .clone()
            .err()
            .filter(|unmet| matches!(unmet, Unmet::Never(_)))
    };
    of_work
        .iter()
        .zip(results)
        .filter_map(|(message, result)| Some((*message, never(result)?)))
        .collect()
}
