//! The identity memory: whose ids a message's `userId` and `anonymousId` are, when it has no email.
//!
//! Segment's website library puts the address into an identify only, so most events carry nothing but
//! ids. With `REMEMBER_IDENTITIES`, the table of `MEMORY_TABLE` keeps what messages with both have
//! told. The names of its items are HMACs, and the addresses in them are encrypted, both under keys
//! derived from the shared secret: whoever reads the table learns nobody's address.

mod change;
mod forgetting;
mod held;
mod history;
mod item;
mod learned;
mod learning;
mod sightings;
mod store;
mod vault;

pub use held::{Hold, Released, Waiting};
pub use store::{Answer, IdentityMemory, Recall};
