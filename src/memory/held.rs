//! Events of somebody unknown, which wait in the table until somebody says whose the id is.
//!
//! An event and the note of it in the item of its id are written together, and only as long as that
//! item means nobody. So whoever tells finds every event that waits, whatever happens side by side.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::item::{self, Content, StoredItem};
use super::store::{IdentityMemory, MAX_ROUNDS, SIDE_BY_SIDE, millis, name, pause};
use super::vault::{ItemId, Name, Vault};
use crate::clock;
use crate::domain::{Email, UniqueId};
use crate::ledger::{MAX_WRITES, TableError};
use crate::rules::PersonId;
use crate::secrets::Secret;

/// The most events that wait for one id.
const MAX_EVENTS: usize = 50;

/// The most bytes of one of them. Segment sends at most 32 KB.
const MAX_BYTES: usize = 32_000;

/// An event that is to wait.
#[derive(Debug, Clone)]
pub struct Waiting<'a> {
    /// Whose it is: somebody whom nobody knows.
    pub id: PersonId,
    /// The time of the event.
    pub at: OffsetDateTime,
    /// The message.
    pub raw: &'a str,
    /// When it first arrived.
    pub first_seen_at: OffsetDateTime,
}

/// What became of an event that was to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// It waits.
    Held,
    /// It need not wait: somebody has told whose it is in the meantime.
    Person(Email),
    /// Too many wait already, or it is too large.
    Full,
    /// The table cannot be written.
    Unavailable,
}

/// An event that need not wait any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The message.
    pub raw: String,
    /// When it first arrived, in epoch seconds.
    pub first_seen_at: i64,
    /// The time of the event, in epoch milliseconds.
    at: i64,
    /// Whose it is.
    #[serde(skip)]
    pub email: String,
    /// The item in which it waits.
    #[serde(skip)]
    item_id: ItemId,
}

/// Events of one id that are to wait.
#[derive(Debug, Clone)]
struct Group {
    item_id: ItemId,
    /// The place, the time, the item and the content of each event.
    events: Vec<(usize, i64, ItemId, Vec<u8>)>,
    /// What the item holds, and which write has made it.
    stored: StoredItem,
}

impl IdentityMemory {
    /// Makes events wait for as long as `lifetime` at most. Returns what became of each.
    pub async fn hold(
        &self,
        secret: &Secret,
        waiting: &[Waiting<'_>],
        lifetime: Duration,
        deadline: Instant,
    ) -> Vec<Hold> {
        let mut holds = vec![Hold::Full; waiting.len()];
        let vault = secret.shared_secrets().next().map(Vault::new);
        let Some(vault) = vault else { return holds };
        let now = clock::now().unix_timestamp();
        let groups = groups(&vault, waiting);
        let mut chunks: Vec<Vec<Group>> = Vec::new();
        for group in groups {
            let size = |groups: &[Group]| groups.iter().map(Group::writes).sum::<usize>();
            match chunks.last_mut() {
                Some(chunk) if size(chunk) + group.writes() <= MAX_WRITES => chunk.push(group),
                _ => chunks.push(vec![group]),
            }
        }
        let ends = (now, now.saturating_add_unsigned(lifetime.as_secs()));
        let requests: Vec<_> = chunks
            .into_iter()
            .map(|chunk| self.hold_chunk(&vault, chunk, ends, deadline))
            .collect();
        let answers: Vec<_> = stream::iter(requests)
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await;
        for (place, hold) in answers.into_iter().flatten() {
            if let Some(slot) = holds.get_mut(place) {
                *slot = hold;
            }
        }
        holds
    }

    async fn hold_chunk(
        &self,
        vault: &Vault,
        mut waiting: Vec<Group>,
        (now, expires_at): (i64, i64),
        deadline: Instant,
    ) -> Vec<(usize, Hold)> {
        let mut holds = Vec::new();
        for round in 0..MAX_ROUNDS {
            waiting.retain_mut(|group| {
                group.settle(&mut holds);
                !group.events.is_empty()
            });
            if waiting.is_empty() {
                return holds;
            }
            let own = format!("{:016x}", fastrand::u64(..));
            let mut writes = Vec::new();
            for group in &waiting {
                writes.extend(group.write(self, vault, &own, expires_at));
            }
            match self.table.transact(&writes, deadline).await {
                Ok(()) => {
                    for (place, ..) in waiting.iter().flat_map(|group| &group.events) {
                        holds.push((*place, Hold::Held));
                    }
                    return holds;
                }
                Err(TableError::Cancelled(reasons)) => {
                    let mut reasons = reasons.iter();
                    for group in &mut waiting {
                        let reason = reasons.next();
                        if let Some(found) = reason.and_then(|reason| reason.item()) {
                            group.stored = StoredItem::read(found, vault, now);
                        }
                        reasons.by_ref().take(group.events.len()).for_each(drop);
                    }
                }
                Err(error) => {
                    self.log
                        .error("the identity memory cannot be written", &error);
                    break;
                }
            }
            if round > 0 {
                pause().await;
            }
        }
        for (place, ..) in waiting.iter().flat_map(|group| &group.events) {
            holds.push((*place, Hold::Unavailable));
        }
        holds
    }

    /// Reads the events that wait in items, with whose they are.
    pub(super) async fn read_held(
        &self,
        vault: &Vault,
        contents: &[&Content],
        deadline: Instant,
    ) -> Result<Vec<Released>, TableError> {
        let mut released = Vec::new();
        let now = clock::now().unix_timestamp();
        for content in contents {
            if content.held.is_empty() {
                continue;
            }
            let found = self.table.get_items(&content.held, deadline).await?;
            for item in found {
                let item_id = item.text("id").to_owned();
                let is_over = item.number("expires_at").is_none_or(|end: i64| end <= now);
                let opened = vault.open(&item_id, item.text("sealed"));
                let event =
                    opened.and_then(|bytes| serde_json::from_slice::<Released>(&bytes).ok());
                if let Some(event) = event
                    && let Some(email) = content.history.email_at(event.at)
                    && !is_over
                {
                    released.push(Released {
                        email: email.as_str().to_owned(),
                        item_id,
                        ..event
                    });
                }
            }
        }
        Ok(released)
    }

    /// Removes events that are elsewhere now.
    pub(super) async fn remove_held(
        &self,
        released: &[Released],
        deadline: Instant,
    ) -> Result<(), TableError> {
        for chunk in released.chunks(MAX_WRITES) {
            let table = &self.table.name;
            let removals: Vec<_> = chunk
                .iter()
                .map(|one| item::delete(table, &one.item_id))
                .collect();
            self.table.transact(&removals, deadline).await?;
        }
        Ok(())
    }
}

fn groups(vault: &Vault, waiting: &[Waiting]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, event) in waiting.iter().enumerate() {
        let held = Released {
            raw: event.raw.to_owned(),
            first_seen_at: event.first_seen_at.unix_timestamp(),
            at: millis(event.at),
            email: String::new(),
            item_id: String::new(),
        };
        let Ok(content) = serde_json::to_vec(&held) else {
            continue;
        };
        if content.len() > MAX_BYTES {
            continue;
        }
        let item_id = vault.item_id(name(&event.id));
        let hash = UniqueId::hash(event.raw);
        let own = vault.item_id(Name::Event(&item_id, hash.as_str()));
        let group = match groups.iter().position(|group| group.item_id == item_id) {
            Some(position) => groups.get_mut(position),
            None => {
                groups.push(Group {
                    item_id,
                    events: Vec::new(),
                    stored: StoredItem::default(),
                });
                groups.last_mut()
            }
        };
        if let Some(group) = group {
            group.events.push((place, held.at, own, content));
        }
    }
    groups
}

impl Group {
    fn writes(&self) -> usize {
        1 + self.events.len().min(MAX_EVENTS)
    }

    /// Settles the events that need not wait, or cannot.
    fn settle(&mut self, holds: &mut Vec<(usize, Hold)>) {
        let content = &self.stored.content;
        let mut room = MAX_EVENTS.saturating_sub(content.held.len());
        let mut taken = Vec::new();
        self.events.retain(|(place, at, item_id, _)| {
            if let Some(email) = content.history.email_at(*at) {
                holds.push((*place, Hold::Person(email)));
                return false;
            }
            if content.held.contains(item_id) || taken.contains(item_id) {
                holds.push((*place, Hold::Held));
                return false;
            }
            if room == 0 {
                holds.push((*place, Hold::Full));
                return false;
            }
            room -= 1;
            taken.push(item_id.clone());
            true
        });
    }

    /// Returns the writes: the item of the id, and the events.
    fn write(
        &self,
        memory: &IdentityMemory,
        vault: &Vault,
        own: &str,
        expires_at: i64,
    ) -> Vec<Value> {
        let table = &memory.table.name;
        let mut content = self.stored.content.clone();
        content
            .held
            .extend(self.events.iter().map(|(_, _, item_id, _)| item_id.clone()));
        let previous = Some(self.stored.written_by.as_str()).filter(|id| !id.is_empty());
        let ends = expires_at.max(self.stored.expires_at);
        let note = item::put(table, &self.item_id, &content, vault, (own, previous), ends);
        let mut writes: Vec<_> = note.into_iter().collect();
        for (_, _, item_id, content) in &self.events {
            writes.extend(item::put_event(
                table,
                item_id,
                content.clone(),
                vault,
                expires_at,
            ));
        }
        writes
    }
}
