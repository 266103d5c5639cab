//! What a delivery tells about one item.

use super::history::Limits;
use super::item::{Content, StoredItem};
use super::sightings::Sighting;
use super::vault::ItemId;

/// The most items that an address is looked for in: a person's devices and accounts.
const MAX_HELD_BY: usize = 200;

/// How much longer an item must live for its old content to be enough, in seconds.
const DAY: i64 = 24 * 60 * 60;

/// What a delivery tells about one item, and what the table will hold.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The item.
    pub(super) item_id: ItemId,
    /// How many people the item may mean.
    pub(super) limits: Limits,
    /// Who was seen with the id.
    pub(super) sightings: Vec<Sighting>,
    /// The items that hold an address.
    pub(super) held_by: Vec<ItemId>,
    /// The write that the table must still hold; `None` if it must hold nothing.
    pub(super) previous: Option<String>,
}

impl Change {
    pub(super) fn new(item_id: ItemId, limits: Limits) -> Self {
        Change {
            item_id,
            limits,
            sightings: Vec::new(),
            held_by: Vec::new(),
            previous: None,
        }
    }

    /// Adds what the delivery tells to a content. Returns whether that changes it.
    pub(super) fn apply(&self, content: &mut Content) -> bool {
        let mut is_changed = false;
        for sighting in &self.sightings {
            is_changed |= content.history.record(sighting, self.limits);
        }
        for item_id in &self.held_by {
            if !content.held_by.contains(item_id) {
                content.held_by.push(item_id.clone());
                is_changed = true;
            }
        }
        let excess = content.held_by.len().saturating_sub(MAX_HELD_BY);
        content.held_by.drain(..excess);
        is_changed
    }

    /// Returns the content that the table should hold instead of `stored`; `None` if that is enough.
    /// `expires_at` is when the new content would end.
    pub(super) fn replacement(&self, stored: &StoredItem, expires_at: i64) -> Option<Content> {
        let mut content = stored.content.clone();
        let is_changed = self.apply(&mut content);
        (is_changed || stored.expires_at < expires_at - DAY).then_some(content)
    }
}
