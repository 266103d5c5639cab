//! Events.

use std::collections::HashSet;

use serde_json::Value;

use super::{Account, No, Reply, accepted, all, array, expect_type, no, object, text};

/// An event as Klaviyo keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The name of its metric.
    pub metric: String,
    /// One event is kept for each of these, metric and profile.
    pub unique_id: String,
    /// The index of its profile.
    pub profile: usize,
    /// `value`, `null` when there is none.
    pub value: Value,
    /// Whether it fires no flows.
    pub backfill: bool,
    /// `properties`.
    pub properties: Value,
}

const PLACES: &str = "/data/attributes/events-bulk-create/data";

impl Account {
    pub(super) fn record(&mut self, body: &Value) -> Result<Reply, No> {
        let event = read(body, "/data")?;
        let person = "/data/attributes/profile/data/attributes";
        self.matching(body, person)?;
        self.keep(body, person, vec![event])
    }

    pub(super) fn record_job(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "event-bulk-create-job")?;
        let places = array(body, PLACES, 1_000)?.len();
        let mut keys = HashSet::new();
        let places = all((0..places).map(|place| {
            let place = format!("{PLACES}/{place}");
            expect_type(body, &place, "event-bulk-create")?;
            let person = format!("{place}/attributes/profile/data/attributes");
            self.matching(body, &person)?;
            let who = object(body, &person)?
                .get("email")
                .or(object(body, &person)?.get("external_id"));
            let events = format!("{place}/attributes/events/data");
            let count = array(body, &events, 1_000)?.len();
            let events = all((0..count).map(|event| {
                let pointer = format!("{events}/{event}");
                let event = read(body, &pointer)?;
                let is_new =
                    keys.insert((who.cloned(), event.metric.clone(), event.unique_id.clone()));
                if is_new {
                    Ok(event)
                } else {
                    Err(no(400, "duplicate", pointer))
                }
            }))?;
            Ok((person, events))
        }))?;
        if places.iter().map(|(_, events)| events.len()).sum::<usize>() > 1_000 {
            return Err(no(400, "invalid", PLACES));
        }
        for (person, events) in places {
            self.keep(body, &person, events)?;
        }
        accepted(202)
    }

    fn keep(&mut self, body: &Value, person: &str, events: Vec<Event>) -> Result<Reply, No> {
        let found = self.matching(body, person)?;
        let profile = self.update(found.first().copied(), object(body, person)?);
        for event in events {
            if self
                .seen
                .insert((profile, event.metric.clone(), event.unique_id.clone()))
            {
                self.events.push(Event { profile, ..event });
            }
        }
        accepted(202)
    }
}

fn read(body: &Value, pointer: &str) -> Result<Event, No> {
    expect_type(body, pointer, "event")?;
    let at = |name: &str| format!("{pointer}/attributes/{name}");
    let metric = text(body, &at("metric/data/attributes/name"))?;
    if metric.is_empty() || metric.chars().count() > 127 {
        return Err(no(400, "invalid", at("metric/data/attributes/name")));
    }
    Ok(Event {
        metric,
        unique_id: text(body, &at("unique_id"))?,
        profile: 0,
        value: body.pointer(&at("value")).cloned().unwrap_or_default(),
        backfill: body.pointer(&at("backfill")) == Some(&Value::Bool(true)),
        properties: object(body, &at("properties"))?.clone().into(),
    })
}
