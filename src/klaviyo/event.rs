//! Events of a profile.

use serde_json::value::RawValue;

use super::attribute::Attribute;
use super::profile::Profile;
use crate::domain::{Currency, MetricName, Timestamp, UniqueId};
use crate::json::{JsonObject, RawObject};

/// An event of one profile: <https://developers.klaviyo.com/en/reference/create_event>
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The name of the metric.
    pub metric: MetricName<'a>,
    /// The person.
    pub profile: Profile<'a>,
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
    Raw(&'a RawValue),
    /// An object that a rule built.
    Built(JsonObject<'a>),
}

impl<'a> Event<'a> {
    /// Drops an attribute that Klaviyo refuses, and returns whether it was there.
    pub(super) fn drop_attribute(&mut self, attribute: &Attribute) -> bool {
        match attribute {
            Attribute::Time => self.time.take().is_some(),
            Attribute::Value => self.value.take().is_some(),
            Attribute::ValueCurrency => self.value_currency.take().is_some(),
            Attribute::Property(name) => {
                self.properties.remove(name) || self.profile.drop_attribute(attribute)
            }
            Attribute::PhoneNumber
            | Attribute::ExternalId
            | Attribute::Field(_)
            | Attribute::Place(_) => self.profile.drop_attribute(attribute),
        }
    }
}

impl Properties<'_> {
    fn remove(&mut self, name: &str) -> bool {
        if let Properties::Raw(raw) = self {
            let Some(object) = RawObject::parse(raw) else {
                return false;
            };
            *self = Properties::Built(JsonObject::from_raw(&object, object.len(), 0));
        }
        match self {
            Properties::Built(object) => object.remove(name),
            Properties::Raw(_) => false,
        }
    }
}
