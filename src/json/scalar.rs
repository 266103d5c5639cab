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

/// Reads text that identifies somebody or something, without the invisible characters that copying
/// leaves in it.
pub fn identifier(raw: &RawValue) -> Option<Cow<'_, str>> {
    Some(visible(text(raw)?)).filter(|text| !text.is_empty())
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

/// Reads a finite number, or text that is one (`"39.95"`, `"1e3"`), also with one currency sign or
/// code (`"$39.95"`, `"39.95 USD"`) and with groups of thousands before a decimal point
/// (`"1,234.50"`). An object of money gives its `amount`. `"12,50"` and `"1,234"` are ambiguous, so
/// they give `None`.
pub fn number(raw: &RawValue) -> Option<f64> {
    if raw.get().starts_with('{') {
        let [amount] = super::pick(raw, ["amount"])?;
        return amount
            .filter(|amount| !amount.get().starts_with('{'))
            .and_then(number);
    }
    let text = text(raw)?;
    if let Some(number) = plain_number(&text) {
        return Some(number);
    }
    let amount = without_currency(&text);
    plain_number(amount).or_else(|| plain_number(&without_groups(amount)?))
}

fn plain_number(text: &str) -> Option<f64> {
    // Rust's parser also accepts "inf" and "nan", which are no amounts.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
    {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Removes one currency sign or ISO code, before the number or behind it.
fn without_currency(text: &str) -> &str {
    const SIGNS: [char; 15] = [
        '$', '€', '£', '¥', '￥', '₹', '₩', '₽', '₺', '₴', '₫', '₱', '₦', '฿', '₪',
    ];
    let shorter = text
        .strip_prefix(SIGNS)
        .or_else(|| text.strip_suffix(SIGNS))
        .or_else(|| without_code(text));
    shorter.unwrap_or(text).trim()
}

fn without_code(text: &str) -> Option<&str> {
    let is_code = |code: &str| code.bytes().all(|byte| byte.is_ascii_uppercase());
    let end = text.len().checked_sub(3)?;
    match (text.split_at_checked(3), text.split_at_checked(end)) {
        (Some((code, amount)), _) if is_code(code) => Some(amount),
        (_, Some((amount, code))) if is_code(code) => Some(amount),
        _ => None,
    }
}

/// Removes the commas of a number whose groups and decimal point leave no doubt: `1,234.50`.
fn without_groups(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.')?;
    let mut groups = whole.split(',');
    let first = groups.next()?.trim_start_matches(['+', '-']);
    let is_first = (1..=3).contains(&first.len());
    let is_whole = is_first && whole.contains(',') && groups.all(|group| group.len() == 3);
    let is_plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole && is_plain && !fraction.is_empty() {
        Some(text.replace(',', ""))
    } else {
        None
    }
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
            (r#""$39.95""#, Some(39.95)),
            (r#""39.95 USD""#, Some(39.95)),
            (r#""EUR 39.95""#, Some(39.95)),
            (r#""39.95€""#, Some(39.95)),
            (r#""1,234.50""#, Some(1234.5)),
            (r#""$1,234,567.50""#, Some(1_234_567.5)),
            (r#"{"amount": "12.50", "currency": "EUR"}"#, Some(12.5)),
            (r#"{"amount": {"amount": 1}}"#, None),
            (r#""1,234""#, None),
            (r#""1,23.50""#, None),
            (r#""1.234,50""#, None),
            (r#""$5 USD""#, None),
            (r#""12 pcs""#, None),
            (r#""USD""#, None),
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
