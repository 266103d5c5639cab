//! Invocations of the function, from event to reply.

mod destination;
mod imports;
mod intake;
mod processing;
mod queues;
mod recall;
mod records;
mod reply;

pub use destination::{Destination, InvocationContext, StartError};
pub use reply::{FailedRecord, FailedRecords, InvocationError, Reply};
