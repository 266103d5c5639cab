//! What Klaviyo could never take in an event's properties:
//! <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>

use serde_json::value::RawValue;

use crate::outcome::RejectReason;

/// Properties of one event.
pub(super) const PROPERTIES: usize = 400;
/// Levels of objects and arrays, the properties themselves being the first.
const LEVELS: usize = 10;
/// Elements of one array.
const ELEMENTS: usize = 4_000;
/// Bytes of one string, decoded.
const STRING_BYTES: usize = 100_000;
/// Bytes of the whole event; a little of Klaviyo's 5 MB is for what is around the properties.
const EVENT_BYTES: usize = 5_000_000;

/// Refuses properties that are over one of the limits. `count` is how many there are at the top.
pub(super) fn check(properties: &RawValue, count: usize) -> Result<(), RejectReason> {
    let json = properties.get();
    if count > PROPERTIES {
        return Err(RejectReason::TooManyProperties);
    }
    if json.len() > EVENT_BYTES {
        return Err(RejectReason::EventTooLarge);
    }
    // Nearly every event is so small and flat that it cannot be over the other limits.
    let opened = || {
        json.bytes()
            .filter(|b| matches!(b, b'{' | b'['))
            .take(LEVELS + 1)
            .count()
    };
    if json.len() < ELEMENTS * 2 && opened() <= LEVELS {
        Ok(())
    } else {
        Measure::default().walk(json.as_bytes())
    }
}

/// Properties below this have room for Klaviyo's names, which repeat part of them.
pub(super) const ROOMY_BYTES: usize = EVENT_BYTES / 2;

/// A walk over JSON that is known to be valid. It needs no recursion, so nothing can be nested too
/// deeply for it.
#[derive(Default)]
struct Measure {
    /// For each level that is open: the commas so far, if it is an array.
    levels: Vec<Option<usize>>,
}

impl Measure {
    fn walk(mut self, json: &[u8]) -> Result<(), RejectReason> {
        let mut bytes = json.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' if string_length(&mut bytes) > STRING_BYTES => {
                    return Err(RejectReason::StringTooLong);
                }
                b'{' | b'[' => {
                    self.levels.push((*byte == b'[').then_some(0));
                    if self.levels.len() > LEVELS {
                        return Err(RejectReason::NestedTooDeeply);
                    }
                }
                b'}' | b']' => {
                    self.levels.pop();
                }
                b',' => {
                    if let Some(Some(commas)) = self.levels.last_mut() {
                        *commas += 1;
                        if *commas >= ELEMENTS {
                            return Err(RejectReason::ArrayTooLong);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads on behind an opening quote, past the closing one: the bytes of the decoded string.
fn string_length(bytes: &mut std::slice::Iter<u8>) -> usize {
    let mut length = 0;
    while let Some(byte) = bytes.next() {
        length += match byte {
            b'"' => break,
            b'\\' => match bytes.next() {
                Some(b'u') => {
                    let digits = bytes
                        .as_slice()
                        .get(..4)
                        .and_then(|hex| std::str::from_utf8(hex).ok());
                    let unit = digits
                        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                        .unwrap_or(0);
                    bytes.nth(3);
                    // A surrogate is half of four bytes.
                    char::from_u32(unit).map_or(2, char::len_utf8)
                }
                _ => 1,
            },
            _ => 1,
        };
    }
    length
}
