//! The attributes of a JSON:API document, named without the envelope around them: the email at
//! `data.attributes.profiles.data[0].attributes.email` is `profiles.email`.
//!
//! The format: <https://jsonapi.org/format/#document-structure>

use std::collections::BTreeMap;

use serde_json::Value;

use super::json_path::{JsonPath, collect_leaves};

const PROPERTIES: &str = "properties";

/// Returns the attributes of a document. A custom property is one attribute, however deep its value.
pub(super) fn attributes(document: &Value) -> BTreeMap<JsonPath, Value> {
    let mut attributes = BTreeMap::new();
    collect_resource(&JsonPath::default(), document, &mut attributes);
    attributes
}

/// Returns the name of the custom property that an attribute is or belongs to, and the path inside
/// it; `None` for Klaviyo's own attributes.
pub(super) fn custom_property(attribute: &JsonPath) -> Option<JsonPath> {
    attribute.below_key(PROPERTIES)
}

fn collect_resource(path: &JsonPath, value: &Value, attributes: &mut BTreeMap<JsonPath, Value>) {
    match value {
        Value::Array(elements) => match elements.as_slice() {
            [only] => collect_resource(path, only, attributes),
            elements => {
                for (index, element) in elements.iter().enumerate() {
                    collect_resource(&path.element(index), element, attributes);
                }
            }
        },
        Value::Object(object) => {
            if object.len() == 1
                && let Some(data) = object.get("data")
            {
                return collect_resource(path, data, attributes);
            }
            if let Some(id) = object.get("id") {
                // A related resource, such as a list, is named by its relationship.
                let id_path = if path.is_root() {
                    path.key("id")
                } else {
                    path.clone()
                };
                attributes.insert(id_path, id.clone());
            }
            for part in ["attributes", "relationships", "meta"] {
                if let Some(Value::Object(members)) = object.get(part) {
                    for (name, value) in members {
                        collect_attribute(path, name, value, attributes);
                    }
                }
            }
        }
        _ => {}
    }
}

fn collect_attribute(
    resource: &JsonPath,
    name: &str,
    value: &Value,
    attributes: &mut BTreeMap<JsonPath, Value>,
) {
    let path = resource.key(name);
    match value {
        // Merchants name their properties as they like, even `data`.
        Value::Object(properties) if name == PROPERTIES => {
            for (name, value) in properties {
                attributes.insert(path.key(name), value.clone());
            }
        }
        Value::Object(object) if object.contains_key("data") => {
            collect_resource(&path, value, attributes);
        }
        Value::Object(_) => collect_leaves(&path, value, attributes),
        // A metric has no other attribute than its name, so it is shown as `metric`.
        _ if name == "name" && !resource.is_root() => {
            attributes.insert(resource.clone(), value.clone());
        }
        _ => {
            attributes.insert(path, value.clone());
        }
    }
}
