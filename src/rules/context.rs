//! The context that most rules need.

use std::cell::RefCell;

use time::OffsetDateTime;

use super::event_kind::EventKind;
use super::integrations::Integration;
use crate::domain::Email;
use crate::outcome::{LeftOut, Warning};
use crate::segment::Message;
use crate::settings::RuleSettings;

/// Everything that a rule may look at.
pub(super) struct RuleContext<'m, 'a> {
    pub(super) message: &'m Message<'a>,
    /// The message's options for Klaviyo.
    pub(super) integration: Integration<'a>,
    pub(super) settings: &'m RuleSettings,
    /// The kind of the event that the message reports, if its name is known.
    pub(super) event_kind: Option<EventKind>,
    /// The moment at which the message was first seen.
    pub(super) now: OffsetDateTime,
    /// The address that an earlier message told of the person, if this one has none.
    pub(super) remembered: Option<&'m Email>,
    /// What the merchant should know. A cell, since every rule shares the context.
    pub(super) warnings: RefCell<Vec<Warning>>,
}

impl RuleContext<'_, '_> {
    /// Says that a field is left out, once however many lines of an order have it.
    pub(super) fn leave_out(&self, field: LeftOut) {
        self.warn(Warning::FieldLeftOut(field));
    }

    /// Adds a warning, once.
    pub(super) fn warn(&self, warning: Warning) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}
