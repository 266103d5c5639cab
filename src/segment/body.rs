//! The body of a delivery: one message, or an array of them.

use serde_json::value::RawValue;
use thiserror::Error;

use crate::json::{self, Raw};
use crate::signature::VerifiedBody;

/// The most messages of a delivery. Segment's batches have up to 4,000:
/// <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>
const MAX_MESSAGES: usize = 4_000;

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
    /// The array has more elements than Segment sends.
    #[error("the body holds {0} messages: send at most {MAX_MESSAGES} in one request")]
    TooManyMessages(usize),
}

/// Splits a body into the bytes of its messages, in Segment's order.
///
/// The elements of an array may be anything: each is parsed by itself later, so that one that is not
/// a message does not cost the others.
pub fn raw_messages<'a>(body: &VerifiedBody<'a>) -> Result<Vec<Raw<'a>>, BodyError> {
    let bytes = body.bytes().trim_ascii_start();
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let messages = match bytes.first() {
        Some(b'[') => json::array_elements(text, MAX_MESSAGES),
        Some(b'{') => Raw::parse(text).map(|message| (vec![message], 1)),
        _ => None,
    };
    match messages {
        Some((_, count)) if count > MAX_MESSAGES => Err(BodyError::TooManyMessages(count)),
        Some((messages, _)) => Ok(messages),
        None => Err(error(bytes)),
    }
}

/// Says why a body holds no messages.
fn error(bytes: &[u8]) -> BodyError {
    match serde_json::from_slice::<&RawValue>(bytes) {
        // Other JSON, such as a number.
        Ok(_) => BodyError::NotAMessage,
        Err(error) => BodyError::NotJson {
            line: error.line(),
            column: error.column(),
        },
    }
}
