//! The bodies of requests, as Klaviyo's OpenAPI description has them (revision 2026-10-15):
//! <https://developers.klaviyo.com/en/reference/api_overview>

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::operation::{Event, Operation, Patch, Profile, Properties, Subscription};

/// `{"data": …}`, which JSON:API puts around everything.
#[derive(serde::Serialize)]
struct Data<T> {
    data: T,
}

/// A JSON:API resource without relationships.
#[derive(serde::Serialize)]
struct Resource<A> {
    r#type: &'static str,
    attributes: A,
}

fn data<A>(r#type: &'static str, attributes: A) -> Data<Resource<A>> {
    Data {
        data: Resource { r#type, attributes },
    }
}

impl Serialize for Operation<'_> {
    /// The body of the single call that does it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Operation::Import(profile) => Data {
                data: Import(profile),
            }
            .serialize(serializer),
            Operation::Record(event) => data("event", EventAttributes(event)).serialize(serializer),
            Operation::Subscribe(subscription) => Data {
                data: SubscribeJob(subscription),
            }
            .serialize(serializer),
        }
    }
}

/// <https://developers.klaviyo.com/en/reference/create_or_update_profile>
struct Import<'o>(&'o Profile<'o>);

impl Serialize for Import<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut resource = serializer.serialize_struct("profile", 3)?;
        resource.serialize_field("type", "profile")?;
        resource.serialize_field("attributes", &ProfileAttributes(self.0))?;
        if !self.0.patch.is_empty() {
            resource.serialize_field(
                "meta",
                &PatchProperties {
                    patch_properties: &self.0.patch,
                },
            )?;
        }
        resource.end()
    }
}

struct ProfileAttributes<'o>(&'o Profile<'o>);

impl Serialize for ProfileAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Profile {
            identity,
            phone_number,
            attributes,
            location,
            properties,
            patch: _,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if let Some(email) = &identity.email {
            map.serialize_entry("email", email)?;
        }
        if let Some(external_id) = &identity.external_id {
            map.serialize_entry("external_id", external_id)?;
        }
        if let Some(phone_number) = phone_number {
            map.serialize_entry("phone_number", phone_number)?;
        }
        for (name, value) in attributes.iter() {
            map.serialize_entry(name, value)?;
        }
        for (name, fields) in [("location", location), ("properties", properties)] {
            if !fields.is_empty() {
                map.serialize_entry(name, fields)?;
            }
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct PatchProperties<'o> {
    patch_properties: &'o Patch<'o>,
}

impl Serialize for Patch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, fields) in [("append", &self.append), ("unappend", &self.unappend)] {
            if !fields.is_empty() {
                map.serialize_entry(name, fields)?;
            }
        }
        if !self.unset.is_empty() {
            map.serialize_entry("unset", &self.unset)?;
        }
        map.end()
    }
}

/// <https://developers.klaviyo.com/en/reference/create_event>
struct EventAttributes<'o>(&'o Event<'o>);

impl Serialize for EventAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Metric<'o> {
            name: &'o str,
        }
        let event = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "metric",
            &data(
                "metric",
                Metric {
                    name: &event.metric,
                },
            ),
        )?;
        map.serialize_entry(
            "profile",
            &data("profile", ProfileAttributes(&event.profile)),
        )?;
        map.serialize_entry("unique_id", &event.unique_id)?;
        if let Some(time) = &event.time {
            map.serialize_entry("time", time)?;
        }
        if let Some(value) = event.value {
            map.serialize_entry("value", &value)?;
        }
        if let Some(currency) = &event.value_currency {
            map.serialize_entry("value_currency", currency)?;
        }
        map.serialize_entry("properties", &event.properties)?;
        map.end()
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Properties::Unchanged(raw) => raw.serialize(serializer),
            Properties::Merged(fields) => fields.serialize(serializer),
        }
    }
}

/// <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>
struct SubscribeJob<'o>(&'o Subscription<'o>);

impl Serialize for SubscribeJob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Attributes<'o> {
            custom_source: &'static str,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            historical_import: bool,
            profiles: Data<[Resource<Subscriber<'o>>; 1]>,
        }
        #[derive(serde::Serialize)]
        struct Relationships<'o> {
            list: Data<ListReference<'o>>,
        }
        #[derive(serde::Serialize)]
        struct ListReference<'o> {
            r#type: &'static str,
            id: &'o str,
        }
        let subscription = self.0;
        let subscriber = Resource {
            r#type: "profile",
            attributes: Subscriber(subscription),
        };
        let attributes = Attributes {
            custom_source: "Segment",
            historical_import: subscription.consented_at.is_some(),
            profiles: Data { data: [subscriber] },
        };
        let list = Data {
            data: ListReference {
                r#type: "list",
                id: &subscription.list_id,
            },
        };
        let mut resource = serializer.serialize_struct("job", 3)?;
        resource.serialize_field("type", "profile-subscription-bulk-create-job")?;
        resource.serialize_field("attributes", &attributes)?;
        resource.serialize_field("relationships", &Relationships { list })?;
        resource.end()
    }
}

struct Subscriber<'o>(&'o Subscription<'o>);

impl Serialize for Subscriber<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Subscriptions<'o> {
            #[serde(skip_serializing_if = "Option::is_none")]
            email: Option<Marketing<'o>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sms: Option<Marketing<'o>>,
        }
        #[derive(serde::Serialize, Clone, Copy)]
        struct Marketing<'o> {
            marketing: Consent<'o>,
        }
        #[derive(serde::Serialize, Clone, Copy)]
        struct Consent<'o> {
            consent: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            consented_at: Option<&'o str>,
        }
        let Subscription {
            email,
            phone_number,
            consented_at,
            ..
        } = self.0;
        let marketing = Marketing {
            marketing: Consent {
                consent: "SUBSCRIBED",
                consented_at: consented_at.as_deref(),
            },
        };
        let subscriptions = Subscriptions {
            email: email.as_ref().map(|_| marketing),
            sms: phone_number.as_ref().map(|_| marketing),
        };
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in [("email", email), ("phone_number", phone_number)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.serialize_entry("subscriptions", &subscriptions)?;
        map.end()
    }
}
