//! The ledger of consents: who was asked, for which list and by which message.
//!
//! A person who is asked twice for a confirmation loses trust, and a queue that delivers a record
//! twice, a second attempt of Segment's during the first, or a function that is killed before it
//! hears the answer would do that. So each question is claimed in a DynamoDB table (`MEMORY_TABLE`)
//! before it is asked, and closed after the answer.

mod attempt;
mod claims;
mod key;
mod table;
mod wire;

pub use claims::{Claim, ConsentLedger, Verdict};
pub use key::LedgerKey;
pub use table::{MAX_READS, MAX_WRITES, Table, TableError};
pub use wire::{Cancellation, TableItem};
