//! Metrics: <https://developers.klaviyo.com/en/reference/get_metrics>

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::account::Account;
use super::query::{PageSizes, Query};
use super::refusal::Refusal;
use crate::request::KlaviyoRequest;
use crate::response::JsonResponse;

/// The pages of metrics, which have one size only.
const PAGES: PageSizes = PageSizes {
    usual: 200,
    most: 200,
};

/// What every metric here comes from.
const INTEGRATION: &str = "API";

/// Returns a page of the metrics of the account.
pub(super) fn get_metrics(
    account: &Account,
    request: &KlaviyoRequest,
) -> Result<JsonResponse, Vec<Refusal>> {
    let query = Query::parse(request, &["filter", "include"])?;
    let mut names: Vec<&String> = account.metrics.iter().collect();
    if let Some(filter) = query.filter(&["integration.name", "integration.category"])?
        && !filter.values.iter().any(|value| value == INTEGRATION)
    {
        names.clear();
    }
    let body = query.collection(&names, PAGES, |name| resource(name))?;
    Ok(JsonResponse::new(200, body))
}

fn resource(name: &str) -> Value {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let id = format!("{:06X}", hasher.finish() & 0xff_ffff);
    let integration = json!({"object": "integration", "id": "0rG4eQ", "name": INTEGRATION,
        "category": INTEGRATION});
    let attributes =
        json!({"name": name, "created": null, "updated": null, "integration": integration});
    json!({"type": "metric", "id": id, "attributes": attributes})
}

#[cfg(test)]
mod tests {
    use super::super::testing::{get, post, profile, refusals};
    use super::*;

    fn event(metric: &str) -> Value {
        json!({"type": "event", "attributes": {"properties": {}, "unique_id": metric,
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}}}})
    }

    fn job(metrics: &[&str]) -> Value {
        let mut events = Vec::new();
        for metric in metrics {
            events.push(event(metric));
        }
        let item = json!({"type": "event-bulk-create", "attributes": {"events": {"data": events},
            "profile": {"data": profile(json!({"email": "s@klaviyo-demo.com"}))}}});
        json!({"data": {"type": "event-bulk-create-job",
            "attributes": {"events-bulk-create": {"data": [item]}}}})
    }

    #[test]
    fn an_account_has_a_limited_number_of_metrics() {
        let mut account = Account::default();
        account.switches.max_metrics = 2;
        let path = "/api/event-bulk-create-jobs";
        let answer = post(&mut account, path, job(&["A", "B", "C"]));
        let place = "/data/attributes/events-bulk-create/data/0/attributes/events/data/2\
                     /attributes/metric/data/attributes/name";
        assert_eq!(refusals(&answer), (400, vec![format!("invalid {place}")]));
        assert_eq!(account.metrics.len(), 0);
        assert_eq!(post(&mut account, path, job(&["A", "B"])).status, 202);
        assert_eq!(post(&mut account, path, job(&["A"])).status, 202);
        let mut single = event("C");
        single["attributes"]["profile"]["data"] = profile(json!({"email": "s@klaviyo-demo.com"}));
        let answer = post(&mut account, "/api/events", json!({"data": single}));
        let place = "invalid /data/attributes/metric/data/attributes/name";
        assert_eq!(refusals(&answer), (400, vec![place.to_owned()]));
        let answer = get(&mut account, "/api/metrics");
        let names: Vec<_> = answer.body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["attributes"]["name"].clone())
            .collect();
        assert_eq!(names, ["A", "B"]);
        assert_eq!(answer.body["links"]["next"], Value::Null);
        let answer = get(&mut account, "/api/metrics?page[size]=200");
        assert_eq!(answer.status, 400, "its pages have one size");
    }
}
