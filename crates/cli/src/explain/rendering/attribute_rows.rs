//! The attributes of a request as rows of a table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::field_names::list_fields;
use crate::explain::attribute_origin::{AttributeOrigin, AttributeSource};
use crate::explain::explanation::Explanation;
use crate::explain::json_api::custom_property;
use crate::explain::json_path::JsonPath;
use crate::explain::request_preview::{RequestPreview, is_profile_id_placeholder};
use crate::explain::text::one_line;
use crate::output::escape_control;

/// The attributes of a request as they are printed.
pub(super) struct RequestTable {
    /// The attributes with a row, custom properties last.
    pub(super) rows: Vec<AttributeRow>,
    /// The custom properties that are passed on unchanged under their own names, by the object of
    /// the message that they are in.
    pub(super) unchanged: BTreeMap<String, Vec<String>>,
}

/// An attribute, its value and where that comes from, in words.
pub(super) struct AttributeRow {
    /// The path of the attribute.
    pub(super) path: JsonPath,
    /// The name of the attribute; for a custom property, the name of the property.
    pub(super) name: String,
    /// Whether the attribute is a custom property.
    pub(super) is_property: bool,
    /// The value, or the number of objects in it.
    pub(super) value: String,
    /// The sources of the value.
    pub(super) source: String,
    /// The fallbacks of a single source.
    pub(super) fallback: Option<String>,
}

impl RequestTable {
    /// Lists the attributes of the request with this index.
    pub(super) fn new(explanation: &Explanation, index: usize, request: &RequestPreview) -> Self {
        let mut table = RequestTable {
            rows: Vec::new(),
            unchanged: BTreeMap::new(),
        };
        for (path, value) in &request.attributes {
            let origins = origins_within(explanation, index, path);
            let property = custom_property(path);
            if let Some(name) = &property
                && let Some(object) = source_object(&explanation.message, name, value, &origins)
            {
                let names = table.unchanged.entry(object.to_string()).or_default();
                names.push(name.to_string());
                continue;
            }
            table.rows.push(AttributeRow {
                path: path.clone(),
                is_property: property.is_some(),
                name: property.unwrap_or_else(|| path.clone()).to_string(),
                value: value_text(value),
                source: source_text(value, &origins),
                fallback: fallback_text(&origins),
            });
        }
        table.rows.sort_by_key(|row| row.is_property);
        table
    }
}

/// Returns the origins of all leaves of an attribute.
fn origins_within<'e>(
    explanation: &'e Explanation,
    request: usize,
    path: &JsonPath,
) -> Vec<&'e AttributeOrigin> {
    let mut origins = Vec::new();
    for (attribute, origin) in &explanation.origins {
        if attribute.request == request && path.contains(&attribute.path) {
            origins.push(origin);
        }
    }
    origins
}

/// Returns the object of the message in which a custom property has the same name and the same
/// value, if all of its value comes from there.
fn source_object(
    message: &Value,
    property: &JsonPath,
    value: &Value,
    origins: &[&AttributeOrigin],
) -> Option<JsonPath> {
    let sources: Vec<&AttributeSource> =
        origins.iter().flat_map(|origin| &origin.sources).collect();
    let AttributeSource::Field(first_field) = sources.first()? else {
        return None;
    };
    let name = property.steps().first()?;
    let depth = first_field.steps().iter().position(|step| step == name)?;
    let source = first_field.prefix(depth + 1);
    if source.get(message) != Some(value) {
        return None;
    }
    for other in sources {
        match other {
            AttributeSource::Field(field) if source.contains(field) => {}
            _ => return None,
        }
    }
    Some(first_field.prefix(depth))
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Array(elements) if elements.iter().any(Value::is_object) => match elements.len() {
            1 => "1 object".to_owned(),
            count => format!("{count} objects"),
        },
        Value::Array(elements) => {
            let values: Vec<_> = elements.iter().map(one_line).collect();
            values.join(", ")
        }
        Value::Object(object) => {
            let keys: Vec<_> = object.keys().map(|key| escape_control(key)).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        value => one_line(value),
    }
}

fn source_text(value: &Value, origins: &[&AttributeOrigin]) -> String {
    let mut fields = BTreeSet::new();
    let mut others = BTreeSet::new();
    for source in origins.iter().flat_map(|origin| &origin.sources) {
        match source {
            AttributeSource::Field(path) => fields.insert(path),
            AttributeSource::Setting(name) => others.insert(*name),
            AttributeSource::MessageHash => others.insert("hash of the whole message"),
            AttributeSource::DeliveryTime => others.insert("time of the delivery"),
        };
    }
    let mut parts = Vec::new();
    if !fields.is_empty() {
        parts.push(list_fields(&fields));
    }
    parts.extend(others.into_iter().map(str::to_owned));
    if parts.is_empty() {
        parts.push("always".to_owned());
    }
    if is_profile_id_placeholder(value) {
        parts.push("if Klaviyo knows the profile".to_owned());
    }
    parts.join(", ")
}

fn fallback_text(origins: &[&AttributeOrigin]) -> Option<String> {
    let mut sources = BTreeSet::new();
    let mut fallbacks = BTreeSet::new();
    for origin in origins {
        sources.extend(&origin.sources);
        fallbacks.extend(&origin.fallbacks);
    }
    if sources.len() != 1 || fallbacks.is_empty() {
        return None;
    }
    let noun = if fallbacks.len() == 1 {
        "fallback"
    } else {
        "fallbacks"
    };
    Some(format!("{noun}: {}", list_fields(&fallbacks)))
}
