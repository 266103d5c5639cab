//! The Klaviyo account: profiles, events, lists and consents.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::consent::LiftedRecord;
use super::import_jobs::ImportJob;
use super::mishap::Mishap;
use super::profile_schema::IDENTIFIERS;
use super::refusal::Refusal;
use super::standing::{Channel, Standing};
use super::switches::Switches;
use super::text_rules::parse_time;
use crate::json::{at, object, optional_text, text};

/// The domains of the profiles whose events Klaviyo acknowledges and drops.
const DROPPED_DOMAINS: [&str; 2] = ["example.com", "test.com"];

/// Numbers that are the same in each run.
#[derive(Debug)]
pub(super) struct Randomness(fastrand::Rng);

/// Profiles, events, lists and consents.
#[derive(Debug, Default)]
pub struct Account {
    /// The only API key that is accepted; [`API_KEY`](crate::API_KEY) when `None`.
    pub api_key: Option<String>,
    /// The attributes of each profile. Its index is its id.
    pub profiles: Vec<Map<String, Value>>,
    /// The events, each once. Klaviyo drops those of profiles of `example.com` and `test.com`.
    pub events: Vec<EventRecord>,
    /// The events that a fault has lost.
    pub lost_events: Vec<EventRecord>,
    /// The names of the metrics.
    pub metrics: BTreeSet<String>,
    /// What differs from account to account.
    pub switches: Switches,
    /// The opt-in process of each list that was created: `double_opt_in` or `single_opt_in`.
    /// Looking up another list is a 404. Work for it takes it as double opt-in, unless
    /// [`Switches::refuse_unknown_lists`] is set.
    pub opt_in: BTreeMap<String, &'static str>,
    /// The lists that do not exist, whatever the switches.
    pub missing_lists: BTreeSet<String>,
    /// The profiles on each list.
    pub lists: BTreeMap<String, BTreeSet<usize>>,
    /// The consents that were given and taken back, in the order of arrival.
    pub consents: Vec<ConsentRecord>,
    /// What each address has agreed to.
    pub standings: BTreeMap<(Channel, String), Standing>,
    /// The people who had left and were subscribed again, in the order of arrival.
    pub lifted: Vec<LiftedRecord>,
    /// The number of subscriptions that started the flow of their list.
    pub welcome_flows: usize,
    /// The bulk imports of profiles, in the order of arrival.
    pub import_jobs: Vec<ImportJob>,
    /// The requests to delete a profile: the name of an identifier and its value.
    pub deletions: Vec<(String, String)>,
    /// The mishap of the request that is being answered.
    pub(super) mishap: Mishap,
    pub(super) random: Randomness,
    profiles_by_identifier: HashMap<(&'static str, String), usize>,
    event_keys: HashSet<(usize, String, String)>,
}

/// An event as Klaviyo keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord {
    /// The name of its metric.
    pub metric: String,
    /// The id that is kept once for each profile and metric.
    pub unique_id: String,
    /// The index of its profile.
    pub profile: usize,
    /// The time, as it was sent.
    pub time: Option<String>,
    /// The value; `Null` when it has none.
    pub value: Value,
    /// The currency of the value.
    pub value_currency: Option<String>,
    /// Whether it starts no flows.
    pub backfill: bool,
    /// The properties.
    pub properties: Value,
}

/// A consent as Klaviyo recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// The index of its profile; `None` for a profile that Klaviyo does not know.
    pub profile: Option<usize>,
    /// The address of an email consent.
    pub email: Option<String>,
    /// The number of an SMS consent.
    pub phone_number: Option<String>,
    /// The list; empty when none was named.
    pub list_id: String,
    /// Whether it was given, not taken back.
    pub subscribed: bool,
    /// Whether the person is asked to confirm it.
    pub confirmation_sent: bool,
    /// The time at which it was given; `None` when it is given now.
    pub consented_at: Option<String>,
    /// Whether it started the flow of the list.
    pub welcome_flow: bool,
    /// Whether it was taken back for everything, although a list may have been named.
    pub everywhere: bool,
}

impl Account {
    /// Finds the profiles that a resource names, by its id or by its identifiers.
    pub(super) fn find(&self, profile: &Value, pointer: &str) -> Result<Vec<usize>, Refusal> {
        let mut found = Vec::new();
        if let Some(id) = at(profile, "/id").as_str() {
            found.push(self.find_id(id, pointer)?);
        }
        for name in IDENTIFIERS {
            if let Some(value) = at(profile, &format!("/attributes/{name}")).as_str()
                && let Some(index) = self.find_identifier(name, value)
                && !found.contains(&index)
            {
                found.push(index);
            }
        }
        Ok(found)
    }

    /// Finds a profile by its id.
    pub(super) fn find_id(&self, id: &str, pointer: &str) -> Result<usize, Refusal> {
        match id.parse() {
            Ok(index) if index < self.profiles.len() => Ok(index),
            _ => Err(Refusal::new(
                404,
                "not_found",
                "A profile with this id does not exist",
                format!("{pointer}/id"),
            )),
        }
    }

    /// Finds a profile by one of its identifiers.
    pub(super) fn find_identifier(&self, name: &'static str, value: &str) -> Option<usize> {
        let key = (name, normalized(name, value));
        let index = *self.profiles_by_identifier.get(&key)?;
        if self.is_former(index, &key) {
            return None;
        }
        Some(index)
    }

    /// Whether a profile has another value of this identifier by now. It keeps every anonymous id.
    fn is_former(&self, index: usize, (name, value): &(&'static str, String)) -> bool {
        let held = self.text(Some(index), name);
        let is_kept = matches!(*name, "anonymous_id" | "_kx");
        !is_kept && held.is_none_or(|held| normalized(name, &held) != *value)
    }

    /// Returns an attribute of a profile, if it is a text.
    pub(crate) fn text(&self, profile: Option<usize>, name: &str) -> Option<String> {
        let attributes = self.profiles.get(profile?)?;
        optional_text(attributes.get(name)?)
    }

    /// Returns a text that is the same for resources that name the same profile.
    pub(super) fn profile_key(&self, profile: &Value) -> String {
        if let Ok(found) = self.find(profile, "")
            && let Some(index) = found.first()
        {
            return index.to_string();
        }
        for name in IDENTIFIERS {
            if let Some(value) = at(profile, &format!("/attributes/{name}")).as_str() {
                return format!("{name} {}", normalized(name, value));
            }
        }
        String::new()
    }

    /// Creates or updates a profile and returns its index. Attributes that are not given stay, and
    /// `null` clears.
    pub(crate) fn upsert(
        &mut self,
        index: Option<usize>,
        attributes: &Map<String, Value>,
    ) -> usize {
        let index = index.unwrap_or(self.profiles.len());
        if index >= self.profiles.len() {
            self.profiles.push(Map::new());
        }
        if let Some(profile) = self.profiles.get_mut(index) {
            for (name, value) in attributes {
                match (profile.get_mut(name), value) {
                    (Some(Value::Object(members)), Value::Object(given)) => {
                        members.extend(given.clone());
                    }
                    (_, Value::Null) if name == "properties" => {}
                    _ => {
                        profile.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        for name in IDENTIFIERS {
            if let Some(value) = attributes.get(name).and_then(Value::as_str) {
                let key = (name, normalized(name, value));
                if self.find_identifier(name, value).is_none() {
                    self.profiles_by_identifier.insert(key, index);
                }
            }
        }
        index
    }

    /// Keeps an event, unless its profile has one of the same metric and id.
    pub(super) fn record(&mut self, event: EventRecord) {
        let email = self.text(Some(event.profile), "email").unwrap_or_default();
        let (_, domain) = email.rsplit_once('@').unwrap_or_default();
        if DROPPED_DOMAINS.contains(&domain) {
            return;
        }
        if self.event_keys.insert(event.key()) {
            self.metrics.insert(event.metric.clone());
            self.events.push(event);
        }
    }

    /// Loses some of the events after the first `kept`, as if they had never arrived.
    pub(super) fn lose_events(&mut self, kept: usize) {
        for _ in 0..self.mishap.lose_events {
            if self.events.len() <= kept {
                return;
            }
            let index = self.random.0.usize(kept..self.events.len());
            let event = self.events.remove(index);
            self.event_keys.remove(&event.key());
            self.lost_events.push(event);
        }
    }

    /// Whether a profile is on a list.
    pub fn is_on(&self, list_id: &str, profile: Option<usize>) -> bool {
        match (self.lists.get(list_id), profile) {
            (Some(members), Some(profile)) => members.contains(&profile),
            _ => false,
        }
    }

    /// Whether a subscription to a list, or to none, has to be confirmed.
    pub(super) fn is_double_opt_in(&self, list_id: &str) -> bool {
        if list_id.is_empty() {
            !self.switches.single_opt_in_account
        } else {
            self.opt_in.get(list_id) != Some(&"single_opt_in")
        }
    }

    /// Puts a profile on a list. Returns whether it was not there before.
    pub(super) fn join(&mut self, list_id: &str, profile: usize) -> bool {
        if list_id.is_empty() {
            return false;
        }
        let members = self.lists.entry(list_id.to_owned()).or_default();
        members.insert(profile)
    }

    /// Takes a profile off a list.
    pub(super) fn leave(&mut self, list_id: &str, profile: usize) {
        if let Some(members) = self.lists.get_mut(list_id) {
            members.remove(&profile);
        }
    }
}

/// Returns an identifier as Klaviyo compares it: email addresses without regard to case.
pub(super) fn normalized(name: &str, value: &str) -> String {
    if name == "email" {
        value.to_lowercase()
    } else {
        value.to_owned()
    }
}

impl Default for Randomness {
    fn default() -> Self {
        Randomness(fastrand::Rng::with_seed(0))
    }
}

impl Randomness {
    /// Returns `count` of the numbers below `limit`, or all of them.
    pub(super) fn choose(&mut self, count: usize, limit: usize) -> Vec<usize> {
        self.0.choose_multiple(0..limit, count)
    }
}

impl EventRecord {
    /// Returns what Klaviyo keeps once.
    fn key(&self) -> (usize, String, String) {
        (self.profile, self.metric.clone(), self.unique_id.clone())
    }

    /// Creates the record of an event from its attributes.
    pub(super) fn new(attributes: &Value, profile: usize, is_backfill: bool) -> Self {
        let time = optional_text(at(attributes, "/time"));
        let unique_id = match optional_text(at(attributes, "/unique_id")) {
            Some(unique_id) => unique_id,
            // "If this is not present, this will use the time to the second."
            None => {
                let time = time.as_deref().and_then(parse_time);
                let time = time.unwrap_or_else(OffsetDateTime::now_utc);
                time.unix_timestamp().to_string()
            }
        };
        EventRecord {
            metric: text(at(attributes, "/metric/data/attributes/name")),
            unique_id,
            profile,
            time,
            value: at(attributes, "/value").clone(),
            value_currency: optional_text(at(attributes, "/value_currency")),
            backfill: is_backfill || at(attributes, "/backfill") == true,
            properties: Value::Object(object(at(attributes, "/properties")).clone()),
        }
    }
}
