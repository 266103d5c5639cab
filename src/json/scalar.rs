//! Text, numbers and booleans in raw JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A string that borrows from the input unless it holds an escape.
#[derive(Deserialize)]
struct JsonString<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a string, or a number as it was written (`12345` gives `"12345"`), and trims it. Returns
/// `None` for any other value, and for text that is empty.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
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
pub fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    // Most text has no escape, and needs no decoding.
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    let JsonString(text) = serde_json::from_str(raw.get()).ok()?;
    Some(text)
}

/// Reads a finite number, or text that is nothing but one (`"39.95"`, `"1e3"`). `"$1,234.50"` and
/// `"12,50"` are ambiguous, so they give `None`.
pub fn number(raw: &RawValue) -> Option<f64> {
    let text = text(raw)?;
    // Rust's parser also accepts "inf" and "nan", which are no amounts.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
    {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Reads `true` or `false`, also as text in any case.
pub fn boolean(raw: &RawValue) -> Option<bool> {
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
pub fn is_blank(raw: &RawValue) -> bool {
    is_null(raw) || raw.get().trim_matches('"').trim().is_empty()
}

/// Whether the value is `null`.
pub fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
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

    #[test]
    fn ambiguous_numbers_are_not_guessed() {
        for (json, expected) in [
            ("39.95", Some(39.95)),
            (r#""39.95""#, Some(39.95)),
            (r#"" 1e3 ""#, Some(1000.0)),
            (r#""-5""#, Some(-5.0)),
            (r#""$1,234.50""#, None),
            (r#""12,50""#, None),
            (r#""inf""#, None),
            (r#""NaN""#, None),
            ("1e400", None),
            (r#""""#, None),
            ("{}", None),
        ] {
            assert_eq!(number(raw(json)), expected, "{json}");
        }
    }
}
