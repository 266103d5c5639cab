//! The limits of an event's properties:
//! <https://developers.klaviyo.com/en/reference/events_api_overview#limitations>

use serde_json::{Map, Value};

const MAX_PROPERTIES: usize = 400;
/// The most levels of objects, of which the properties themselves are the first. Arrays add none.
const MAX_LEVELS: usize = 10;
const MAX_ARRAY_ITEMS: usize = 4_000;
const MAX_STRING_BYTES: usize = 100_000;

/// Accepts properties within all limits.
pub(super) fn within_limits(properties: &Map<String, Value>) -> Result<(), &'static str> {
    if properties.len() > MAX_PROPERTIES {
        return Err("More than 400 properties");
    }
    check_object(properties, 1)
}

fn check_object(object: &Map<String, Value>, level: usize) -> Result<(), &'static str> {
    if level > MAX_LEVELS {
        return Err("More than 10 levels of nested objects");
    }
    for value in object.values() {
        check_value(value, level)?;
    }
    Ok(())
}

fn check_value(value: &Value, level: usize) -> Result<(), &'static str> {
    match value {
        Value::Object(object) => check_object(object, level + 1),
        Value::Array(items) if items.len() > MAX_ARRAY_ITEMS => {
            Err("An array of more than 4,000 items")
        }
        Value::Array(items) => {
            for item in items {
                check_value(item, level)?;
            }
            Ok(())
        }
        Value::String(text) if text.len() > MAX_STRING_BYTES => Err("A string of more than 100 KB"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        let mut value = json!({});
        for _ in 1..levels {
            value = json!({"inner": [value]});
        }
        value
    }

    #[test]
    fn each_limit_is_met_and_not_exceeded() {
        let many = |count: usize| -> Value {
            (0..count)
                .map(|n| (n.to_string(), json!(n)))
                .collect::<Map<_, _>>()
                .into()
        };
        for (inside, outside) in [
            (many(400), many(401)),
            (nested(10), nested(11)),
            (json!({"a": vec![0; 4_000]}), json!({"a": vec![0; 4_001]})),
            (
                json!({"a": "x".repeat(100_000)}),
                json!({"a": "x".repeat(100_001)}),
            ),
            (
                json!({"a": [["é".repeat(50_000)]]}),
                json!({"a": [["é".repeat(50_001)]]}),
            ),
        ] {
            assert_eq!(within_limits(inside.as_object().unwrap()), Ok(()));
            assert!(within_limits(outside.as_object().unwrap()).is_err());
        }
    }
}
