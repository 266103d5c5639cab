//! Events: <https://developers.klaviyo.com/en/reference/create_event>,
//! <https://developers.klaviyo.com/en/reference/bulk_create_events>

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::super::operation::{Event, Properties};
use super::{EventProfile, data};
use crate::segment::json::Json;

/// The attributes of an event that is sent alone, its profile among them.
pub(in super::super) struct SingleEvent<'o>(pub(in super::super) &'o Event<'o>);

impl Serialize for SingleEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("profile", &data("profile", EventProfile(&self.0.profile)))?;
        attributes(self.0, &mut map)?;
        map.end()
    }
}

/// The attributes of an event in a job, where the profile stands around its events.
pub(in super::super) struct BulkEvent<'o>(pub(in super::super) &'o Event<'o>);

impl Serialize for BulkEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        attributes(self.0, &mut map)?;
        map.end()
    }
}

fn attributes<M: SerializeMap>(event: &Event, map: &mut M) -> Result<(), M::Error> {
    #[derive(serde::Serialize)]
    struct Metric<'o> {
        name: &'o str,
    }
    map.serialize_entry(
        "metric",
        &data(
            "metric",
            Metric {
                name: &event.metric,
            },
        ),
    )?;
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
        Properties::Unchanged(raw) => map.serialize_entry("properties", raw),
        Properties::Merged(fields) => map.serialize_entry("properties", fields),
    }
}
