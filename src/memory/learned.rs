//! What an instance has told the table already.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::change::Change;
use super::vault::ItemId;

/// The most items that an instance remembers: about 3 MB.
const MAX_ITEMS: usize = 10_000;

/// For how long a person who is seen again with an id changes nothing, in milliseconds. A website
/// identifies somebody on every page.
const SAME_VISIT: i64 = 5 * 60 * 1000;

/// The last person that this instance has recorded for an id.
struct Learned {
    email: String,
    since: i64,
    until: i64,
    held_by: Vec<ItemId>,
}

/// What an instance has told the table already, so that it need not tell it again.
#[derive(Default)]
pub(super) struct LearnedItems(Mutex<HashMap<ItemId, Learned>>);

impl LearnedItems {
    /// Whether the change tells the table nothing new.
    pub(super) fn cover(&self, change: &Change) -> bool {
        let items = self.lock();
        let Some(learned) = items.get(&change.item_id) else {
            return false;
        };
        let is_known = |sighting: &super::sightings::Sighting| {
            sighting.email.as_str() == learned.email
                && (learned.since..=learned.until + SAME_VISIT).contains(&sighting.at)
        };
        change.sightings.iter().all(is_known)
            && change.held_by.iter().all(|id| learned.held_by.contains(id))
    }

    /// Notes that the table holds what the change tells.
    pub(super) fn insert(&self, change: &Change) {
        let mut items = self.lock();
        if items.len() >= MAX_ITEMS {
            items.clear();
        }
        let first = change.sightings.first();
        let email = first
            .map(|sighting| sighting.email.as_str())
            .unwrap_or_default();
        // Of several people, none is the one that a later message is sure to repeat.
        let is_one = change
            .sightings
            .iter()
            .all(|one| one.email.as_str() == email);
        let times = || change.sightings.iter().map(|sighting| sighting.at);
        if !is_one {
            items.remove(&change.item_id);
            return;
        }
        let learned = Learned {
            email: email.to_owned(),
            since: times().min().unwrap_or(0),
            until: times().max().unwrap_or(0),
            held_by: change.held_by.clone(),
        };
        items.insert(change.item_id.clone(), learned);
    }

    /// Forgets an item, which is no longer in the table.
    pub(super) fn remove(&self, item_id: &str) {
        self.lock().remove(item_id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ItemId, Learned>> {
        // Every insertion is whole, whoever panicked while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
