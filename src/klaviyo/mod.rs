//! Klaviyo's API: what can be done there, how it is written, how it is sent, what its answers mean.

mod call;
mod client;
mod error;
mod operation;
mod pack;
mod probe;
pub mod revision;
mod wire;

pub use call::{ApiRequest, PAGE};
pub use client::{Found, Klaviyo, found};
pub use error::{ApiError, ApiErrors, RequestError, RetryDecision};
pub use operation::{
    Event, ListId, Membership, Operation, Patch, Profile, ProfileIdentifiers, ProfileKey,
    Properties, Subscriber, Subscription, Unsubscription,
};
pub use pack::{PlannedRequest, SUBSCRIBERS, build_requests, build_requests_by_id};
pub use probe::{Probe, ProbeResponse};
