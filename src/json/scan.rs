//! Where JSON values end. This accepts what `serde_json` accepts, in one pass, and makes nothing of it.

use wide::u8x16;

/// The number of bytes of a string that are looked at in one step.
pub(super) const BLOCK: usize = 16;

/// The end of a string.
pub(super) struct StringEnd {
    /// The position behind the closing quote.
    pub(super) at: usize,
    /// Whether the string has to be decoded.
    pub(super) has_escapes: bool,
}

/// The objects and arrays that a position is in. Only those that are very deep take memory.
#[derive(Default)]
struct OpenLevels {
    depth: usize,
    /// A bit for each of the innermost levels, the last one for the innermost: whether it is an object.
    are_objects: u64,
    /// The bits of further levels, 64 at a time.
    outer: Vec<u64>,
}

impl OpenLevels {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.are_objects);
        }
        self.depth += 1;
        self.are_objects = self.are_objects << 1 | u64::from(is_object);
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.are_objects >>= 1;
        if self.depth.is_multiple_of(64) {
            self.are_objects = self.outer.pop().unwrap_or_default();
        }
    }

    /// Whether the innermost level is an object; `None` if there is no level.
    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.are_objects & 1 == 1)
    }
}

/// Returns the position behind the value at `at`; `None` if there is none.
pub(super) fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut open = OpenLevels::default();
    loop {
        at = match bytes.get(at)? {
            b'"' => string_end(bytes, at)?.at,
            b'{' => {
                at = skip_blanks(bytes, at + 1);
                if bytes.get(at) != Some(&b'}') {
                    open.push(true);
                    at = key_end(bytes, at)?;
                    continue;
                }
                at + 1
            }
            b'[' => {
                at = skip_blanks(bytes, at + 1);
                if bytes.get(at) != Some(&b']') {
                    open.push(false);
                    continue;
                }
                at + 1
            }
            b't' => word_end(bytes, at, b"true")?,
            b'f' => word_end(bytes, at, b"false")?,
            b'n' => word_end(bytes, at, b"null")?,
            _ => number_end(bytes, at)?,
        };
        // A value has ended. So may those that it is in.
        loop {
            let Some(is_object) = open.innermost() else {
                return Some(at);
            };
            at = skip_blanks(bytes, at);
            let byte = bytes.get(at)?;
            if *byte == b',' {
                at = skip_blanks(bytes, at + 1);
                if is_object {
                    at = key_end(bytes, at)?;
                }
                break;
            }
            if *byte != if is_object { b'}' } else { b']' } {
                return None;
            }
            open.pop();
            at += 1;
        }
    }
}

/// Returns the position of the value whose key is at `at`.
fn key_end(bytes: &[u8], at: usize) -> Option<usize> {
    let end = string_end(bytes, at)?.at;
    value_start(bytes, end)
}

/// Returns the position of the value whose key ends at `at`.
pub(super) fn value_start(bytes: &[u8], at: usize) -> Option<usize> {
    let colon = skip_blanks(bytes, at);
    if bytes.get(colon) == Some(&b':') {
        Some(skip_blanks(bytes, colon + 1))
    } else {
        None
    }
}

/// Returns the end of the string at `at`; `None` if there is none.
pub(super) fn string_end(bytes: &[u8], at: usize) -> Option<StringEnd> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    let mut has_escapes = false;
    loop {
        at += plain_bytes(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => {
                return Some(StringEnd {
                    at: at + 1,
                    has_escapes,
                });
            }
            b'\\' => {
                has_escapes = true;
                at = escape_end(bytes, at + 1)?;
            }
            _ => return None,
        }
    }
}

/// Returns how many bytes there are before a quote, a backslash or a control character.
fn plain_bytes(bytes: &[u8]) -> usize {
    let mut plain = 0;
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        let special = special_bytes(block);
        if special != 0 {
            return plain + special.trailing_zeros() as usize;
        }
        plain += BLOCK;
        rest = after;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    plain + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Returns a bit for each quote, backslash or control character of a block.
pub(super) fn special_bytes(block: &[u8; BLOCK]) -> u32 {
    let block = u8x16::new(*block);
    let special = block.simd_eq(u8x16::splat(b'"'))
        | block.simd_eq(u8x16::splat(b'\\'))
        | block.min(u8x16::splat(0x1f)).simd_eq(block);
    special.to_bitmask()
}

/// Returns the position behind the escape whose backslash is before `at`.
fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = bytes.get(at + 1..at + 5)?;
            let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
            is_hex.then_some(at + 5)
        }
        _ => None,
    }
}

fn word_end(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let is_there = bytes.get(at..)?.starts_with(word);
    is_there.then_some(at + word.len())
}

/// Returns the position behind the number at `at`: `-12.5e+3`.
fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    // A zero stands alone.
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => digits_end(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits_end(bytes, at)?;
    }
    Some(at)
}

/// Returns the position behind one or more digits.
fn digits_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let count = rest.iter().take_while(is_digit).count();
    (count > 0).then_some(at + count)
}

pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// Whether the text is a value with nothing behind it.
    fn is_value(text: &str) -> bool {
        value_end(text.as_bytes(), 0) == Some(text.len())
    }

    fn is_value_to_serde_json(text: &str) -> bool {
        serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get() == text)
    }

    /// Pieces of JSON, right and wrong, which make values by chance.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\":",
            "\"k\"",
            "\"\\u00e9\"",
            "\\",
            "\\u12g4",
            "\n",
            " ",
            "\u{1f}",
            "0",
            "-",
            "1",
            "12.5",
            "e+3",
            "E",
            ".",
            "true",
            "false",
            "null",
            "nul",
            "é",
            "\"a long text without any escape\"",
            "\"a long text with \\\" one\"",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn what_is_a_value_is_what_serde_json_accepts(pieces in prop::collection::vec(piece(), 1..9)) {
            let text = pieces.concat();
            prop_assert_eq!(is_value(&text), is_value_to_serde_json(&text), "{}", text);
        }
    }

    #[test]
    fn numbers_and_nesting_are_those_of_json() {
        let deep = |end: &str| format!("{}1{}", "[{\"a\":".repeat(100), end.repeat(100));
        let (deep, wrong) = (deep("}]"), deep("]}"));
        for (text, expected) in [
            ("0", true),
            ("-0.0e-0", true),
            ("01", false),
            ("1.", false),
            (".5", false),
            ("+1", false),
            ("1e", false),
            ("", false),
            ("{\"a\":[1,{\"b\":{}}],\"c\":[]}", true),
            ("{\"a\":1,}", false),
            ("[1,]", false),
            ("{\"a\" : [ 1 , 2 ] }", true),
            ("[}", false),
            ("{1:2}", false),
            (deep.as_str(), true),
            (wrong.as_str(), false),
        ] {
            assert_eq!(is_value(text), expected, "{text}");
            assert_eq!(is_value_to_serde_json(text), expected, "{text}");
        }
    }
}
