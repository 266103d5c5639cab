//! The memory learns: what messages tell becomes items of the table.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::change::Change;
use super::history::Limits;
use super::item::{self, Content, StoredItem};
use super::sightings::Sighting;
use super::store::{IdentityMemory, MAX_ROUNDS, SIDE_BY_SIDE, millis, name, pause};
use super::vault::{ItemId, Name, Vault};
use crate::ledger::{MAX_WRITES, TableError};
use crate::rules::{Clue, PersonId};

/// An item that notes events which have waited.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The item.
    pub(super) item_id: ItemId,
    /// Its content.
    pub(super) content: Content,
    /// The write that made it.
    pub(super) written_by: String,
}

/// What became of changes.
#[derive(Debug, Default)]
pub(super) struct Learning {
    /// The items that the table does not hold.
    pub(super) untold: BTreeSet<ItemId>,
    /// The items for which events have waited.
    pub(super) holders: Vec<Holder>,
}

impl IdentityMemory {
    /// Writes changes. Returns the items that the table does not hold.
    pub(super) async fn learn(
        &self,
        vault: &Vault,
        changes: Vec<Change>,
        now: i64,
        deadline: Instant,
    ) -> Learning {
        let chunks: Vec<_> = changes
            .chunks(MAX_WRITES)
            .map(|chunk| self.learn_chunk(vault, chunk.to_vec(), now, deadline))
            .collect();
        let mut learnings = stream::iter(chunks).buffered(SIDE_BY_SIDE);
        let mut all = Learning::default();
        while let Some(mut learning) = learnings.next().await {
            all.untold.append(&mut learning.untold);
            all.holders.append(&mut learning.holders);
        }
        all
    }

    async fn learn_chunk(
        &self,
        vault: &Vault,
        changes: Vec<Change>,
        now: i64,
        deadline: Instant,
    ) -> Learning {
        let mut learning = Learning::default();
        let expires_at = now.saturating_add_unsigned(self.lifetime.as_secs());
        let mut waiting: Vec<(Change, Content)> = Vec::with_capacity(changes.len());
        for change in changes {
            let mut content = Content::default();
            change.apply(&mut content);
            waiting.push((change, content));
        }
        for round in 0..MAX_ROUNDS {
            let own = format!("{:016x}", fastrand::u64(..));
            let mut writes = Vec::with_capacity(waiting.len());
            for (change, content) in &waiting {
                let previous = change.previous.as_deref();
                let table = &self.table.name;
                let id = &change.item_id;
                writes.extend(item::put(
                    table,
                    id,
                    content,
                    vault,
                    (&own, previous),
                    expires_at,
                ));
            }
            let cancellations = match self.table.transact(&writes, deadline).await {
                Ok(()) => {
                    for (change, content) in waiting {
                        self.note(&mut learning, change, content, own.clone());
                    }
                    return learning;
                }
                Err(TableError::Cancelled(cancellations)) => cancellations,
                Err(error) => {
                    self.log
                        .error("the identity memory cannot be written", &error);
                    break;
                }
            };
            let mut left = Vec::with_capacity(waiting.len());
            for ((mut change, content), cancellation) in waiting.into_iter().zip(cancellations) {
                let Some(found) = cancellation.item() else {
                    left.push((change, content));
                    continue;
                };
                let stored = StoredItem::read(found, vault, now);
                match change.replacement(&stored, expires_at) {
                    Some(content) => {
                        change.previous = Some(stored.written_by);
                        left.push((change, content));
                    }
                    None => {
                        let StoredItem {
                            content,
                            written_by,
                            ..
                        } = stored;
                        self.note(&mut learning, change, content, written_by);
                    }
                }
            }
            waiting = left;
            if waiting.is_empty() {
                return learning;
            }
            if round > 0 {
                pause().await;
            }
        }
        let untold = waiting.into_iter().map(|(change, _)| change.item_id);
        learning.untold.extend(untold);
        learning
    }

    /// Notes that the table holds a change, or which events have waited for it. As long as some are
    /// noted, whoever tells the same again looks again.
    fn note(&self, learning: &mut Learning, change: Change, content: Content, written_by: String) {
        if content.held.is_empty() {
            self.learned.insert(&change);
            return;
        }
        learning.holders.push(Holder {
            item_id: change.item_id,
            content,
            written_by,
        });
    }
}

/// Adds what a message tells to the changes of the items that it is about.
pub(super) fn collect(changes: &mut BTreeMap<ItemId, Change>, vault: &Vault, clue: &Clue) {
    let Clue::Tells {
        ids,
        email,
        at,
        is_hearsay,
    } = clue
    else {
        return;
    };
    let address = vault.item_id(Name::Address(email.as_str()));
    for id in ids {
        let item_id = vault.item_id(name(id));
        let limits = match id {
            PersonId::User(_) => Limits::USER,
            PersonId::Visitor(_) => Limits::VISITOR,
        };
        let change = changes
            .entry(item_id.clone())
            .or_insert_with(|| Change::new(item_id.clone(), limits));
        change.sightings.push(Sighting {
            email: email.clone(),
            at: millis(*at),
            is_hearsay: *is_hearsay,
        });
        let index = changes
            .entry(address.clone())
            .or_insert_with(|| Change::new(address.clone(), Limits::VISITOR));
        if !index.held_by.contains(&item_id) {
            index.held_by.push(item_id);
        }
    }
}

/// Whether the table holds what a message tells.
pub(super) fn is_told(vault: &Vault, clue: &Clue, untold: &BTreeSet<ItemId>) -> bool {
    if untold.is_empty() {
        return true;
    }
    let mut items = BTreeMap::new();
    collect(&mut items, vault, clue);
    !items.keys().any(|item_id| untold.contains(item_id))
}
