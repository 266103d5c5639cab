//! Events: <https://developers.klaviyo.com/en/reference/create_event>,
//! <https://developers.klaviyo.com/en/reference/bulk_create_events>

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{ProfileAttributes, resource};
use crate::json::Json;
use crate::klaviyo::event::{Event, Properties};

/// The attributes of a single event, including its profile.
pub(in crate::klaviyo) struct SingleEvent<'o>(pub(in crate::klaviyo) &'o Event<'o>);

impl Serialize for SingleEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SingleEvent(event) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "profile",
            &resource("profile", ProfileAttributes(&event.profile)),
        )?;
        serialize_attributes(event, &mut map)?;
        map.end()
    }
}

/// The attributes of an event in a job, where the profile surrounds its events.
pub(in crate::klaviyo) struct BulkEvent<'o>(pub(in crate::klaviyo) &'o Event<'o>);

impl Serialize for BulkEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_attributes(self.0, &mut map)?;
        map.end()
    }
}

fn serialize_attributes<M: SerializeMap>(event: &Event, map: &mut M) -> Result<(), M::Error> {
    #[derive(serde::Serialize)]
    struct MetricAttributes<'o> {
        name: &'o str,
    }
    let metric = MetricAttributes {
        name: event.metric.as_str(),
    };
    map.serialize_entry("metric", &resource("metric", metric))?;
    map.serialize_entry("unique_id", &event.unique_id)?;
    if let Some(time) = &event.time {
        map.serialize_entry("time", time)?;
    }
    if let Some(value) = event.value {
        map.serialize_entry("value", &Json::Number(value))?;
    }
    if let Some(currency) = &event.value_currency {
        map.serialize_entry("value_currency", currency)?;
    }
    if event.backfill {
        map.serialize_entry("backfill", &true)?;
    }
    match &event.properties {
        Properties::Raw(raw) => map.serialize_entry("properties", raw),
        Properties::Built(object) => map.serialize_entry("properties", object),
        Properties::Shared(properties) => map.serialize_entry("properties", properties),
    }
}
