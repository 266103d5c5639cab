//! A request that the function would send to Klaviyo, as a list of attributes.

use std::collections::BTreeMap;

use bytes::Bytes;
use segment_klaviyo::klaviyo::{ApiRequest, Operation, build_requests, build_requests_by_id};
use serde_json::Value;

use super::json_api;
use super::json_path::{JsonPath, collect_leaves};
use crate::output::escape_control;

/// The beginning of the placeholder for a profile ID that the function would look up in Klaviyo.
const PROFILE_ID_PREFIX: &str = "(profile ID of ";

/// A request that the function would send to Klaviyo.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RequestPreview {
    /// The method and the path, such as `POST /api/events`.
    pub(super) endpoint: String,
    /// The attributes by their names, such as `profile.email`. A custom property is one attribute.
    pub(super) attributes: BTreeMap<JsonPath, Value>,
    /// The attributes with custom properties taken apart down to the last value.
    pub(super) leaves: BTreeMap<JsonPath, Value>,
    body: Bytes,
}

impl RequestPreview {
    /// Reads the attributes from the body of a request. A body with a number such as 1e999, which is
    /// JSON but no [`Value`], has none: reports on such messages do not show attributes.
    pub(super) fn new(request: ApiRequest) -> Self {
        let document: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let attributes = json_api::attributes(&document);
        let mut leaves = BTreeMap::new();
        for (path, value) in &attributes {
            collect_leaves(path, value, &mut leaves);
        }
        RequestPreview {
            endpoint: endpoint(&request),
            attributes,
            leaves,
            body: request.body,
        }
    }

    /// Returns a part of the JSON by which a request that was sent is recognized as this one, also if a
    /// job holds others too: the id of the event, otherwise the first identifier of the person.
    pub(crate) fn mark(&self) -> Option<String> {
        let named = |name: &str, value: &Value| format!("\"{name}\":{value}");
        if let Some(id) = self.attributes.get(&JsonPath::default().key("unique_id")) {
            return Some(named("unique_id", id));
        }
        let document: Value = serde_json::from_slice(&self.body).ok()?;
        let text = document.to_string();
        for name in ["email", "phone_number", "external_id", "anonymous_id"] {
            for value in self.leaves.values() {
                let mark = named(name, value);
                if text.contains(&mark) {
                    return Some(mark);
                }
            }
        }
        None
    }

    /// Whether this is the preview of exactly this request.
    pub(super) fn shows(&self, request: &ApiRequest) -> bool {
        self.body == request.body && self.endpoint == endpoint(request)
    }

    /// Returns the metric or the list of the request, which distinguishes it from others to its endpoint.
    pub(super) fn title(&self) -> Option<String> {
        for name in ["metric", "list", "lists"] {
            if let Some(value) = self.attributes.get(&JsonPath::default().key(name)) {
                return value.as_str().map(escape_control);
            }
        }
        None
    }

    /// Returns the endpoint and the title: `POST /api/events Order Completed`.
    pub(super) fn name(&self) -> String {
        match self.title() {
            Some(title) => format!("{} {title}", self.endpoint),
            None => self.endpoint.clone(),
        }
    }
}

/// Builds the requests for one operation. A delivery may send the operations of several messages as
/// one bulk job, with the same attributes.
pub(super) fn api_requests(operation: &Operation) -> Vec<ApiRequest> {
    let profile_id = profile_id_placeholder(operation);
    let mut planned = build_requests(&[operation]);
    planned.extend(build_requests_by_id(&[operation], |_| {
        profile_id.as_deref()
    }));
    planned.into_iter().map(|planned| planned.request).collect()
}

/// Returns text that takes the place of the profile ID in operations that need one. Only Klaviyo
/// knows the ID.
fn profile_id_placeholder(operation: &Operation) -> Option<String> {
    let identifiers = match operation {
        Operation::Delete(identifiers) => identifiers,
        Operation::RemoveFromList(membership) => &membership.identifiers,
        _ => return None,
    };
    Some(format!("{PROFILE_ID_PREFIX}{})", identifiers.key().value()))
}

/// Whether a value of a request is the placeholder for a profile ID.
pub(super) fn is_profile_id_placeholder(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.starts_with(PROFILE_ID_PREFIX))
}

fn endpoint(request: &ApiRequest) -> String {
    format!("{} {}", request.method, request.path)
}
