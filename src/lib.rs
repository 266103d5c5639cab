//! Segment → Klaviyo, as one AWS Lambda function.
//!
//! The modules in the order in which data passes them. Rules never await, I/O never maps:
//! what a message means is decided by pure functions, and what was decided is only carried out.

pub mod secrets;
pub mod settings;

pub mod answer;
pub mod batch;
pub mod delivery;
pub mod handler;
pub mod ingress;
pub mod klaviyo;
pub mod outcome;
pub mod queue;
pub mod rules;
pub mod segment;
pub mod signature;

pub mod aws;
pub mod http;
pub mod telemetry;

#[cfg(feature = "local")]
pub mod standin;
