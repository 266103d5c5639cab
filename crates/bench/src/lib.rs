//! Deliveries to measure the function with, and the work that it does before its first request.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

pub mod messages;
pub mod pipeline;
