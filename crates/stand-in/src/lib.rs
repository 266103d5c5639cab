//! Klaviyo, Secrets Manager, SQS, DynamoDB and the Lambda Runtime API on loopback.
//!
//! The command line tool, the tests and the benchmarks run the function against this crate. The
//! function reaches it over HTTP with the same clients that reach the real services, so it cannot
//! tell the difference.
//!
//! # Usage
//!
//! [`StandIn::start`] serves Klaviyo, Secrets Manager, SQS and DynamoDB on one free port, and
//! [`StandIn::environment`] gives the variables that lead a function there. [`StandIn::state`]
//! opens [`StandInState`], which holds the data of these services and their faults, to be read and
//! changed while they run. A script in another language does the same over HTTP, through the
//! inspection API (`inspection`). [`RuntimeApi`] plays the part of Lambda for a function that runs
//! as a separate process.
//!
//! # Path of a request to Klaviyo
//!
//! 1. `server` waits for the latency, then asks `faults` and `chaos` whether the request fails.
//! 2. `forward` passes it on where another Klaviyo is set. Else `klaviyo` answers it: the headers,
//!    the rate limits, the schema of the body and the rules of the endpoint are checked before
//!    anything is kept in the [`Account`].
//! 3. `server` records the request with its answer as a [`RecordedRequest`].
//!
//! Nothing here is shared with the function: revision, paths and limits are written a second time,
//! so that a mistake in the function's shows.

mod chaos;
mod clock;
mod credentials;
mod dynamodb;
mod faults;
mod forward;
mod inspection;
mod json;
mod klaviyo;
mod lambda;
mod options;
mod request;
mod response;
mod secrets_manager;
mod server;
mod sqs;
mod state;

pub use chaos::Chaos;
pub use credentials::{API_KEY, SHARED_SECRET, secret, secret_of};
pub use dynamodb::Tables;
pub use faults::{Fault, Symptom};
pub use klaviyo::{
    Account, Channel, Consent, ConsentRecord, ConsentSetting, ConsentState, EventRecord,
    ImportError, ImportFailure, ImportJob, LiftedRecord, Mishap, PendingSubscription, SmsPointer,
    Standing, Suppression, SuppressionReason, Switches,
};
pub use lambda::{AnswerTimeout, RuntimeApi};
pub use options::StandInOptions;
pub use request::{NO_ANSWER_IN_TIME, RecordedRequest};
pub use server::StandIn;
pub use sqs::{LiveQueue, QueueFaults, QueueRules, ReceivedMessage, ReceivedRecord};
pub use state::StandInState;
