//! The context that most rules need.

use time::OffsetDateTime;

use super::integrations::Integration;
use crate::segment::Message;
use crate::settings::RuleSettings;

/// Everything that a rule may look at.
pub(super) struct RuleContext<'m, 'a> {
    pub(super) message: &'m Message<'a>,
    /// The message's options for Klaviyo.
    pub(super) integration: Integration<'a>,
    pub(super) settings: &'m RuleSettings,
    /// The moment at which the message was first seen.
    pub(super) now: OffsetDateTime,
}
