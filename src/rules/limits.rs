//! Klaviyo's limits for the properties of an event:
//! <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>

use std::slice;

use bytes::Bytes;
use wide::u8x16;

use crate::json::Raw;
use crate::outcome::RejectReason;

/// The most properties of an event.
pub(super) const MAX_PROPERTIES: usize = 400;
/// The most levels of objects, of which the properties are the first. Arrays add none.
const MAX_DEPTH: usize = 10;
/// The most levels of objects and arrays together. No limit of Klaviyo's is documented, and few
/// parsers of JSON take more.
const MAX_LEVELS: usize = 100;
/// The digits of the smallest whole number that may not fit into 64 bits.
const MIN_LARGE_DIGITS: usize = 19;
/// The number of bytes that are looked at in one step, and how many digits among them may be of a
/// number that large, wherever it begins.
const BLOCK: usize = 16;
const MANY_DIGITS: u32 = 9;
/// The most elements of an array.
const MAX_ELEMENTS: usize = 4_000;
/// The most bytes of a string, decoded.
const MAX_STRING_BYTES: usize = 100_000;
/// The most bytes of an event.
const MAX_EVENT_BYTES: usize = 5_000_000;

/// The most bytes of properties with the names that are added to them. The rest is room for what has
/// to be escaped.
pub(super) const MAX_BYTES_WITH_NAMES: usize = MAX_EVENT_BYTES / 5 * 4;

/// Rejects properties that exceed a limit. `key_count`: the number of keys at the top.
pub(super) fn check(properties: Raw<'_>, key_count: usize) -> Result<(), RejectReason> {
    let json = properties.get();
    if key_count > MAX_PROPERTIES {
        return Err(RejectReason::TooManyProperties);
    }
    if json.len() > MAX_EVENT_BYTES {
        return Err(RejectReason::EventTooLarge);
    }
    // Nearly every event is so small and flat that no other limit can be exceeded.
    if json.len() < MAX_ELEMENTS * 2 && !may_exceed(json) {
        return Ok(());
    }
    check_values(json.as_bytes())
}

/// Whether the traits of a profile have more levels than parsers of JSON take: `json` is the message,
/// and `written` writes the profile.
pub(super) fn is_nested_too_deeply(json: &str, written: impl FnOnce() -> Bytes) -> bool {
    let is_open = |byte: &u8| matches!(byte, b'{' | b'[');
    // Nearly every message is so flat that nothing in it can be too deep.
    if json.bytes().filter(is_open).nth(MAX_LEVELS).is_none() {
        return false;
    }
    let written = written();
    let mut levels = 0;
    let mut bytes = written.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                skip_string(&mut bytes);
            }
            b'{' | b'[' => {
                levels += 1;
                if levels > MAX_LEVELS {
                    return true;
                }
            }
            b'}' | b']' => levels -= 1,
            _ => {}
        }
    }
    false
}

/// Whether there are so many braces or so many digits that the values have to be walked over.
fn may_exceed(json: &str) -> bool {
    let (mut braces, mut brackets) = (0, 0);
    let (blocks, rest) = json.as_bytes().as_chunks::<BLOCK>();
    let mut last = [0; BLOCK];
    for (byte, of_rest) in last.iter_mut().zip(rest) {
        *byte = *of_rest;
    }
    for block in blocks.iter().chain([&last]) {
        let block = u8x16::new(*block);
        let count_of = |byte| block.simd_eq(u8x16::splat(byte)).to_bitmask().count_ones() as usize;
        braces += count_of(b'{');
        brackets += count_of(b'[');
        let digits = block.max(u8x16::splat(b'0')).simd_eq(block)
            & block.min(u8x16::splat(b'9')).simd_eq(block);
        if digits.to_bitmask().count_ones() >= MANY_DIGITS {
            return true;
        }
    }
    braces > MAX_DEPTH || brackets > MAX_LEVELS - MAX_DEPTH
}

/// Walks over JSON that is known to be valid. It needs no recursion, so no nesting is too deep for
/// it.
fn check_values(json: &[u8]) -> Result<(), RejectReason> {
    // For each open level: the commas so far, if it is an array.
    let mut commas_by_level: Vec<Option<usize>> = Vec::new();
    let mut depth = 0;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if skip_string(&mut bytes) > MAX_STRING_BYTES => {
                return Err(RejectReason::StringTooLong);
            }
            b'{' | b'[' => {
                commas_by_level.push(if *byte == b'[' { Some(0) } else { None });
                depth += usize::from(*byte == b'{');
                if depth > MAX_DEPTH || commas_by_level.len() > MAX_LEVELS {
                    return Err(RejectReason::NestedTooDeeply);
                }
            }
            b'}' | b']' => {
                commas_by_level.pop();
                depth -= usize::from(*byte == b'}');
            }
            b'-' | b'0'..=b'9' if is_large_whole_number(*byte, &mut bytes) => {
                return Err(RejectReason::NumberTooLarge);
            }
            b',' => {
                if let Some(Some(commas)) = commas_by_level.last_mut() {
                    *commas += 1;
                    if *commas >= MAX_ELEMENTS {
                        return Err(RejectReason::ArrayTooLong);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads from behind the first character of a number to its end. Returns whether it is a whole number
/// that does not fit into 64 bits.
fn is_large_whole_number(first: u8, bytes: &mut slice::Iter<u8>) -> bool {
    let rest = bytes.as_slice();
    let is_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let length = rest.iter().take_while(|byte| is_of_number(byte)).count();
    let (number, rest) = rest.split_at(length);
    *bytes = rest.iter();
    if length + 1 < MIN_LARGE_DIGITS || !number.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut text = String::with_capacity(length + 1);
    text.push(first.into());
    text.extend(number.iter().map(|digit| char::from(*digit)));
    text.parse::<i64>().is_err()
}

/// Reads from behind an opening quote past the closing one, and returns the bytes of the decoded
/// string.
fn skip_string(bytes: &mut slice::Iter<u8>) -> usize {
    let mut length = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => length += escape_bytes(bytes),
            _ => length += 1,
        }
    }
    length
}

/// Reads from behind a backslash past the escape, and returns the bytes of the decoded character.
fn escape_bytes(bytes: &mut slice::Iter<u8>) -> usize {
    if bytes.next() != Some(&b'u') {
        return 1;
    }
    let digits = bytes
        .as_slice()
        .get(..4)
        .and_then(|hex| std::str::from_utf8(hex).ok());
    let code_unit = digits
        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        .unwrap_or(0);
    bytes.nth(3);
    // A surrogate is one half of a character of four bytes.
    char::from_u32(code_unit).map_or(2, char::len_utf8)
}
