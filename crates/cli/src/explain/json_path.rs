//! Places in JSON, written such as `properties.products[0].sku`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::output::escape_control;

/// The number of elements at the start of an array that are named one by one. The remaining ones
/// share a name, such as `products[5…]`.
pub(super) const NAMED_ELEMENTS: usize = 5;

/// One step down into JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathStep {
    /// The key of an object.
    Key(String),
    /// The index of an array element, from 0.
    Index(usize),
    /// All elements of an array after the first [`NAMED_ELEMENTS`].
    RemainingElements,
}

/// The place of a value in JSON: a field of a message, or an attribute of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JsonPath(Vec<PathStep>);

impl JsonPath {
    /// Creates the path that follows these steps.
    pub(super) fn new(steps: Vec<PathStep>) -> Self {
        JsonPath(steps)
    }

    /// Returns the path of a key in the object at this path.
    pub(super) fn key(&self, key: &str) -> Self {
        self.child(PathStep::Key(key.to_owned()))
    }

    /// Returns the path of an element in the array at this path.
    pub(super) fn element(&self, index: usize) -> Self {
        self.child(PathStep::Index(index))
    }

    fn child(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        JsonPath(steps)
    }

    /// Returns the steps from the root down.
    pub(super) fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Whether this is the root.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the path of the object or array that holds this value, and the last step. The root
    /// has none.
    pub(super) fn split_last(&self) -> Option<(JsonPath, &PathStep)> {
        let (last, parent) = self.0.split_last()?;
        Some((JsonPath(parent.to_vec()), last))
    }

    /// Returns the first `length` steps, or the whole path if it is shorter.
    pub(super) fn prefix(&self, length: usize) -> JsonPath {
        JsonPath(self.0.iter().take(length).cloned().collect())
    }

    /// Whether `other` is this path or below it.
    pub(super) fn contains(&self, other: &JsonPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Returns the path below the key `key` of the root, if this path leads there.
    pub(super) fn below_key(&self, key: &str) -> Option<JsonPath> {
        match self.0.split_first()? {
            (PathStep::Key(first), rest) if first == key && !rest.is_empty() => {
                Some(JsonPath(rest.to_vec()))
            }
            _ => None,
        }
    }

    /// Returns the value at this path.
    pub(super) fn get<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        let mut value = root;
        for step in &self.0 {
            value = match step {
                PathStep::Key(key) => value.get(key)?,
                PathStep::Index(index) => value.get(index)?,
                PathStep::RemainingElements => return None,
            };
        }
        Some(value)
    }

    /// Returns a mutable reference to the value at this path.
    pub(super) fn get_mut<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        let mut value = root;
        for step in &self.0 {
            value = match step {
                PathStep::Key(key) => value.get_mut(key)?,
                PathStep::Index(index) => value.get_mut(index)?,
                PathStep::RemainingElements => return None,
            };
        }
        Some(value)
    }

    /// Writes the path with `[]` for any element: `properties.products[].sku`.
    pub(super) fn without_indexes(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                PathStep::Key(key) => push_key(&mut text, key),
                PathStep::Index(_) | PathStep::RemainingElements => text.push_str("[]"),
            }
        }
        text
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                PathStep::Key(key) => push_key(&mut text, key),
                PathStep::Index(index) => text.push_str(&format!("[{index}]")),
                PathStep::RemainingElements => text.push_str(&format!("[{NAMED_ELEMENTS}…]")),
            }
        }
        f.write_str(&text)
    }
}

fn push_key(text: &mut String, key: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    text.push_str(&escape_control(key));
}

/// Collects the leaves of `value`, which is at `path`. A leaf is a scalar, an empty container or an
/// array of scalars, which merchants think of as one value.
pub(super) fn collect_leaves(
    path: &JsonPath,
    value: &Value,
    leaves: &mut BTreeMap<JsonPath, Value>,
) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                collect_leaves(&path.key(key), value, leaves);
            }
        }
        Value::Array(elements) if elements.iter().any(is_container) => {
            for (index, value) in elements.iter().enumerate() {
                collect_leaves(&path.element(index), value, leaves);
            }
        }
        _ => {
            leaves.insert(path.clone(), value.clone());
        }
    }
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leaves_are_named_by_their_paths() {
        let message = json!({"a": 1, "b": {"c": [], "d": ["x", "y"]}, "e": [{"f": null}, 2]});
        let mut leaves = BTreeMap::new();
        collect_leaves(&JsonPath::default(), &message, &mut leaves);
        let names: Vec<_> = leaves.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "b.c", "b.d", "e[0].f", "e[1]"]);
        for (path, value) in &leaves {
            assert_eq!(path.get(&message), Some(value));
        }
    }
}
