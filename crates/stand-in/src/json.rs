//! Parts of JSON values.

use serde_json::{Map, Value};

/// Returns the value at a JSON pointer; `Null` where there is none.
pub(crate) fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Returns the items of what a schema has accepted as an array.
#[expect(clippy::expect_used, reason = "a schema has accepted the value")]
pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().expect("the schema asks for an array")
}

/// Returns the items of an array that may be absent.
pub(crate) fn optional_array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the members of what a schema has accepted as an object.
#[expect(clippy::expect_used, reason = "a schema has accepted the value")]
pub(crate) fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("the schema asks for an object")
}

/// Returns what a schema has accepted as a text.
#[expect(clippy::expect_used, reason = "a schema has accepted the value")]
pub(crate) fn text(value: &Value) -> String {
    optional_text(value).expect("the schema asks for a text")
}

/// Returns a text that may be absent or `null`.
pub(crate) fn optional_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
