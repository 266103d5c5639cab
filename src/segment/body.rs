//! The body of a delivery: one message, or an array of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

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
pub fn raw_messages<'a>(body: &VerifiedBody<'a>) -> Result<Vec<&'a RawValue>, BodyError> {
    let bytes = body.bytes().trim_ascii_start();
    match bytes.first() {
        Some(b'[') => {
            let elements: Elements = parse(bytes)?;
            if elements.count > MAX_MESSAGES {
                return Err(BodyError::TooManyMessages(elements.count));
            }
            Ok(elements.messages)
        }
        Some(b'{') => Ok(vec![parse(bytes)?]),
        _ => {
            // Other JSON, such as a number, is not a message. Anything else is not JSON.
            parse::<&RawValue>(bytes)?;
            Err(BodyError::NotAMessage)
        }
    }
}

/// The elements of an array, of which no more are kept than a delivery may have: a few megabytes of
/// `{}` would otherwise need many times their size.
struct Elements<'a> {
    messages: Vec<&'a RawValue>,
    count: usize,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements<'de>, A::Error> {
        let mut messages = Vec::new();
        while messages.len() < MAX_MESSAGES {
            match array.next_element()? {
                Some(message) => messages.push(message),
                None => break,
            }
        }
        let mut count = messages.len();
        while array.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Elements { messages, count })
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BodyError> {
    serde_json::from_slice(bytes).map_err(|error| BodyError::NotJson {
        line: error.line(),
        column: error.column(),
    })
}
