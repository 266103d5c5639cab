//! Messages that wait in SQS: those that Klaviyo cannot take now, and those that it never can.

mod client;
mod entry;

pub use client::{Queue, QueueError};
pub use entry::{EntryError, QueueEntry};
