//! Segment's messages, parsed leniently and without copying fields that are only passed on.

mod body;
mod message;

pub use body::{BodyError, raw_messages};
pub use message::{InvalidMessage, Message, MessageType};
