//! What a Klaviyo account holds, and its answers, after <https://developers.klaviyo.com/en/reference/api_overview>.

use std::collections::HashSet;

use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::{API_KEY, Reply};
use crate::klaviyo::REVISION;

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
    /// `properties`.
    pub properties: Value,
}

/// A consent as Klaviyo recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The address it is for.
    pub email: Option<String>,
    /// The number it is for.
    pub phone_number: Option<String>,
    /// The list it was given for.
    pub list_id: String,
    /// `None`: Klaviyo asked for confirmation.
    pub consented_at: Option<String>,
}

/// Profiles, events and consents.
#[derive(Debug, Default)]
pub struct Account {
    /// The only key that is let in; the stand-in's own when `None`.
    pub api_key: Option<String>,
    /// Attributes of each profile.
    pub profiles: Vec<Map<String, Value>>,
    /// Events, each once.
    pub events: Vec<Event>,
    /// Consents in the order in which they were asked for.
    pub consents: Vec<Consent>,
}

/// A request that Klaviyo does not accept: status, code, pointer.
type No = (u16, &'static str, String);

impl Account {
    /// Klaviyo's answer to one request.
    pub(super) fn answer(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Value,
    ) -> Reply {
        self.perform(method, path, headers, body).unwrap_or_else(|(status, code, pointer)| {
            (status, json!({"errors": [{"status": status, "code": code, "source": {"pointer": pointer}}]}))
        })
    }

    fn perform(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Value,
    ) -> Result<Reply, No> {
        let header = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let key = self.api_key.as_deref().unwrap_or(API_KEY);
        if header("authorization") != format!("Klaviyo-API-Key {key}") {
            return Err((401, "authentication_failed", "/data".into()));
        }
        if header("revision") != REVISION {
            return Err((400, "invalid_revision", "/data".into()));
        }
        if header("content-type") != "application/vnd.api+json" {
            return Err((415, "unsupported_media_type", "/data".into()));
        }
        match (method.as_str(), path) {
            ("POST", "/api/profile-import") => self.import(body),
            ("POST", "/api/events") => self.record(body),
            ("POST", "/api/profile-subscription-bulk-create-jobs") => self.subscribe(body),
            _ => Err((404, "not_found", path.into())),
        }
    }

    fn import(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "profile")?;
        let found = self.matching(body, "/data/attributes")?;
        if found.len() > 1 {
            return Err((409, "duplicate_profile", "/data".into()));
        }
        let status = if found.is_empty() { 201 } else { 200 };
        let profile = self.update(found.first().copied(), object(body, "/data/attributes")?);
        Ok((
            status,
            json!({"data": {"type": "profile", "id": profile.to_string()}}),
        ))
    }

    fn record(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "event")?;
        let metric = text(body, "/data/attributes/metric/data/attributes/name")?;
        if metric.is_empty() || metric.chars().count() > 127 {
            return Err((
                400,
                "invalid",
                "/data/attributes/metric/data/attributes/name".into(),
            ));
        }
        let unique_id = text(body, "/data/attributes/unique_id")?;
        let properties = object(body, "/data/attributes/properties")?.clone();
        let person = "/data/attributes/profile/data/attributes";
        let found = self.matching(body, person)?;
        let profile = self.update(found.first().copied(), object(body, person)?);
        let value = body
            .pointer("/data/attributes/value")
            .cloned()
            .unwrap_or_default();
        let event = Event {
            metric,
            unique_id,
            profile,
            value,
            properties: properties.into(),
        };
        let known: HashSet<_> = self
            .events
            .iter()
            .map(|e| (e.profile, &e.metric, &e.unique_id))
            .collect();
        if !known.contains(&(profile, &event.metric, &event.unique_id)) {
            self.events.push(event);
        }
        Ok((202, Value::Null))
    }

    fn subscribe(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "profile-subscription-bulk-create-job")?;
        let list_id = text(body, "/data/relationships/list/data/id")?;
        let historical =
            body.pointer("/data/attributes/historical_import") == Some(&Value::Bool(true));
        let profiles = body
            .pointer("/data/attributes/profiles/data")
            .and_then(Value::as_array);
        let mut consents = Vec::new();
        for (index, profile) in profiles.into_iter().flatten().enumerate() {
            let pointer = format!("/data/attributes/profiles/data/{index}/attributes");
            let attribute = |name: &str| {
                profile
                    .pointer(&format!("/attributes/{name}"))
                    .and_then(Value::as_str)
            };
            let channel = |name: &str| {
                profile
                    .pointer(&format!(
                        "/attributes/subscriptions/{name}/marketing/consented_at"
                    ))
                    .cloned()
                    .or_else(|| {
                        profile
                            .pointer(&format!("/attributes/subscriptions/{name}"))
                            .map(|_| Value::Null)
                    })
            };
            for (channel, identifier) in [
                (channel("email"), "email"),
                (channel("sms"), "phone_number"),
            ] {
                let Some(consented_at) = channel else {
                    continue;
                };
                if attribute(identifier).is_none() || consented_at.is_null() == historical {
                    return Err((400, "invalid", format!("{pointer}/{identifier}")));
                }
                let for_channel = |name| {
                    attribute(name)
                        .filter(|_| name == identifier)
                        .map(str::to_owned)
                };
                consents.push(Consent {
                    email: for_channel("email"),
                    phone_number: for_channel("phone_number"),
                    list_id: list_id.clone(),
                    consented_at: consented_at.as_str().map(str::to_owned),
                });
            }
        }
        if consents.is_empty() {
            return Err((400, "invalid", "/data/attributes/profiles/data".into()));
        }
        self.consents.extend(consents);
        Ok((202, Value::Null))
    }

    /// The profiles that the identifiers at `pointer` name.
    fn matching(&self, body: &Value, pointer: &str) -> Result<Vec<usize>, No> {
        let given = object(body, pointer)?;
        let identifiers = ["email", "external_id", "phone_number"];
        let given: Vec<_> = identifiers
            .iter()
            .filter_map(|name| Some((*name, given.get(*name).filter(|value| value.is_string())?)))
            .collect();
        if given.is_empty() {
            return Err((400, "invalid", pointer.to_owned()));
        }
        let has_any = |profile: &Map<String, Value>| {
            given
                .iter()
                .any(|(name, value)| profile.get(*name) == Some(value))
        };
        Ok((0..)
            .zip(&self.profiles)
            .filter(|(_, profile)| has_any(profile))
            .map(|(index, _)| index)
            .collect())
    }

    /// Creates or updates a profile: what is not given stays, `null` clears. Its index.
    fn update(&mut self, index: Option<usize>, attributes: &Map<String, Value>) -> usize {
        let index = index.unwrap_or_else(|| {
            self.profiles.push(Map::new());
            self.profiles.len() - 1
        });
        if let Some(profile) = self.profiles.get_mut(index) {
            for (name, value) in attributes {
                match (profile.get_mut(name), value) {
                    (Some(Value::Object(held)), Value::Object(given)) => held.extend(given.clone()),
                    _ => {
                        profile.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        index
    }
}

fn expect_type(body: &Value, pointer: &str, expected: &str) -> Result<(), No> {
    let pointer = format!("{pointer}/type");
    if body.pointer(&pointer).and_then(Value::as_str) == Some(expected) {
        Ok(())
    } else {
        Err((400, "invalid", pointer))
    }
}

fn text(body: &Value, pointer: &str) -> Result<String, No> {
    let text = body.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| (400, "required", pointer.to_owned()))
}

fn object<'v>(body: &'v Value, pointer: &str) -> Result<&'v Map<String, Value>, No> {
    body.pointer(pointer)
        .and_then(Value::as_object)
        .ok_or_else(|| (400, "required", pointer.to_owned()))
}
