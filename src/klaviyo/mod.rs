//! Klaviyo's API: what can be done there, how it is written, how it is sent, what its answers mean.

mod call;
mod client;
mod error;
mod operation;
mod pack;
mod probe;
pub mod revision;
mod wire;

pub use call::{Call, PAGE};
pub use client::{Found, Klaviyo, found};
pub use error::{CallError, Problem, Refusal, Verdict};
pub use operation::{
    Consenter, Event, Identity, IdentityKey, ListId, Membership, Operation, Patch, Profile,
    Properties, Subscription, Unsubscription,
};
pub use pack::{Packed, SUBSCRIBERS, pack, resolved};
pub use probe::Probe;
