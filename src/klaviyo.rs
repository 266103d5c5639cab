//! Klaviyo's API: what can be done there, how it is written, how it is sent, and what the answers
//! mean.

mod attribute;
mod bulk;
mod client;
mod error;
mod event;
mod import_job;
mod lookup;
mod operation;
mod probe;
mod profile;
mod request;
mod retry;
pub mod revision;
mod subscription;
mod throttles;
mod wire;

pub use attribute::Attribute;
pub use bulk::{
    MAX_SUBSCRIPTIONS_PER_JOB, PlannedRequest, SingleLimits, build_requests, build_requests_by_id,
    build_requests_within, build_single_profiles,
};
pub use client::{Acknowledgement, Klaviyo};
pub use error::{ApiError, ApiErrors, RequestError};
pub use event::{Event, Properties, SharedProperties};
pub use import_job::{
    ImportError, ImportErrorPage, ImportStatus, parse_import_errors, parse_import_status,
    parse_job_id,
};
pub use lookup::{
    ChannelConsent, FoundProfile, OptIn, count_resources, parse_opt_in, parse_profiles,
};
pub use operation::{Operation, OperationId};
pub use probe::{Probe, ProbeResponse};
pub use profile::{PhoneChange, Profile, ProfileIdentifiers, ProfileKey, PropertyPatch};
pub use request::{ApiRequest, PROFILES_PER_PAGE, ProfileFields};
pub use retry::{RetryDecision, retry_decision};
pub use subscription::{Membership, Subscriber, Subscription, Unsubscription, Wish};
