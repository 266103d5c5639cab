//! Events: <https://developers.klaviyo.com/en/reference/create_event>,
//! <https://developers.klaviyo.com/en/reference/bulk_create_events>

use std::collections::HashSet;

use serde_json::Value;

use super::account::{Account, EventRecord};
use super::event_properties::within_limits;
use super::event_values::EventCheck;
use super::phones::without_impossible_phone;
use super::profile_schema::EVENT_PROFILE;
use super::profile_values::check_values;
use super::refusal::{Refusal, into_result};
use super::schema::{Schema, nullable, required};
use super::text_rules::{any, event_time, id, metric_name};
use crate::json::{array, at, object};
use crate::response::JsonResponse;

/// The most events of a job.
const MAX_EVENTS: usize = 1_000;

/// The JSON pointer to the items of a job.
const ITEMS: &str = "/data/attributes/events-bulk-create/data";

const METRIC: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required("type", Schema::Constant("metric")),
        required(
            "attributes",
            Schema::Object(&[
                required("name", Schema::Text(metric_name)),
                nullable("service", Schema::Text(any)),
            ]),
        ),
    ]),
)]);

const PROFILE: Schema = Schema::Object(&[required("data", EVENT_PROFILE)]);

/// The body that creates one event.
pub(super) const EVENT_BODY: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required("type", Schema::Constant("event")),
        required(
            "attributes",
            Schema::Object(&[
                required("properties", Schema::OpenObject(within_limits)),
                nullable("time", Schema::Text(event_time)),
                nullable("value", Schema::Number),
                nullable("value_currency", Schema::Text(any)),
                nullable("unique_id", Schema::Text(id)),
                nullable("backfill", Schema::Boolean),
                required("metric", METRIC),
                required("profile", PROFILE),
            ]),
        ),
    ]),
)]);

/// An event of a job, in which the profile is beside the events.
const JOB_EVENT: Schema = Schema::Object(&[
    required("type", Schema::Constant("event")),
    required(
        "attributes",
        Schema::Object(&[
            required("properties", Schema::OpenObject(within_limits)),
            nullable("time", Schema::Text(event_time)),
            nullable("value", Schema::Number),
            nullable("value_currency", Schema::Text(any)),
            nullable("unique_id", Schema::Text(id)),
            nullable("backfill", Schema::Boolean),
            required("metric", METRIC),
        ]),
    ),
]);

const JOB_ITEM: Schema = Schema::Object(&[
    required("type", Schema::Constant("event-bulk-create")),
    required(
        "attributes",
        Schema::Object(&[
            nullable("backfill", Schema::Boolean),
            required("profile", PROFILE),
            required(
                "events",
                Schema::Object(&[required("data", Schema::Array(&JOB_EVENT, 1, MAX_EVENTS))]),
            ),
        ]),
    ),
]);

/// The body that creates events of one or more profiles.
pub(super) const JOB_BODY: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required("type", Schema::Constant("event-bulk-create-job")),
        required(
            "attributes",
            Schema::Object(&[required(
                "events-bulk-create",
                Schema::Object(&[required("data", Schema::Array(&JOB_ITEM, 1, MAX_EVENTS))]),
            )]),
        ),
    ]),
)]);

/// Records one event.
pub(super) fn create_event(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let pointer = "/data/attributes/profile/data";
    let event = at(body, "/data/attributes");
    let mut profile = at(body, pointer).clone();
    let left_out = without_impossible_phone(account, &mut profile, pointer)?;
    let mut refusals = Vec::new();
    EventCheck::new(account).check(at(body, "/data"), "/data", &mut refusals);
    check_values(&account.switches, &profile, pointer, &mut refusals);
    into_result(refusals)?;
    let found = account.find(&profile, pointer)?;
    let index = keep_profile(account, &profile, &found);
    account.record(EventRecord::new(event, index, false));
    Ok(JsonResponse::empty(202).with_partial_failure(left_out))
}

/// Records the events of a job: all of them, or none.
pub(super) fn create_events(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let items = array(at(body, "/data/attributes/events-bulk-create/data"));
    let mut refusals = Vec::new();
    let mut keys = HashSet::new();
    let mut count = 0;
    let mut left_out = None;
    let mut profiles = Vec::new();
    let mut event_check = EventCheck::new(account);
    for (index, item) in items.iter().enumerate() {
        let mut profile = at(item, "/attributes/profile/data").clone();
        let pointer = format!("{ITEMS}/{index}/attributes");
        let place = format!("{pointer}/profile/data");
        let checked = without_impossible_phone(account, &mut profile, &place);
        match checked.and_then(|field| account.find(&profile, &place).map(|_| field)) {
            Ok(field) => left_out = left_out.or(field),
            Err(refusal) => {
                refusals.push(refusal);
                continue;
            }
        }
        check_values(&account.switches, &profile, &place, &mut refusals);
        let profile_key = account.profile_key(&profile);
        profiles.push(profile);
        for (event_index, event) in events_of(item).iter().enumerate() {
            count += 1;
            let place = format!("{pointer}/events/data/{event_index}");
            event_check.check(event, &place, &mut refusals);
            let event = EventRecord::new(at(event, "/attributes"), 0, false);
            // "If a unique_id is repeated for the same profile and metric, the request will fail
            // and no events will be processed."
            if !keys.insert((profile_key.clone(), event.metric, event.unique_id)) {
                refusals.push(Refusal::new(
                    400,
                    "duplicate",
                    "The unique_id is repeated for the same profile and metric",
                    place,
                ));
            }
        }
    }
    if count > MAX_EVENTS {
        refusals.push(Refusal::invalid("More than 1,000 events", ITEMS));
    }
    into_result(refusals)?;
    for (item, profile) in items.iter().zip(profiles) {
        let found = account.find(&profile, ITEMS)?;
        let profile = keep_profile(account, &profile, &found);
        let is_backfill = at(item, "/attributes/backfill") == true;
        for event in events_of(item) {
            account.record(EventRecord::new(
                at(event, "/attributes"),
                profile,
                is_backfill,
            ));
        }
    }
    Ok(JsonResponse::empty(202).with_partial_failure(left_out))
}

/// Creates or updates the profile of an event and returns its index.
fn keep_profile(account: &mut Account, profile: &Value, found: &[usize]) -> usize {
    let index = account.upsert(found.first().copied(), object(at(profile, "/attributes")));
    account.patch(index, at(profile, "/meta"));
    index
}

fn events_of(item: &Value) -> &[Value] {
    array(at(item, "/attributes/events/data"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{post, profile, refusals};
    use super::*;

    fn event_attributes(metric: &str, unique_id: &str) -> Value {
        json!({"metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "unique_id": unique_id, "properties": {}})
    }

    /// Returns the item of an event job.
    fn job_item(email: &str, unique_ids: &[&str]) -> Value {
        let mut events = Vec::new();
        for unique_id in unique_ids {
            events
                .push(json!({"type": "event", "attributes": event_attributes("Seen", unique_id)}));
        }
        json!({"type": "event-bulk-create", "attributes":
        {"profile": {"data": profile(json!({"email": email}))}, "events": {"data": events}}})
    }

    fn event_job(items: Vec<Value>) -> Value {
        json!({"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": items}}}})
    }

    #[test]
    fn an_event_is_kept_once_with_its_profile() {
        let mut account = Account::default();
        let mut attributes = event_attributes("Seen", "m1");
        attributes["profile"]["data"] = profile(json!({"email": "Sarah@klaviyo-demo.com"}));
        attributes["time"] = json!("2020-11-20T10:00:00Z");
        attributes["value"] = json!(9.95);
        attributes["value_currency"] = json!("USD");
        let event = json!({"data": {"type": "event", "attributes": attributes}});
        for _ in 0..2 {
            assert_eq!(post(&mut account, "/api/events", event.clone()).status, 202);
        }
        assert_eq!((account.events.len(), account.profiles.len()), (1, 1));
        let job = event_job(vec![job_item("sarah@klaviyo-demo.com", &["m1", "m2"])]);
        assert_eq!(
            post(&mut account, "/api/event-bulk-create-jobs", job).status,
            202
        );
        assert_eq!((account.events.len(), account.profiles.len()), (2, 1));
    }

    #[test]
    fn an_event_without_an_id_is_kept_once_a_second() {
        let mut account = Account::default();
        for (time, count) in [("10:00:00Z", 1), ("10:00:00.5Z", 1), ("10:00:01Z", 2)] {
            let mut attributes = event_attributes("Seen", "");
            attributes["unique_id"] = Value::Null;
            attributes["time"] = format!("2020-11-20T{time}").into();
            attributes["profile"]["data"] = profile(json!({"external_id": "usr_1"}));
            let event = json!({"data": {"type": "event", "attributes": attributes}});
            assert_eq!(post(&mut account, "/api/events", event).status, 202);
            assert_eq!(account.events.len(), count, "{time}");
        }
    }

    #[test]
    fn an_event_job_is_refused_whole_with_every_bad_item() {
        let mut account = Account::default();
        let mut second = job_item("li@klaviyo-demo.com", &["m1"]);
        second["attributes"]["events"]["data"][0]["attributes"]["time"] = json!("yesterday");
        let third = job_item("nobody", &["m1"]);
        let job = event_job(vec![
            job_item("sarah@klaviyo-demo.com", &["m1"]),
            second,
            third,
        ]);
        let items = "/data/attributes/events-bulk-create/data";
        let expected = vec![
            format!("invalid {items}/1/attributes/events/data/0/attributes/time"),
            format!("invalid {items}/2/attributes/profile/data/attributes/email"),
        ];
        let path = "/api/event-bulk-create-jobs";
        assert_eq!(refusals(&post(&mut account, path, job)), (400, expected));

        let twice = [
            job_item("sarah@klaviyo-demo.com", &["m1", "m2"]),
            job_item("SARAH@klaviyo-demo.com", &["m2"]),
        ];
        let expected = vec![format!("duplicate {items}/1/attributes/events/data/0")];
        let answer = post(&mut account, path, event_job(twice.to_vec()));
        assert_eq!(refusals(&answer), (400, expected));
        assert_eq!((account.events.len(), account.profiles.len()), (0, 0));
    }

    #[test]
    fn an_event_job_has_at_most_1000_events() {
        let mut account = Account::default();
        let ids: Vec<String> = (0..501).map(|n| n.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let items = |counts: [usize; 2]| {
            let mut items = Vec::new();
            for (index, count) in counts.into_iter().enumerate() {
                let email = format!("p{index}@klaviyo-demo.com");
                items.push(job_item(&email, ids.get(..count).unwrap()));
            }
            event_job(items)
        };
        let path = "/api/event-bulk-create-jobs";
        assert_eq!(post(&mut account, path, items([501, 500])).status, 400);
        assert_eq!(post(&mut account, path, items([501, 499])).status, 202);
        assert_eq!(post(&mut account, path, event_job(Vec::new())).status, 400);
    }
}
