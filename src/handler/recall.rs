//! The identity memory is asked before the rules, which hear its answers.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::destination::Destination;
use crate::delivery::{InboundMessage, Recollection};
use crate::json::Raw;
use crate::memory::{Answer, Hold, IdentityMemory, Recall, Waiting};
use crate::queue::{QueueEntry, pack};
use crate::rules::Clue;
use crate::secrets::Secret;

/// The part of a delivery's time that the memory may take. DynamoDB answers within some ten
/// milliseconds.
const RECALL_DIVISOR: u32 = 3;

/// A message whose clue the memory hears.
pub(super) struct Inquiry<'a> {
    clue: Clue,
    raw: Raw<'a>,
    first_seen_at: OffsetDateTime,
}

impl Destination {
    /// Returns what a message tells or asks the memory.
    pub(super) fn inquiry<'a>(&self, message: &InboundMessage<'a>) -> Inquiry<'a> {
        Inquiry {
            clue: message.clue(&self.settings.rules),
            raw: message.raw,
            first_seen_at: message.first_seen_at,
        }
    }

    /// Asks the memory about messages. Returns what it says about each; nothing without a memory, or
    /// without a clue.
    pub(super) async fn recall(
        &self,
        inquiries: &[Inquiry<'_>],
        deadline: Instant,
    ) -> Vec<Option<Box<Recollection>>> {
        let Some(memory) = &self.memory else {
            return Vec::new();
        };
        if inquiries
            .iter()
            .all(|inquiry| inquiry.clue == Clue::Nothing)
        {
            return Vec::new();
        }
        let started = Instant::now();
        let time_left: Duration = deadline.saturating_duration_since(started);
        let until = started + time_left / RECALL_DIVISOR;
        let secret = self.secrets.current(deadline).await;
        let clues: Vec<_> = inquiries
            .iter()
            .map(|inquiry| inquiry.clue.clone())
            .collect();
        let recall = memory.recall(&secret, &clues, until).await;
        let is_released = self.release(memory, &secret, &recall, until).await;
        let mut recollections = Vec::with_capacity(clues.len());
        for (clue, answer) in clues.iter().zip(recall.answers) {
            recollections.push(match (answer, clue) {
                (Answer::Unavailable, Clue::Tells { .. }) => Some(Recollection::Untold),
                (_, Clue::Tells { .. }) if !is_released => Some(Recollection::Untold),
                (Answer::NotAsked, Clue::Tells { .. } | Clue::Forget { .. }) => {
                    Some(Recollection::Heard)
                }
                (Answer::NotAsked | Answer::Nobody, _) => None,
                (Answer::Person(email), _) => Some(Recollection::Person(email)),
                (Answer::Unavailable, _) => Some(Recollection::Unknown),
            });
        }
        self.hold(memory, &secret, inquiries, &mut recollections, until)
            .await;
        recollections
            .into_iter()
            .map(|one| one.map(Box::new))
            .collect()
    }

    /// Makes events of somebody unknown wait.
    async fn hold(
        &self,
        memory: &IdentityMemory,
        secret: &Secret,
        inquiries: &[Inquiry<'_>],
        recollections: &mut [Option<Recollection>],
        deadline: Instant,
    ) {
        // What is released goes through the queue.
        if self.settings.hold_anonymous.is_zero() || self.queues.retry.is_none() {
            return;
        }
        let mut places = Vec::new();
        let mut waiting = Vec::new();
        for (inquiry, recollection) in inquiries.iter().zip(recollections) {
            if let Clue::Asks {
                id,
                at,
                is_nobodys_event: true,
            } = &inquiry.clue
                && recollection.is_none()
            {
                places.push(recollection);
                waiting.push(Waiting {
                    id: id.clone(),
                    at: *at,
                    raw: inquiry.raw.get(),
                    first_seen_at: inquiry.first_seen_at,
                });
            }
        }
        if waiting.is_empty() {
            return;
        }
        let lifetime = self.settings.hold_anonymous;
        let holds = memory.hold(secret, &waiting, lifetime, deadline).await;
        for (place, hold) in places.into_iter().zip(holds) {
            *place = match hold {
                Hold::Held => Some(Recollection::Held),
                Hold::Person(email) => Some(Recollection::Person(email)),
                Hold::Full => None,
                Hold::Unavailable => Some(Recollection::Unknown),
            };
        }
    }

    /// Puts events that have waited into the retry queue, with whose they are. Returns whether all of
    /// them are there.
    async fn release(
        &self,
        memory: &IdentityMemory,
        secret: &Secret,
        recall: &Recall,
        deadline: Instant,
    ) -> bool {
        if recall.holds_nothing() {
            return true;
        }
        let Some(queue) = &self.queues.retry else {
            return true;
        };
        let mut entries = Vec::with_capacity(recall.released.len());
        for event in &recall.released {
            // What is no JSON was none of this function's.
            if let Ok(raw) = serde_json::from_str::<Raw>(&event.raw) {
                let entry = QueueEntry::released(raw, &event.email, event.first_seen_at);
                entries.push(entry.write().into());
            }
        }
        let bundles = pack(entries).into_iter();
        let messages = bundles.map(|bundle| bundle.message).collect();
        let accepted = queue.send_all(messages, deadline).await;
        if accepted.contains(&false) {
            return false;
        }
        if let Err(error) = memory.remove_released(secret, recall, deadline).await {
            // They would be sent once more, as the same events.
            self.log
                .error("events that have waited are still there", &error);
        }
        true
    }

    /// Asks the memory about messages, and notes in each what it says.
    pub(super) async fn recall_for(&self, messages: &mut [InboundMessage<'_>], deadline: Instant) {
        if self.memory.is_none() {
            return;
        }
        let inquiries: Vec<_> = messages
            .iter()
            .map(|message| self.inquiry(message))
            .collect();
        let recollections = self.recall(&inquiries, deadline).await;
        for (message, recollection) in messages.iter_mut().zip(recollections) {
            if recollection.is_some() {
                message.recollection = recollection;
            }
        }
    }
}
