//! The built tool, run as a process. Each command has a module.

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
mod dead_letters;
#[cfg(unix)]
mod doctor;
mod explain;
mod forms;
mod guide;
mod reach;
mod replay;
mod send;
mod serve;
mod tail;
