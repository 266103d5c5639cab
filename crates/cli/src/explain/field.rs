//! The fields of a message, and the message without one of them or with another value in it.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::json_path::{JsonPath, NAMED_ELEMENTS, PathStep, collect_leaves};
use super::variant::variants;

/// A field of a message: one leaf, or the same leaf in all the elements of an array that share a
/// name (see [`NAMED_ELEMENTS`]).
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The name of the field.
    pub(super) path: JsonPath,
    /// The value of the field, or of its first occurrence.
    pub(super) value: Value,
    /// Another value of the same form, preferably one that the message does not contain. `None` if
    /// the value is empty.
    pub(super) variant: Option<Value>,
    /// The paths of the field's leaves. There is more than one only if elements share the name.
    occurrences: Vec<JsonPath>,
}

impl Field {
    /// Returns all fields of a message, sorted by path. A message that is not an object has none.
    pub(super) fn all(message: &Value) -> Vec<Field> {
        let mut leaves = BTreeMap::new();
        if message.is_object() {
            collect_leaves(&JsonPath::default(), message, &mut leaves);
        }
        let present: HashSet<String> = leaves.values().map(Value::to_string).collect();
        let mut fields: BTreeMap<JsonPath, Field> = BTreeMap::new();
        for (occurrence, value) in leaves {
            let path = shared_name(&occurrence);
            let field = fields.entry(path.clone()).or_insert_with(|| Field {
                path,
                variant: variant(&value, &present),
                value,
                occurrences: Vec::new(),
            });
            field.occurrences.push(occurrence);
        }
        fields.into_values().collect()
    }

    /// Whether the field is null, an empty container or blank text.
    pub(super) fn is_blank(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(elements) => elements.is_empty(),
            Value::Object(object) => object.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Removes the field from a message. An array element becomes null, so that the other elements
    /// keep their indexes.
    pub(super) fn remove_from(&self, message: &mut Value) {
        for occurrence in &self.occurrences {
            let Some((parent, last_step)) = occurrence.split_last() else {
                continue;
            };
            match (last_step, parent.get_mut(message)) {
                (PathStep::Key(key), Some(Value::Object(object))) => {
                    object.remove(key);
                }
                (PathStep::Index(index), Some(Value::Array(elements))) => {
                    if let Some(element) = elements.get_mut(*index) {
                        *element = Value::Null;
                    }
                }
                _ => {}
            }
        }
    }

    /// Sets the field to `value` in a message that has it.
    pub(super) fn set_in(&self, message: &mut Value, value: &Value) {
        for occurrence in &self.occurrences {
            if let Some(leaf) = occurrence.get_mut(message) {
                *leaf = value.clone();
            }
        }
    }

    /// Returns the message with the field's variant, if it has one.
    pub(super) fn vary(&self, message: &Value) -> Option<Value> {
        let variant = self.variant.as_ref()?;
        let mut varied = message.clone();
        self.set_in(&mut varied, variant);
        Some(varied)
    }
}

/// Returns the name of a leaf: its path, in which the elements after the first few look the same.
fn shared_name(leaf: &JsonPath) -> JsonPath {
    let mut steps = Vec::new();
    for step in leaf.steps() {
        steps.push(match step {
            PathStep::Index(index) if *index >= NAMED_ELEMENTS => PathStep::RemainingElements,
            step => step.clone(),
        });
    }
    JsonPath::new(steps)
}

/// Chooses a variant that the message does not contain, if there is one. A product line with the ID
/// of another line would become a duplicate, which is more than a line with another ID.
fn variant(value: &Value, present: &HashSet<String>) -> Option<Value> {
    let variants = variants(value);
    for variant in &variants {
        if !present.contains(&variant.to_string()) {
            return Some(variant.clone());
        }
    }
    variants.into_iter().next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variants_do_not_occur_in_the_message() {
        let message = json!({"a": 1, "b": 2, "c": "x9", "d": "x0", "e": true, "f": false});
        let variants: Vec<_> = Field::all(&message)
            .iter()
            .map(|field| field.variant.clone().unwrap())
            .collect();
        assert_eq!(
            variants,
            [
                json!(3),
                json!(3),
                json!("x1"),
                json!("x1"),
                json!(false),
                json!(true)
            ]
        );
        let all_digits: serde_json::Map<_, _> = (0..10)
            .map(|digit| (digit.to_string(), json!(format!("P{digit}"))))
            .collect();
        let fields = Field::all(&Value::Object(all_digits));
        assert_eq!(fields[0].variant, Some(json!("Q0")));
    }

    #[test]
    fn elements_after_the_fifth_share_a_field() {
        let products: Vec<_> = (0..7).map(|index| json!({"id": index})).collect();
        let message =
            json!({"type": "track", "tags": ["a", "b"], "properties": {"products": products}});
        let fields = Field::all(&message);
        let names: Vec<_> = fields.iter().map(|field| field.path.to_string()).collect();
        assert_eq!(
            (names.len(), names[0].as_str()),
            (8, "properties.products[0].id")
        );
        assert_eq!(names[5..], ["properties.products[5…].id", "tags", "type"]);
        let mut without = message.clone();
        fields[5].remove_from(&mut without);
        assert_eq!(without["properties"]["products"][4], json!({"id": 4}));
        assert_eq!(without["properties"]["products"][6], json!({}));
    }
}
