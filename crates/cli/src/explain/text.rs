//! Values as text for a terminal.

use serde_json::Value;

use crate::output::escape_control;

/// Writes a value on one line: text without quotes, anything else as JSON.
pub(crate) fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => escape_control(text),
        value => escape_control(&value.to_string()),
    }
}
