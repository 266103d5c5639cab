//! The memory in its table: it learns, recalls and forgets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::change::Change;
use super::held::Released;
use super::item::{self, Content, StoredItem};
use super::learned::LearnedItems;
use super::learning::{Holder, collect, is_told};
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
    pub(super) lifetime: Duration,
    pub(super) learned: LearnedItems,
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
    pub(super) async fn read(
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
