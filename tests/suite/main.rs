//! What the function does, seen from outside. One module for each thing that it promises.

#![allow(missing_docs, reason = "tests speak for themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

mod support;

mod agreement;
mod bootstrap;
mod bulk;
mod calls;
mod chaos;
mod check;
mod delivery;
mod faults;
mod metrics;
mod properties;
mod rules;
mod samples;
mod secret;
mod signature;
