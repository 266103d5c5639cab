//! `null` in a bulk import, which "does not support setting fields to null":
//! <https://developers.klaviyo.com/en/docs/use_klaviyos_bulk_profile_import_api>

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The attributes whose own members may be `null`.
const NESTED: [&str; 2] = ["properties", "location"];

/// Returns the attributes of a profile without those that are `null`. What is inside a custom
/// property stays.
pub(super) fn without_nulls(attributes: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = attributes.clone();
    kept.retain(|_, value| !value.is_null());
    for name in NESTED {
        if let Some(Value::Object(members)) = kept.get_mut(name) {
            members.retain(|_, value| !value.is_null());
        }
    }
    kept
}

/// Refuses each attribute of a profile that is `null`.
pub(super) fn refuse_nulls(profile: &Value, pointer: &str, refusals: &mut Vec<Refusal>) {
    let mut places = vec![format!("{pointer}/attributes")];
    for name in NESTED {
        places.push(format!("{pointer}/attributes/{name}"));
    }
    for place in places {
        let inner = place.strip_prefix(pointer).unwrap_or_default();
        let Some(Value::Object(members)) = profile.pointer(inner) else {
            continue;
        };
        for (name, value) in members {
            if value.is_null() {
                let detail = "Fields cannot be set to null in bulk";
                refusals.push(Refusal::invalid(detail, format!("{place}/{name}")));
            }
        }
    }
}
