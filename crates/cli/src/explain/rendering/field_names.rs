//! Short lists of fields.

use std::collections::{BTreeMap, BTreeSet};

use crate::explain::json_path::JsonPath;

/// The number of keys that are named of one object.
const MAX_KEYS: usize = 4;

/// Lists fields. Those of several array elements are named once, and those of one object together:
/// `properties.products[].{brand, category, image_url, name, 5 more}`.
pub(super) fn list_fields(fields: &BTreeSet<&JsonPath>) -> String {
    let names_without_indexes: BTreeSet<String> =
        fields.iter().map(|field| field.without_indexes()).collect();
    let is_merged = names_without_indexes.len() < fields.len();
    let names = if is_merged {
        names_without_indexes
    } else {
        fields.iter().map(ToString::to_string).collect()
    };
    let mut keys_by_object: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in &names {
        let (object, key) = name.rsplit_once('.').unwrap_or(("", name));
        keys_by_object.entry(object).or_default().push(key);
    }
    let mut parts = Vec::new();
    for (object, keys) in keys_by_object {
        if object.is_empty() {
            parts.push(keys.join(", "));
        } else if keys.len() == 1 || (keys.len() == 2 && !is_merged) {
            for key in keys {
                parts.push(format!("{object}.{key}"));
            }
        } else {
            parts.push(format!("{object}.{{{}}}", list_keys(&keys)));
        }
    }
    parts.join(", ")
}

fn list_keys(keys: &[&str]) -> String {
    let named: Vec<&str> = keys.iter().take(MAX_KEYS).copied().collect();
    let mut list = named.join(", ");
    if keys.len() > MAX_KEYS {
        list.push_str(&format!(", {} more", keys.len() - MAX_KEYS));
    }
    list
}

/// Returns the names of the chosen fields. Where all fields of an object are chosen, the object is
/// named instead of them: `context.library.*`.
pub(super) fn abbreviate(chosen: &[&JsonPath], all_fields: &[JsonPath]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in chosen {
        let name = match whole_object(field, chosen, all_fields) {
            Some(object) => format!("{object}.*"),
            None => field.to_string(),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the outermost object or array that contains the field and has at least two fields, all of
/// them chosen.
fn whole_object(
    field: &JsonPath,
    chosen: &[&JsonPath],
    all_fields: &[JsonPath],
) -> Option<JsonPath> {
    for length in 1..field.steps().len() {
        let object = field.prefix(length);
        let mut fields = 0;
        let mut is_whole = true;
        for other in all_fields {
            if object.contains(other) {
                fields += 1;
                is_whole &= chosen.contains(&other);
            }
        }
        if is_whole && fields > 1 {
            return Some(object);
        }
    }
    None
}
