//! What a request to Klaviyo is about, in a few words.

use std::collections::BTreeMap;

use segment_klaviyo_stand_in::RecordedRequest;
use serde_json::Value;

use crate::output::escape_control;

/// The attributes that name a profile, the clearest first.
const IDENTIFIERS: [&str; 5] = [
    "email",
    "phone_number",
    "external_id",
    "anonymous_id",
    "_kx",
];

/// Keys below which everything is the merchant's own.
const CUSTOM: [&str; 2] = ["properties", "patch_properties"];

/// The metrics, people and lists that a request names.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RequestSummary {
    /// The number of events by metric.
    pub(super) metrics: BTreeMap<String, usize>,
    /// The people, each once.
    pub(super) people: Vec<String>,
    /// The ids of the lists.
    pub(super) lists: Vec<String>,
}

impl RequestSummary {
    /// Reads the body of a request, and the list in its path.
    pub(super) fn of(request: &RecordedRequest) -> Self {
        let mut summary = RequestSummary::default();
        summary.read(&request.body);
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some(rest) = path.strip_prefix("/api/lists/") {
            let list = rest.split('/').next().unwrap_or_default();
            add_once(&mut summary.lists, list);
        }
        summary
    }

    /// Reads a value of a JSON:API document. Resources are recognized by their `type`, wherever they
    /// are.
    fn read(&mut self, value: &Value) {
        match value {
            Value::Array(elements) => {
                for element in elements {
                    self.read(element);
                }
            }
            Value::Object(fields) => {
                let attributes = fields.get("attributes").unwrap_or(&Value::Null);
                match fields.get("type").and_then(Value::as_str) {
                    Some("metric") => {
                        if let Some(name) = attributes["name"].as_str() {
                            *self.metrics.entry(name.to_owned()).or_default() += 1;
                        }
                    }
                    Some("profile") => self.read_person(attributes, fields.get("id")),
                    Some("list") => {
                        if let Some(id) = fields.get("id").and_then(Value::as_str) {
                            add_once(&mut self.lists, id);
                        }
                    }
                    _ => {}
                }
                for (key, field) in fields {
                    if !CUSTOM.contains(&key.as_str()) {
                        self.read(field);
                    }
                }
            }
            _ => {}
        }
    }

    fn read_person(&mut self, attributes: &Value, id: Option<&Value>) {
        let named = IDENTIFIERS
            .iter()
            .find_map(|name| attributes[*name].as_str());
        if let Some(name) = named.or_else(|| id.and_then(Value::as_str)) {
            add_once(&mut self.people, name);
        }
    }

    /// Returns the summary on one line, such as `Ordered Product ×2  sarah@klaviyo-demo.com`.
    pub(super) fn text(&self) -> String {
        let mut parts = Vec::new();
        let mut metrics = Vec::new();
        for (name, count) in &self.metrics {
            metrics.push(match count {
                1 => name.clone(),
                count => format!("{name} ×{count}"),
            });
        }
        if !metrics.is_empty() {
            parts.push(metrics.join(", "));
        }
        match self.people.as_slice() {
            [] => {}
            [person] => parts.push(person.clone()),
            people => parts.push(format!("{} people", people.len())),
        }
        if !self.lists.is_empty() {
            parts.push(format!("list {}", self.lists.join(", ")));
        }
        escape_control(&parts.join("  "))
    }
}

fn add_once(names: &mut Vec<String>, name: &str) {
    if !name.is_empty() && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::json;

    use super::*;

    fn text_of(path: &str, body: Value) -> String {
        let request = RecordedRequest {
            received_at: SystemTime::UNIX_EPOCH,
            method: "POST".to_owned(),
            path: path.to_owned(),
            bytes: 0,
            body,
            status: 202,
            left_out: None,
            answer: Value::Null,
        };
        RequestSummary::of(&request).text()
    }

    fn person(email: &str) -> Value {
        // What the merchant calls a metric or a profile is none.
        let properties =
            json!({"friend": {"type": "profile", "attributes": {"email": "no@klaviyo-demo.com"}}});
        json!({"data": {"type": "profile", "attributes": {"email": email, "properties": properties}}})
    }

    fn event(metric: &str) -> Value {
        json!({"type": "event", "attributes": {
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
            "properties": {"data": {"type": "metric", "attributes": {"name": "not this"}}},
        }})
    }

    #[test]
    fn the_metric_the_person_and_the_list_are_named() {
        let sarah = person("sarah@klaviyo-demo.com");
        let mut order = event("Order Completed");
        order["attributes"]["profile"] = sarah.clone();
        let job = json!({"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [
            {"type": "event-bulk-create", "attributes": {"profile": sarah, "events": {"data": [event("A"), event("B"), event("B")]}}},
            {"type": "event-bulk-create", "attributes": {"profile": person("tom@klaviyo-demo.com"), "events": {"data": []}}},
        ]}}}});
        let subscription = json!({"data": {"type": "profile-subscription-bulk-create-job",
            "attributes": {"profiles": {"data": [{"type": "profile", "attributes": {"phone_number": "+15005550006"}}]}},
            "relationships": {"list": {"data": {"type": "list", "id": "Y6nRLr"}}}}});
        let membership = json!({"data": [{"type": "profile", "id": "01GDDK"}]});
        for (path, body, expected) in [
            (
                "/api/events",
                json!({"data": order}),
                "Order Completed  sarah@klaviyo-demo.com",
            ),
            ("/api/event-bulk-create-jobs", job, "A, B ×2  2 people"),
            (
                "/api/profile-subscription-bulk-create-jobs",
                subscription,
                "+15005550006  list Y6nRLr",
            ),
            (
                "/api/lists/Y6nRLr/relationships/profiles",
                membership,
                "01GDDK  list Y6nRLr",
            ),
            ("/api/profiles?filter=any(email)", Value::Null, ""),
        ] {
            assert_eq!(text_of(path, body), expected, "{path}");
        }
    }
}
