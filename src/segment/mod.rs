//! Segment's messages, parsed leniently and without copying fields that are only passed on.

mod body;
pub mod json;
mod message;
pub mod timestamp;

pub use body::{BodyError, raw_messages};
pub use message::{InvalidMessage, Message, MessageType};
