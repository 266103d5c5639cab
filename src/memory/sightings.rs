//! Who was seen with an id.

use crate::domain::Email;

/// A message that has both an address and an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The address.
    pub(super) email: Email,
    /// The time of the message, in epoch milliseconds.
    pub(super) at: i64,
    /// Whether the address is a property of an event, which may be a friend's. It never replaces
    /// what an account or a person has said.
    pub(super) is_hearsay: bool,
}
