//! Klaviyo's API: what can be done there, how it is written, how it is sent, what its answers mean.

mod client;
mod error;
mod operation;
mod wire;

pub use client::{Call, Klaviyo, REVISION};
pub use error::{CallError, Problem, Refusal, Verdict};
pub use operation::{Event, Identity, Operation, Patch, Profile, Properties, Subscription};
