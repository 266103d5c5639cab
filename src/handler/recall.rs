//! The identity memory is asked before the rules, which hear its answers.

use std::time::Duration;

use tokio::time::Instant;

use super::destination::Destination;
use crate::delivery::{InboundMessage, Recollection};
use crate::memory::Answer;
use crate::rules::Clue;

/// The part of a delivery's time that the memory may take. DynamoDB answers within some ten
/// milliseconds.
const RECALL_DIVISOR: u32 = 3;

impl Destination {
    /// Returns what a message tells or asks the memory.
    pub(super) fn clue(&self, message: &InboundMessage) -> Clue {
        message.clue(&self.settings.rules)
    }

    /// Asks the memory about messages, by their clues. Returns what it says about each; nothing without
    /// a memory, or without a clue.
    pub(super) async fn recall(
        &self,
        clues: Vec<Clue>,
        deadline: Instant,
    ) -> Vec<Option<Box<Recollection>>> {
        let Some(memory) = &self.memory else {
            return Vec::new();
        };
        if clues.iter().all(|clue| *clue == Clue::Nothing) {
            return Vec::new();
        }
        let started = Instant::now();
        let time_left: Duration = deadline.saturating_duration_since(started);
        let until = started + time_left / RECALL_DIVISOR;
        let secret = self.secrets.current(deadline).await;
        let answers = memory.recall(&secret, &clues, until).await;
        let mut recollections = Vec::with_capacity(answers.len());
        for (clue, answer) in clues.iter().zip(answers) {
            let recollection = match (answer, clue) {
                (Answer::NotAsked | Answer::Nobody, _) => None,
                (Answer::Person(email), _) => Some(Recollection::Person(email)),
                (Answer::Unavailable, Clue::Tells { .. }) => Some(Recollection::Untold),
                (Answer::Unavailable, _) => Some(Recollection::Unknown),
            };
            recollections.push(recollection.map(Box::new));
        }
        recollections
    }

    /// Asks the memory about messages, and notes in each what it says.
    pub(super) async fn recall_for(&self, messages: &mut [InboundMessage<'_>], deadline: Instant) {
        if self.memory.is_none() {
            return;
        }
        let clues = messages.iter().map(|message| self.clue(message)).collect();
        let recollections = self.recall(clues, deadline).await;
        for (message, recollection) in messages.iter_mut().zip(recollections) {
            if recollection.is_some() {
                message.recollection = recollection;
            }
        }
    }
}
