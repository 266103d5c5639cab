//! The deliveries that the function is measured with, and the work that it does before its first
//! request.
//!
//! `cargo bench --bench process` compares the built function with two baselines, `floor` and
//! `request`. `cargo bench --bench rules` times single steps of its work. `tests/allocations.rs`
//! holds the budgets of memory. `docs/performance.md` explains all of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

pub mod messages;
pub mod pipeline;
pub mod worst;
