//! Messages that come in, from Segment or from a queue.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use time::OffsetDateTime;

use super::unanswered::UnansweredAttempt;
use crate::domain::{Email, UniqueId};
use crate::json::Raw;
use crate::klaviyo::{Operation, OperationId};
use crate::rules::{self, Clue};
use crate::segment::{InvalidMessage, Message};
use crate::settings::RuleSettings;

/// A message that comes in.
#[derive(Debug)]
pub struct InboundMessage<'a> {
    /// The message's own bytes.
    pub raw: Raw<'a>,
    /// The parsed message.
    pub message: Result<Message<'a>, InvalidMessage>,
    /// The moment at which the message first arrived. The rules go by it on every attempt, so that
    /// they decide the same.
    pub first_seen_at: OffsetDateTime,
    /// The operations that Klaviyo acknowledged on earlier attempts.
    pub completed: Vec<OperationId>,
    /// The subscriptions that Klaviyo did not answer on earlier attempts.
    pub unanswered: Box<[UnansweredAttempt]>,
    /// Whether somebody has redriven the message after Klaviyo left its subscription unanswered.
    pub is_redriven: bool,
    /// The moment at which the message was first put aside, in epoch seconds.
    pub queued_at: Option<i64>,
    /// The record of the retry queue that the message is in, by its index among those of the
    /// invocation.
    pub record: Option<usize>,
    /// What the identity memory says about the message, if it was asked. A box, since most messages
    /// have an email.
    pub recollection: Option<Box<Recollection>>,
}

/// What the identity memory says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recollection {
    /// The message is about the person with this address.
    Person(Email),
    /// The message has waited until somebody told that it is about the person with this address.
    Released(Email),
    /// The message waits in the table until somebody tells whom it is about.
    Held,
    /// Nobody knows yet whom it is about: the table cannot be read.
    Unknown,
    /// The message has an address itself, and the table could not be told.
    Untold,
    /// The table has heard what the message tells. It is not told again: the person may have been
    /// forgotten in the meantime.
    Heard,
}

/// The operations of a message that Klaviyo acknowledged on earlier attempts.
pub(super) struct CompletedOperations<'i> {
    ids: HashSet<&'i OperationId>,
    has_short: bool,
}

impl CompletedOperations<'_> {
    /// Whether this operation is one of them.
    pub(super) fn contain(&self, operation: &Operation) -> bool {
        // Most messages come once, and writing an id costs an allocation.
        if self.ids.is_empty() {
            return false;
        }
        let id = operation.id();
        self.ids.contains(&id) || (self.has_short && self.ids.contains(&id.shortened()))
    }
}

impl<'a> InboundMessage<'a> {
    /// Parses a message that arrives for the first time.
    pub fn new(raw: impl Into<Raw<'a>>, now: OffsetDateTime) -> Self {
        InboundMessage::resumed(raw.into(), now, Vec::new())
    }

    /// Parses a message that comes again after an earlier attempt.
    pub fn resumed(
        raw: Raw<'a>,
        first_seen_at: OffsetDateTime,
        completed: Vec<OperationId>,
    ) -> Self {
        InboundMessage {
            raw,
            message: Message::parse(raw),
            first_seen_at,
            completed,
            unanswered: Box::default(),
            is_redriven: false,
            queued_at: None,
            record: None,
            recollection: None,
        }
    }

    /// Returns the operations that Klaviyo acknowledged on earlier attempts.
    pub(super) fn completed_operations(&self) -> CompletedOperations<'_> {
        CompletedOperations {
            ids: self.completed.iter().collect(),
            has_short: self.completed.iter().any(OperationId::is_short),
        }
    }

    /// Returns what the message tells or asks the identity memory. One that has its answer asks nothing.
    pub fn clue(&self, settings: &RuleSettings) -> Clue {
        match (&self.message, &self.recollection) {
            (Ok(message), None) => {
                let clue = || rules::clue(message, settings, self.first_seen_at);
                // The rules will panic again, and reject the message then.
                catch_unwind(AssertUnwindSafe(clue)).unwrap_or(Clue::Nothing)
            }
            _ => Clue::Nothing,
        }
    }

    /// Returns the address of the person that is remembered.
    pub fn remembered(&self) -> Option<&Email> {
        match self.recollection.as_deref() {
            Some(Recollection::Person(email) | Recollection::Released(email)) => Some(email),
            _ => None,
        }
    }

    /// Whether the message has waited until somebody told whom it is about.
    pub fn is_released(&self) -> bool {
        matches!(
            self.recollection.as_deref(),
            Some(Recollection::Released(_))
        )
    }

    /// Whether the identity memory has heard what the message tells.
    pub fn is_heard(&self) -> bool {
        self.recollection.as_deref() == Some(&Recollection::Heard)
    }

    /// Whether the message has to come again for the sake of the identity memory.
    pub(super) fn is_untold(&self) -> bool {
        self.recollection.as_deref() == Some(&Recollection::Untold)
    }

    /// Whether the message can mean nothing but events.
    pub(super) fn is_only_events(&self, settings: &RuleSettings) -> bool {
        let message = self.message.as_ref();
        message.is_ok_and(|message| rules::is_only_events(message, settings))
    }

    /// Frees the memory of the parsed objects, of which the operations hold what they need.
    pub(super) fn forget_objects(&mut self) {
        if let Ok(message) = &mut self.message {
            message.forget_objects();
        }
    }

    /// Parses the objects of the message again.
    pub(super) fn read_again(&mut self) {
        self.message = Message::parse(self.raw);
    }

    /// Returns Segment's id of the message.
    pub fn message_id(&self) -> Option<&str> {
        self.message.as_ref().ok()?.message_id.as_deref()
    }

    /// Returns Segment's id of the message, else the hash of its bytes, which a resend repeats.
    pub(super) fn lasting_id(&self) -> String {
        match self.message_id() {
            Some(id) => id.to_owned(),
            None => UniqueId::hash(self.raw.get()).as_str().to_owned(),
        }
    }

    /// Whether the message reports a completed order.
    pub fn is_order(&self, settings: &RuleSettings) -> bool {
        let message = self.message.as_ref();
        message.is_ok_and(|message| rules::is_order(message, settings))
    }
}
