//! Operations on the properties of a profile: `meta.patch_properties` of
//! <https://developers.klaviyo.com/en/reference/create_or_update_profile>

use serde_json::{Map, Value};

use super::account::Account;
use crate::json::at;

impl Account {
    /// Appends to properties, removes from them and removes them, as `meta` says.
    pub(super) fn patch(&mut self, profile: usize, meta: &Value) {
        let Some(changes) = meta.get("patch_properties") else {
            return;
        };
        let Some(attributes) = self.profiles.get_mut(profile) else {
            return;
        };
        let properties = attributes
            .entry("properties")
            .or_insert_with(|| Map::new().into());
        let Value::Object(properties) = properties else {
            return;
        };
        if let Some(appended) = at(changes, "/append").as_object() {
            append(properties, appended);
        }
        if let Some(removed) = at(changes, "/unappend").as_object() {
            unappend(properties, removed);
        }
        match at(changes, "/unset") {
            Value::String(name) => drop(properties.remove(name)),
            Value::Array(names) => {
                properties.retain(|name, _| !names.contains(&name.as_str().into()))
            }
            _ => {}
        }
    }
}

fn append(properties: &mut Map<String, Value>, appended: &Map<String, Value>) {
    for (name, values) in appended {
        let held = properties.remove(name);
        let mut items = held.map(into_items).unwrap_or_default();
        for value in into_items(values.clone()) {
            if !items.contains(&value) {
                items.push(value);
            }
        }
        properties.insert(name.clone(), items.into());
    }
}

fn unappend(properties: &mut Map<String, Value>, removed: &Map<String, Value>) {
    for (name, values) in removed {
        let values = into_items(values.clone());
        if let Some(held) = properties.get_mut(name) {
            let mut items = into_items(held.take());
            items.retain(|item| !values.contains(item));
            *held = items.into();
        }
    }
}

/// Returns the items of an array, or the one value that it is instead.
fn into_items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        value => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_are_appended_unappended_and_unset() {
        let mut account = Account::default();
        let attributes = json!({"properties": {"tags": ["a"], "size": "S", "old": 1, "older": 2}});
        let profile = account.upsert(None, attributes.as_object().unwrap());
        for (patch, expected) in [
            (
                json!({"append": {"tags": ["a", "b"], "size": "M", "new": 1}}),
                json!({"tags": ["a", "b"], "size": ["S", "M"], "new": [1], "old": 1, "older": 2}),
            ),
            (
                json!({"unappend": {"tags": "a", "size": ["S"], "absent": 1}}),
                json!({"tags": ["b"], "size": ["M"], "new": [1], "old": 1, "older": 2}),
            ),
            (
                json!({"unset": "old"}),
                json!({"tags": ["b"], "size": ["M"], "new": [1], "older": 2}),
            ),
            (
                json!({"unset": ["older", "new", "absent"]}),
                json!({"tags": ["b"], "size": ["M"]}),
            ),
        ] {
            account.patch(profile, &json!({"patch_properties": patch}));
            assert_eq!(account.profiles[profile]["properties"], expected, "{patch}");
        }
    }
}
