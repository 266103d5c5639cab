//! Segment → Klaviyo, as one AWS Lambda function.
//!
//! The modules in the order in which data passes them. RuleSettings never await, I/O never maps:
//! what a message means is decided by pure functions, and what was decided is only carried out.

pub mod settings;
pub mod secrets;

pub mod ingress;
pub mod signature;
pub mod segment;
pub mod rules;
pub mod klaviyo;
pub mod outcome;
pub mod batch;
pub mod delivery;
pub mod queue;
pub mod response;
pub mod check;
pub mod handler;

pub mod aws;
pub mod http;
pub mod telemetry;
