//! Variants of a value: other values of the same form.

use serde_json::{Number, Value};

const DIGITS: &str = "0123456789";
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// Numbers that are added to a number to get another one.
const OFFSETS: [i16; 7] = [1, 2, 3, 10, 100, 1_000, 10_000];

/// The values of `channel`, of which no form tells.
const CHANNELS: [&str; 4] = ["server", "client", "browser", "mobile"];

/// Returns other values of the same form: another time for a time, another email address for an
/// email address, another number for a number. An empty value has none.
pub(super) fn variants(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) if !text.trim().is_empty() => {
            text_variants(text).into_iter().map(Value::from).collect()
        }
        Value::Bool(value) => vec![(!value).into()],
        Value::Number(number) => number_variants(number),
        Value::Array(elements) => array_variant(elements).into_iter().collect(),
        Value::Null | Value::String(_) | Value::Object(_) => Vec::new(),
    }
}

fn number_variants(number: &Number) -> Vec<Value> {
    let mut variants = Vec::new();
    for offset in OFFSETS {
        if let Some(integer) = number.as_i64() {
            variants.push(integer.wrapping_add(offset.into()).into());
        } else if let Some(float) = number.as_f64() {
            variants.push((float + f64::from(offset)).into());
        }
    }
    variants
}

/// Replaces the first element that has a variant.
fn array_variant(elements: &[Value]) -> Option<Value> {
    let mut copy = elements.to_vec();
    for element in &mut copy {
        if let Some(variant) = variants(element).into_iter().next() {
            *element = variant;
            return Some(Value::Array(copy));
        }
    }
    None
}

/// Replaces the last digit, then the last letter: most formats allow any other one there.
fn text_variants(text: &str) -> Vec<String> {
    if CHANNELS.contains(&text) {
        let others = CHANNELS.iter().filter(|channel| **channel != text);
        return others.map(|channel| (*channel).to_owned()).collect();
    }
    let mut variants = replace_last(text, DIGITS);
    variants.extend(replace_last(text, LETTERS));
    variants.push(format!("{text}1"));
    variants
}

/// Replaces the last character that is in the alphabet by each other one of the alphabet, in the
/// order in which they follow it.
fn replace_last(text: &str, alphabet: &str) -> Vec<String> {
    let mut variants = Vec::new();
    for (start, character) in text.char_indices().rev() {
        let Some(position) = alphabet.find(character.to_ascii_lowercase()) else {
            continue;
        };
        let (before, _) = text.split_at(start);
        // Both alphabets are ASCII, so the character is one byte long.
        let (_, after) = text.split_at(start + 1);
        let following = alphabet.chars().cycle().skip(position + 1);
        for mut replacement in following.take(alphabet.len() - 1) {
            if character.is_ascii_uppercase() {
                replacement = replacement.to_ascii_uppercase();
            }
            variants.push(format!("{before}{replacement}{after}"));
        }
        break;
    }
    variants
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variant_has_the_same_form() {
        for (value, expected) in [
            (
                json!("2026-11-20T10:15:30.419Z"),
                Some(json!("2026-11-20T10:15:30.410Z")),
            ),
            (
                json!("sarah@klaviyo-demo.com"),
                Some(json!("sarah@klaviyo-demo.con")),
            ),
            (json!("+1 500 555 0006"), Some(json!("+1 500 555 0007"))),
            (json!("USD"), Some(json!("USE"))),
            (json!("Fizz!"), Some(json!("Fiza!"))),
            (json!("server"), Some(json!("client"))),
            (json!("购买"), Some(json!("购买1"))),
            (json!(39.5), Some(json!(40.5))),
            (json!(2), Some(json!(3))),
            (json!(true), Some(json!(false))),
            (json!([null, "a"]), Some(json!([null, "b"]))),
            (json!(null), None),
            (json!(" "), None),
            (json!({}), None),
        ] {
            assert_eq!(variants(&value).into_iter().next(), expected, "{value}");
        }
    }
}
