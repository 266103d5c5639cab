//! Events of a profile.

use std::sync::Arc;

use serde::ser::{Serialize, Serializer};

use super::attribute::Attribute;
use super::profile::Profile;
use crate::domain::{Currency, MetricName, Timestamp, UniqueId};
use crate::json::{self, JsonObject, Raw, RawObject};

/// An event of one profile: <https://developers.klaviyo.com/en/reference/create_event>
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The name of the metric.
    pub metric: MetricName<'a>,
    /// The person, whom all events of an order share.
    pub profile: Arc<Profile<'a>>,
    /// The properties that flows and templates read.
    pub properties: Properties<'a>,
    /// The moment of the event. Without it, Klaviyo takes the time of the request.
    pub time: Option<Timestamp>,
    /// An amount of money, in `value_currency`.
    pub value: Option<f64>,
    /// The currency of `value`. Without it, Klaviyo takes the account's own.
    pub value_currency: Option<Currency>,
    /// The id by which Klaviyo tells a resent event from a new one.
    pub unique_id: UniqueId,
    /// Whether the event is recorded without starting flows.
    pub backfill: bool,
}

/// The properties of an event.
#[derive(Debug, Clone)]
pub enum Properties<'a> {
    /// The message's own bytes.
    Raw(Raw<'a>),
    /// An object that a rule built.
    Built(JsonObject<'a>),
    /// An object that a rule built for one event, and what it shares with others.
    Shared(SharedProperties<'a>),
}

/// Properties of one event of many, such as a line of an order. Thousands of lines may repeat the
/// properties of their order, so they are copied only when the event is written.
#[derive(Debug, Clone)]
pub struct SharedProperties<'a> {
    /// The event's own properties.
    pub own: JsonObject<'a>,
    /// The properties that all of the events have whose own properties lack the key.
    pub shared: Arc<JsonObject<'a>>,
    /// The most keys of an event. Those that are shared give way.
    pub max_keys: usize,
}

impl<'a> Event<'a> {
    /// Drops an attribute that Klaviyo refuses, and returns whether it was there.
    pub(super) fn drop_attribute(&mut self, attribute: &Attribute) -> bool {
        match attribute {
            Attribute::Time => self.time.take().is_some(),
            Attribute::Value => self.value.take().is_some(),
            Attribute::ValueCurrency => self.value_currency.take().is_some(),
            Attribute::Property(name) => {
                self.properties.remove(name) || self.drop_of_profile(attribute)
            }
            Attribute::PhoneNumber
            | Attribute::ExternalId
            | Attribute::Field(_)
            | Attribute::Place(_) => self.drop_of_profile(attribute),
        }
    }

    fn drop_of_profile(&mut self, attribute: &Attribute) -> bool {
        Arc::make_mut(&mut self.profile).drop_attribute(attribute)
    }

    /// Returns about how many bytes the event takes in memory until it is sent, its JSON included.
    pub(super) fn weight(&self) -> usize {
        match &self.properties {
            Properties::Raw(raw) => self.profile.weight() + json::weight(*raw),
            Properties::Built(object) => self.profile.weight() + object.weight(),
            // The profile is shared too.
            Properties::Shared(SharedProperties { own, shared, .. }) => {
                own.weight() + json::written_weight(shared.bytes())
            }
        }
    }
}

impl Properties<'_> {
    fn remove(&mut self, name: &str) -> bool {
        if let Properties::Raw(raw) = self {
            let Some(object) = RawObject::parse(*raw) else {
                return false;
            };
            *self = Properties::Built(JsonObject::from_raw(&object, object.len(), 0));
        }
        if let Properties::Shared(properties) = self {
            let mut object = properties.own.clone();
            object.add_missing(&properties.shared, properties.max_keys);
            *self = Properties::Built(object);
        }
        match self {
            Properties::Built(object) => object.remove(name),
            Properties::Raw(_) | Properties::Shared(_) => false,
        }
    }
}

impl Serialize for SharedProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let room = self.max_keys.saturating_sub(self.own.len());
        let missing = self
            .shared
            .iter()
            .filter(|(key, _)| !self.own.contains_key(key));
        let members = self.own.iter().chain(missing.take(room));
        serializer.collect_map(members.map(|(key, value)| (key, value)))
    }
}
