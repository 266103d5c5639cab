//! The memory in its table: it learns, recalls and forgets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::change::Change;
use super::held::Released;
use super::history::Limits;
use super::item::{self, Content, StoredItem};
use super::learned::LearnedItems;
use super::sightings::Sighting;
use super::vault::{ItemId, Name, Vault};
use crate::clock;
use crate::domain::Email;
use crate::ledger::{MAX_READS, MAX_WRITES, Table, TableError};
use crate::rules::{Clue, PersonId};
use crate::secrets::Secret;
use crate::telemetry::Log;

/// How often writes are repeated that were cancelled: first for what the table holds instead, then
/// for what others have written meanwhile.
pub(super) const MAX_ROUNDS: u32 = 6;

/// The longest pause before another round.
const PAUSE: Duration = Duration::from_millis(40);

/// The number of requests side by side.
pub(super) const SIDE_BY_SIDE: usize = 3;

/// What the memory says to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has no question.
    NotAsked,
    /// It means this person.
    Person(Email),
    /// Nobody knows whom it means.
    Nobody,
    /// The table cannot be read, or not be written although the message tells something.
    Unavailable,
}

/// The memory.
pub struct IdentityMemory {
    pub(super) table: Table,
    lifetime: Duration,
    learned: LearnedItems,
    pub(super) log: Log,
}

/// What the memory says to the messages of a delivery.
#[derive(Debug, Default)]
pub struct Recall {
    /// The answer to each message.
    pub answers: Vec<Answer>,
    /// Events that have waited for what the messages tell.
    pub released: Vec<Released>,
    /// The items that have noted them.
    holders: Vec<Holder>,
}

impl Recall {
    /// Whether no event has waited.
    pub fn holds_nothing(&self) -> bool {
        self.holders.is_empty()
    }
}

/// An item that notes events which have waited.
#[derive(Debug, Clone)]
struct Holder {
    item_id: ItemId,
    content: Content,
    written_by: String,
}

/// What became of changes.
#[derive(Debug, Default)]
struct Learning {
    /// The items that the table does not hold.
    untold: BTreeSet<ItemId>,
    /// The items for which events have waited.
    holders: Vec<Holder>,
}

/// What the table holds, by the names of its items; `None` if it cannot be read.
type Found = Option<HashMap<ItemId, StoredItem>>;

impl IdentityMemory {
    /// Creates the memory in a table. Its items end after `lifetime`.
    pub fn new(table: Table, lifetime: Duration, log: Log) -> Self {
        IdentityMemory {
            table,
            lifetime,
            learned: LearnedItems::default(),
            log,
        }
    }

    /// Learns what the messages of a delivery tell, and answers what they ask. A message may learn
    /// from another one of the same delivery. Without a question and without news, nothing is
    /// requested.
    pub async fn recall(&self, secret: &Secret, clues: &[Clue], deadline: Instant) -> Recall {
        let vaults: Vec<_> = secret.shared_secrets().map(Vault::new).collect();
        let Some(vault) = vaults.first() else {
            return Recall::default();
        };
        let now = clock::now().unix_timestamp();
        let mut unforgotten = BTreeSet::new();
        let mut asked = BTreeSet::new();
        let mut changes = BTreeMap::new();
        for (place, clue) in clues.iter().enumerate() {
            match clue {
                Clue::Nothing => {}
                Clue::Asks { id, .. } => {
                    asked.extend(vaults.iter().map(|vault| vault.item_id(name(id))));
                }
                Clue::Tells { .. } => collect(&mut changes, vault, clue),
                Clue::Forget { user_id } => {
                    if let Err(error) = self.forget(&vaults, user_id, now, deadline).await {
                        self.log.error("a person is not forgotten yet", &error);
                        unforgotten.insert(place);
                    }
                }
            }
        }
        let asked: Vec<_> = asked.into_iter().collect();
        let news = changes
            .values()
            .filter(|change| !self.learned.cover(change));
        let news: Vec<Change> = news.cloned().collect();
        let (found, mut learning) = tokio::join!(
            self.read(&vaults, &asked, now, deadline),
            self.learn(vault, news, now, deadline)
        );
        if let Err(error) = &found {
            self.log.error("the identity memory cannot be read", error);
        }
        let found = found.ok();
        let holders: Vec<_> = learning.holders.iter().map(|one| &one.content).collect();
        let released = match self.read_held(vault, &holders, deadline).await {
            Ok(released) => released,
            Err(error) => {
                self.log.error("events wait for longer", &error);
                let items = learning.holders.drain(..).map(|holder| holder.item_id);
                learning.untold.extend(items);
                Vec::new()
            }
        };
        let untold = learning.untold;
        let answer = |(place, clue): (usize, &Clue)| match clue {
            Clue::Nothing => Answer::NotAsked,
            Clue::Asks { id, at, .. } => answer(&vaults, &found, &changes, id, millis(*at)),
            Clue::Tells { .. } if is_told(vault, clue, &untold) => Answer::NotAsked,
            Clue::Forget { .. } if !unforgotten.contains(&place) => Answer::NotAsked,
            Clue::Tells { .. } | Clue::Forget { .. } => Answer::Unavailable,
        };
        Recall {
            answers: clues.iter().enumerate().map(answer).collect(),
            released,
            holders: learning.holders,
        }
    }

    /// Removes events that have been released, and are elsewhere now.
    pub async fn remove_released(
        &self,
        secret: &Secret,
        recall: &Recall,
        deadline: Instant,
    ) -> Result<(), TableError> {
        let Some(vault) = secret.shared_secrets().next().map(Vault::new) else {
            return Ok(());
        };
        self.remove_held(&recall.released, deadline).await?;
        let now = clock::now().unix_timestamp();
        let expires_at = now.saturating_add_unsigned(self.lifetime.as_secs());
        let own = format!("{:016x}", fastrand::u64(..));
        for chunk in recall.holders.chunks(MAX_WRITES) {
            let mut writes = Vec::with_capacity(chunk.len());
            for holder in chunk {
                let mut content = holder.content.clone();
                content.held = Vec::new();
                let (table, id) = (&self.table.name, &holder.item_id);
                let previous = Some(holder.written_by.as_str());
                writes.extend(item::put(
                    table,
                    id,
                    &content,
                    &vault,
                    (&own, previous),
                    expires_at,
                ));
            }
            match self.table.transact(&writes, deadline).await {
                // Somebody else has written it, with a note of events that are not there any more.
                Ok(()) | Err(TableError::Cancelled(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads items.
    async fn read(
        &self,
        vaults: &[Vault],
        item_ids: &[ItemId],
        now: i64,
        deadline: Instant,
    ) -> Result<HashMap<ItemId, StoredItem>, TableError> {
        let requests = item_ids
            .chunks(MAX_READS)
            .map(|chunk| self.table.get_items(chunk, deadline));
        let requests: Vec<_> = requests.collect();
        let answers: Vec<_> = stream::iter(requests)
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await;
        let mut found = HashMap::new();
        for items in answers {
            for item in items? {
                // Its name is an HMAC under one secret, which is also the one that opens it.
                let mut stored = StoredItem::default();
                for vault in vaults {
                    stored = StoredItem::read(&item, vault, now);
                    if stored.content != Content::default() {
                        break;
                    }
                }
                found.insert(item.text("id").to_owned(), stored);
            }
        }
        Ok(found)
    }

    /// Writes changes. Returns the items that the table does not hold.
    async fn learn(
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

    /// Removes everything about a person: the items of the user id, of their addresses, and every
    /// item that holds one of them.
    async fn forget(
        &self,
        vaults: &[Vault],
        user_id: &str,
        now: i64,
        deadline: Instant,
    ) -> Result<(), TableError> {
        let mut item_ids = Vec::new();
        for vault in vaults {
            let user = vault.item_id(Name::User(user_id));
            let one = std::slice::from_ref(vault);
            let found = self
                .read(one, std::slice::from_ref(&user), now, deadline)
                .await?;
            let mut addresses = Vec::new();
            for stored in found.values() {
                item_ids.extend(stored.content.held.iter().cloned());
                let emails = stored.content.history.emails();
                addresses.extend(emails.map(|email| vault.item_id(Name::Address(email))));
            }
            if let Some(email) = Email::parse(user_id) {
                addresses.push(vault.item_id(Name::Address(email.as_str())));
            }
            for stored in self
                .read(one, &addresses, now, deadline)
                .await?
                .into_values()
            {
                item_ids.extend(stored.content.held_by);
            }
            item_ids.extend(addresses);
            item_ids.push(user);
        }
        item_ids.sort_unstable();
        item_ids.dedup();
        for chunk in item_ids.chunks(MAX_WRITES) {
            let deletions: Vec<_> = chunk
                .iter()
                .map(|item_id| item::delete(&self.table.name, item_id))
                .collect();
            self.table.transact(&deletions, deadline).await?;
        }
        for item_id in &item_ids {
            self.learned.remove(item_id);
        }
        Ok(())
    }

    /// Reads an item that is not there, as a check of the function's permissions.
    pub async fn check(&self, deadline: Instant) -> Result<(), TableError> {
        let nothing = "check/identity".to_owned();
        self.table.get_items(&[nothing], deadline).await?;
        Ok(())
    }
}

/// Waits before another round.
pub(super) async fn pause() {
    sleep(PAUSE.mul_f64(fastrand::f64())).await;
}

pub(super) fn name(id: &PersonId) -> Name<'_> {
    match id {
        PersonId::User(id) => Name::User(id),
        PersonId::Visitor(id) => Name::Visitor(id),
    }
}

/// Adds what a message tells to the changes of the items that it is about.
fn collect(changes: &mut BTreeMap<ItemId, Change>, vault: &Vault, clue: &Clue) {
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
fn is_told(vault: &Vault, clue: &Clue, untold: &BTreeSet<ItemId>) -> bool {
    if untold.is_empty() {
        return true;
    }
    let mut items = BTreeMap::new();
    collect(&mut items, vault, clue);
    !items.keys().any(|item_id| untold.contains(item_id))
}

/// Answers a question by what the table holds and what the delivery itself tells.
fn answer(
    vaults: &[Vault],
    found: &Found,
    changes: &BTreeMap<ItemId, Change>,
    id: &PersonId,
    at: i64,
) -> Answer {
    let Some(found) = found else {
        return Answer::Unavailable;
    };
    for vault in vaults {
        let item_id = vault.item_id(name(id));
        let stored = found.get(&item_id);
        let mut content = stored
            .map(|stored| stored.content.clone())
            .unwrap_or_default();
        if let Some(change) = changes.get(&item_id) {
            change.apply(&mut content);
        }
        if let Some(email) = content.history.email_at(at) {
            return Answer::Person(email);
        }
    }
    Answer::Nobody
}

pub(super) fn millis(moment: OffsetDateTime) -> i64 {
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(millis).unwrap_or(i64::MAX)
}
