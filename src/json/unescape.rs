//! Strings with many escapes: JSON inside of JSON, as API Gateway and SQS hand over bodies.

use super::scan::{BLOCK, special_bytes};

/// Decodes a JSON string, quotes included. `None` if it is none, or an escape is half of a character.
pub fn unescape(json: &str) -> Option<String> {
    let (text, end) = decode_string(json, 0)?;
    (end == json.len()).then_some(text)
}

/// Decodes the string at `at`. Returns it, and the position behind it.
///
/// Text between escapes is copied in blocks. serde_json takes four times as many instructions, since
/// every quote in a body is an escape.
pub(super) fn decode_string(json: &str, at: usize) -> Option<(String, usize)> {
    let mut rest = json.as_bytes().get(at..)?.strip_prefix(b"\"")?;
    // A block may be copied whose end is cut off again.
    let mut text = Vec::with_capacity(rest.len() + BLOCK);
    loop {
        rest = copy_plain(rest, &mut text);
        rest = match rest.split_first()? {
            (b'"', after) => {
                let text = String::from_utf8(text).ok()?;
                return Some((text, json.len() - after.len()));
            }
            // Nearly every escape is a quote.
            (b'\\', [b'"', after @ ..]) => {
                text.push(b'"');
                after
            }
            (b'\\', _) => decode_escape(rest, &mut text)?,
            _ => return None,
        };
    }
}

/// Copies what is before a quote, a backslash or a control character. Returns the rest.
fn copy_plain<'r>(mut rest: &'r [u8], text: &mut Vec<u8>) -> &'r [u8] {
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        text.extend_from_slice(block);
        let special = special_bytes(block);
        if special != 0 {
            let plain = special.trailing_zeros() as usize;
            text.truncate(text.len() - (BLOCK - plain));
            return rest.get(plain..).unwrap_or_default();
        }
        rest = after;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let plain = rest.iter().position(is_special).unwrap_or(rest.len());
    let (plain, rest) = rest.split_at(plain);
    text.extend_from_slice(plain);
    rest
}

/// Decodes the escape at the beginning of `rest`. Returns what follows it.
fn decode_escape<'r>(rest: &'r [u8], text: &mut Vec<u8>) -> Option<&'r [u8]> {
    let ([_, kind], after) = rest.split_first_chunk()?;
    let byte = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return decode_unicode(after, text),
        _ => return None,
    };
    text.push(byte);
    Some(after)
}

/// Decodes the character whose four digits are at the beginning of `rest`, and those of the escape
/// behind it if the character takes two.
fn decode_unicode<'r>(rest: &'r [u8], text: &mut Vec<u8>) -> Option<&'r [u8]> {
    let (digits, after) = rest.split_first_chunk::<4>()?;
    let unit = code_unit(digits)?;
    let decode = |units: &[u16]| String::from_utf16(units).ok();
    if let Some(character) = decode(&[unit]) {
        text.extend_from_slice(character.as_bytes());
        return Some(after);
    }
    let (digits, after) = after.strip_prefix(b"\\u")?.split_first_chunk::<4>()?;
    let pair = decode(&[unit, code_unit(digits)?])?;
    text.extend_from_slice(pair.as_bytes());
    Some(after)
}

fn code_unit(digits: &[u8; 4]) -> Option<u16> {
    let bytes: [u8; 2] = hex::FromHex::from_hex(digits).ok()?;
    Some(u16::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// Pieces of strings: escapes of every kind, halves of characters, and text around them.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zé€😀 ]{0,20}",
            prop::sample::select(vec![
                r#"\""#,
                r"\\",
                r"\/",
                r"\b",
                r"\f",
                r"\n",
                r"\r",
                r"\t",
                r"\u00e9",
                r"\u0000",
                r"\uD83D\uDE00",
                r"\ud83d",
                r"\ude00",
                r"\uFFFF",
            ])
            .prop_map(str::to_owned),
        ]
    }

    proptest! {
        #[test]
        fn strings_are_decoded_as_by_serde_json(pieces in prop::collection::vec(piece(), 0..12)) {
            let json = format!("\"{}\"", pieces.concat());
            // What serde_json takes for a string, halves of characters included.
            let raw: &RawValue = serde_json::from_str(&json).unwrap();
            let expected: Option<String> = serde_json::from_str(&json).ok();
            prop_assert_eq!(unescape(raw.get()), expected);
        }
    }

    #[test]
    fn what_is_no_string_is_none() {
        for json in [
            "", "\"", "null", "1", r#"["a"]"#, r#""a"#, r#""a" "#, "\"\n\"",
        ] {
            assert_eq!(unescape(json), None, "{json}");
        }
    }
}
