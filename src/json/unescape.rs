//! Strings with many escapes: JSON inside of JSON, as API Gateway and SQS hand over bodies.

use wide::u8x16;

/// The number of bytes that are looked at in one step.
const BLOCK: usize = 16;

/// Decodes a JSON string, quotes included, which serde_json has found to be one. `None` if an escape
/// is half of a character.
///
/// Text between escapes is copied in blocks. serde_json takes three times as many instructions, since
/// every quote in a body is an escape.
pub fn unescape(json: &str) -> Option<String> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut rest = inside.as_bytes();
    // A block may be copied whose end is cut off again.
    let mut text = Vec::with_capacity(rest.len() + BLOCK);
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        text.extend_from_slice(block);
        let backslashes = u8x16::new(*block).simd_eq(u8x16::splat(b'\\')).to_bitmask();
        let plain = backslashes.trailing_zeros() as usize;
        if plain >= BLOCK {
            rest = after;
        } else {
            text.truncate(text.len() - (BLOCK - plain));
            rest = rest.get(plain..)?;
            // Nearly every escape is a quote.
            rest = match rest.strip_prefix(b"\\\"") {
                Some(after) => {
                    text.push(b'"');
                    after
                }
                None => decode_escape(rest, &mut text)?,
            };
        }
    }
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'\\' {
            rest = decode_escape(rest, &mut text)?;
        } else {
            text.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(text).ok()
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
        for json in ["", "\"", "null", "1", r#"["a"]"#, r#""a"#] {
            assert_eq!(unescape(json), None, "{json}");
        }
    }
}
