//! Text, numbers and booleans in raw JSON.

use std::borrow::Cow;

use serde::Deserialize;

use super::value::Raw;

/// A string that borrows from the input unless it holds an escape.
#[derive(Deserialize)]
struct JsonString<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a string, or a number as it was written (`12345` gives `"12345"`), and trims it. Returns
/// `None` for any other value, and for text that is empty.
pub fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let text = match raw.get().as_bytes().first()? {
        b'-' | b'0'..=b'9' => Cow::Borrowed(raw.get()),
        _ => string(raw)?,
    };
    let trimmed = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    if trimmed.is_empty() {
        None
    } else {
        Some(trimmed)
    }
}

/// Reads a string exactly as it is: not trimmed, and never made from a number.
pub fn string(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    // Most text has no escape, and needs no decoding.
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    let JsonString(text) = serde_json::from_str(raw.get()).ok()?;
    Some(text)
}

/// Reads text that identifies somebody or something, without the invisible characters that copying
/// leaves in it.
pub fn identifier(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    Some(visible(text(raw)?)).filter(|text| !text.is_empty())
}

/// Reads an id: `991`, `991.0` and `"991"` are one.
pub fn id(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let id = identifier(raw)?;
    let Some((whole, fraction)) = id.split_once('.') else {
        return Some(id);
    };
    let is_whole = !whole.is_empty()
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0');
    if is_whole {
        Some(Cow::Owned(whole.to_owned()))
    } else {
        Some(id)
    }
}

/// Removes zero-width and bidirectional control characters, and the blanks that surrounded them.
fn visible(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_invisible) {
        return text;
    }
    Cow::Owned(text.replace(is_invisible, "").trim().to_owned())
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Escapes the two characters in JSON that XML does not have, and SQS therefore does not take:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub fn escape_noncharacters(json: &str) -> Cow<'_, str> {
    if !json.contains(['\u{FFFE}', '\u{FFFF}']) {
        return Cow::Borrowed(json);
    }
    let escaped = json.replace('\u{FFFE}', "\\ufffe");
    Cow::Owned(escaped.replace('\u{FFFF}', "\\uffff"))
}

/// Reads `true` or `false`, also as text in any case.
pub fn boolean(raw: Raw<'_>) -> Option<bool> {
    let text = raw.get().trim_matches('"');
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whether the value is `null` or text with nothing in it.
pub fn is_blank(raw: Raw<'_>) -> bool {
    is_null(raw) || raw.get().trim_matches('"').trim().is_empty()
}

/// Whether the value is `null`.
pub fn is_null(raw: Raw<'_>) -> bool {
    raw.get() == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Raw<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn text_is_a_string_or_a_number_as_written() {
        for (json, expected) in [
            (r#""a b""#, Some("a b")),
            (r#""  trimmed\t""#, Some("trimmed")),
            ("12345", Some("12345")),
            ("-1.50", Some("-1.50")),
            (r#""""#, None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            (r#""\ud800""#, None),
        ] {
            assert_eq!(text(raw(json)).as_deref(), expected, "{json}");
        }
    }
}
