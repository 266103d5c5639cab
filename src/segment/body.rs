//! The body of a delivery: one message, or an array of them.

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::signature::VerifiedBody;

/// The reason why a body holds no messages. Segment gets a 400 and does not resend.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BodyError {
    /// The body is not JSON.
    #[error(
        "the body is not JSON (line {line}, column {column}): send one Segment message or an array of them"
    )]
    NotJson {
        /// The line of the first invalid byte, from 1.
        line: usize,
        /// The column of the first invalid byte, from 1.
        column: usize,
    },
    /// The body is JSON, but neither an object nor an array.
    #[error("the body is JSON but not a Segment message: send an object or an array of objects")]
    NotAMessage,
}

/// Splits a body into the bytes of its messages, in Segment's order.
///
/// The elements of an array may be anything: each is parsed by itself later, so that one that is not
/// a message does not cost the others.
pub fn raw_messages<'a>(body: &VerifiedBody<'a>) -> Result<Vec<&'a RawValue>, BodyError> {
    let bytes = body.bytes().trim_ascii_start();
    match bytes.first() {
        Some(b'[') => parse(bytes),
        Some(b'{') => Ok(vec![parse(bytes)?]),
        _ => {
            // Other JSON, such as a number, is not a message. Anything else is not JSON.
            parse::<&RawValue>(bytes)?;
            Err(BodyError::NotAMessage)
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BodyError> {
    serde_json::from_slice(bytes).map_err(|error| BodyError::NotJson {
        line: error.line(),
        column: error.column(),
    })
}
