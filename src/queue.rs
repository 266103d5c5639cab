//! Messages that wait in SQS: those that Klaviyo cannot take now, and those that it never can.

mod body;
mod bundle;
mod client;
mod delay;
mod entry;
mod import_entry;

pub use body::RecordBody;
pub use bundle::{Bundle, body_of, pack};
pub use client::{Queue, QueueError, QueueMessage};
pub use delay::{retry_delay, spread};
pub use entry::{EntryError, QueueEntry};
pub use import_entry::{ImportEntry, ImportMember};
