//! The function, seen from outside. Each module is a promise of it.
//!
//! `rules` promises what a message becomes, and most of it is data: see `rules::cases`. The other
//! modules run the whole function against a stand-in for AWS and Klaviyo: see `support`.

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
mod batching;
mod bookkeeping;
mod bootstrap;
mod bounds;
mod chaos;
mod check;
mod consents;
mod dead_letters;
mod deliveries;
mod hostile_klaviyo;
mod import_jobs;
mod intake;
mod invocations;
mod isolation;
mod ledger;
mod list_members;
mod memory;
mod merging;
mod metrics;
mod one_owner;
mod packed_entries;
mod panics;
mod poison;
mod privacy;
mod properties;
mod request_counts;
mod responses;
mod retry_pace;
mod retry_queue;
mod revision;
mod rules;
mod samples;
mod secret;
mod signature;
mod spill;
mod subscriptions;
mod transient_faults;
