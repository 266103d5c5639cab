//! The tool as it is built, seen from outside. One module for each command.

#![allow(missing_docs, reason = "tests speak for themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test, a panic is the report"
)]

mod support;

mod compare;
mod commands;
mod explain;
mod replay;
mod serve;
