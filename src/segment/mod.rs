//! What Segment sends: messages, read leniently and without copying what is only passed on.

pub mod json;
mod message;
pub mod timestamp;

use serde_json::value::RawValue;
use thiserror::Error;

pub use message::{Kind, Message};

use crate::signature::VerifiedBody;

/// Why a body holds nothing that could be delivered; Segment is told 400.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BodyError {
    /// Not JSON at all.
    #[error(
        "the body is not JSON (line {line}, column {column}): send one Segment message or an array of them"
    )]
    NotJson {
        /// Line of the first byte that is wrong, from 1.
        line: usize,
        /// Column of the first byte that is wrong, from 1.
        column: usize,
    },
    /// JSON, but neither an object nor an array.
    #[error("the body is JSON but not a Segment message: send an object or an array of objects")]
    NotAMessage,
}

/// The messages of one delivery, each as its own bytes, in Segment's order. What an element is, nobody
/// knows yet: one that is no message must not cost its neighbours.
pub fn raw_messages<'a>(body: &VerifiedBody<'a>) -> Result<Vec<&'a RawValue>, BodyError> {
    let bytes = body.bytes().trim_ascii_start();
    match bytes.first() {
        Some(b'[') => read(bytes),
        Some(b'{') => Ok(vec![read(bytes)?]),
        _ => {
            read::<&RawValue>(bytes)?;
            Err(BodyError::NotAMessage)
        }
    }
}

/// An element of a batch that is not a JSON object.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not a Segment message: expected a JSON object with a type")]
pub struct InvalidMessage;

fn read<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BodyError> {
    serde_json::from_slice(bytes).map_err(|error| BodyError::NotJson {
        line: error.line(),
        column: error.column(),
    })
}
