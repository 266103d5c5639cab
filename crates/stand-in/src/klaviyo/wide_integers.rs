//! Whole numbers outside 64 bits, which Klaviyo does not take in the properties and the value of an
//! event.

use serde_json::Value;

use super::refusal::Refusal;
use crate::json::at;

/// The first whole number that a signed 64-bit integer does not hold.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// Refuses each event of a body with a whole number outside 64 bits. A body may have one event or
/// a job of many.
pub(super) fn check(body: &[u8], json: &Value) -> Result<(), Vec<Refusal>> {
    // Parsed, such a number does not differ from one with a fraction or an exponent.
    if !has_wide_integer(body) {
        return Ok(());
    }
    let mut refusals = Vec::new();
    let attributes = at(json, "/data/attributes");
    check_event(attributes, "/data/attributes", &mut refusals);
    let items = at(attributes, "/events-bulk-create/data").as_array();
    for (index, item) in items.into_iter().flatten().enumerate() {
        let events = at(item, "/attributes/events/data").as_array();
        for (event_index, event) in events.into_iter().flatten().enumerate() {
            let pointer = format!(
                "/data/attributes/events-bulk-create/data/{index}/attributes/events/data\
                 /{event_index}/attributes"
            );
            check_event(at(event, "/attributes"), &pointer, &mut refusals);
        }
    }
    super::refusal::into_result(refusals)
}

fn check_event(attributes: &Value, pointer: &str, refusals: &mut Vec<Refusal>) {
    for name in ["properties", "value"] {
        if is_wide(at(attributes, &format!("/{name}"))) {
            let detail = "A whole number outside 64 bits";
            refusals.push(Refusal::invalid(detail, format!("{pointer}/{name}")));
        }
    }
}

fn is_wide(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_i64().is_none() && number.as_f64().is_some_and(|number| number.abs() >= LIMIT)
        }
        Value::Array(items) => items.iter().any(is_wide),
        Value::Object(members) => members.values().any(is_wide),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Whether JSON has a number of digits alone that 64 bits do not hold.
fn has_wide_integer(json: &[u8]) -> bool {
    let mut is_in_text = false;
    let mut is_escaped = false;
    let mut number = String::new();
    for byte in json {
        let c = char::from(*byte);
        if is_in_text {
            is_in_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else if c.is_ascii_digit() || "+-.eE".contains(c) {
            number.push(c);
        } else {
            if is_wide_literal(&number) {
                return true;
            }
            number.clear();
            is_in_text = c == '"';
        }
    }
    is_wide_literal(&number)
}

/// Whether a number is whole and 64 bits do not hold it. Words such as `true` leave an `e`.
fn is_wide_literal(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_whole && number.parse::<i64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::klaviyo::testing::pointers_of;

    fn places(properties: &str) -> Vec<String> {
        let body = format!(r#"{{"data": {{"attributes": {{"properties": {properties}}}}}}}"#);
        let json = serde_json::from_str(&body).unwrap();
        pointers_of(check(body.as_bytes(), &json))
    }

    #[test]
    fn whole_numbers_have_64_bits() {
        for accepted in [
            r#"{"a": 9223372036854775807, "b": -9223372036854775808}"#,
            r#"{"a": 1e20, "b": 9223372036854775808.0, "c": [true, false]}"#,
            r#"{"a": "9223372036854775808", "b\"9223372036854775808": 1}"#,
        ] {
            assert_eq!(places(accepted), [""; 0], "{accepted}");
        }
        for refused in [
            r#"{"a": 9223372036854775808}"#,
            r#"{"a": [{"b": -9223372036854775809}]}"#,
            r#"{"a": 123456789012345678901234567890}"#,
        ] {
            assert_eq!(
                places(refused),
                ["/data/attributes/properties"],
                "{refused}"
            );
        }
    }
}
