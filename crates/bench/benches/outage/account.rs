//! What became of each message, by what Klaviyo holds.

use std::collections::HashMap;
use std::ops::Range;

use segment_klaviyo_stand_in::StandInState;
use serde_json::Value;

use super::traffic::{is_identify, number_of_email, number_of_event};

/// The path of subscriptions.
const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

/// The attributes of a profile that are kept. The others only take memory.
const KEPT_ATTRIBUTES: [&str; 2] = ["email", "first_name"];

/// How far a message is.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// The seconds at which Segment sent it first.
    pub sent_at: f64,
    /// The seconds at which Klaviyo had all of it.
    pub delivered_at: Option<f64>,
    /// The times that its person was asked to confirm.
    asked: u8,
    /// Whether Klaviyo did not answer a request for its subscription. It is asked again after half
    /// an hour.
    pub is_unanswered: bool,
}

/// Counts of requests to Klaviyo.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestCounts {
    pub all: usize,
    pub throttled: usize,
    pub failed: usize,
}

/// Every message.
pub struct Messages {
    identify_percent: usize,
    pub all: Vec<Message>,
    /// The latencies of what was delivered since they were last taken.
    pub latencies: Vec<f64>,
    pub requests: RequestCounts,
    pub requests_by_path: HashMap<String, RequestCounts>,
    pub doubled: usize,
    /// People who were asked again although nothing was lost, and after a lost answer.
    pub asked_twice: usize,
    pub asked_again: usize,
    events_seen: usize,
    consents_seen: usize,
    profiles_seen: usize,
}

impl Messages {
    /// Starts without a message.
    pub fn new(identify_percent: usize) -> Self {
        Messages {
            identify_percent,
            all: Vec::new(),
            latencies: Vec::new(),
            requests: RequestCounts::default(),
            requests_by_path: HashMap::new(),
            doubled: 0,
            asked_twice: 0,
            asked_again: 0,
            events_seen: 0,
            consents_seen: 0,
            profiles_seen: 0,
        }
    }

    /// Notes that Segment sends these messages for the first time.
    pub fn send(&mut self, numbers: Range<usize>, now: f64) {
        assert_eq!(self.all.len(), numbers.start);
        let message = Message {
            sent_at: now,
            delivered_at: None,
            asked: 0,
            is_unanswered: false,
        };
        self.all.resize(numbers.end, message);
    }

    /// Reads what is new in Klaviyo, and forgets what is no longer needed.
    pub fn observe(&mut self, state: &mut StandInState, now: f64) {
        for request in std::mem::take(&mut state.requests) {
            let path = request.path.split(['?']).next().unwrap_or_default();
            let by_path = self.requests_by_path.entry(path.to_owned()).or_default();
            for counts in [by_path, &mut self.requests] {
                counts.all += 1;
                counts.throttled += usize::from(request.status == 429);
                counts.failed += usize::from(request.status == 0 || request.status >= 500);
            }
            if path == SUBSCRIBE && (request.status == 0 || request.status >= 500) {
                self.note_unanswered(&request.body);
            }
        }
        for event in &mut state.account.events[self.events_seen..] {
            event.properties = Value::Null;
            let number = number_of_event(&event.unique_id).unwrap();
            if self.all[number].delivered_at.is_some() {
                self.doubled += 1;
            }
            self.deliver(number, now);
        }
        self.events_seen = state.account.events.len();
        for consent in &state.account.consents[self.consents_seen..] {
            let email = consent.email.as_deref().unwrap_or_default();
            let number = number_of_email(email).unwrap();
            let message = &mut self.all[number];
            message.asked += 1;
            if message.asked > 1 && message.is_unanswered {
                self.asked_again += 1;
            } else if message.asked > 1 {
                self.asked_twice += 1;
            }
            self.deliver(number, now);
        }
        self.consents_seen = state.account.consents.len();
        for profile in &mut state.account.profiles[self.profiles_seen..] {
            profile.retain(|name, _| KEPT_ATTRIBUTES.contains(&name.as_str()));
        }
        self.profiles_seen = state.account.profiles.len();
    }

    fn note_unanswered(&mut self, body: &Value) {
        let profiles = body.pointer("/data/attributes/profiles/data");
        for profile in profiles.and_then(Value::as_array).into_iter().flatten() {
            let email = profile["attributes"]["email"].as_str().unwrap_or_default();
            if let Some(number) = number_of_email(email) {
                self.all[number].is_unanswered = true;
            }
        }
    }

    fn deliver(&mut self, number: usize, now: f64) {
        let message = &mut self.all[number];
        if message.delivered_at.is_none() {
            message.delivered_at = Some(now);
            self.latencies.push(now - message.sent_at);
        }
    }

    /// Returns the number of messages that wait although they were sent before this moment, without
    /// those whose subscription is held back for half an hour.
    pub fn waiting_since(&self, before: f64) -> usize {
        let is_waiting = |message: &&Message| {
            message.sent_at <= before && message.delivered_at.is_none() && !message.is_unanswered
        };
        self.all.iter().filter(is_waiting).count()
    }

    /// Returns the number of messages whose subscription is held back for half an hour.
    pub fn held_back(&self) -> usize {
        let is_held = |message: &&Message| message.delivered_at.is_none() && message.is_unanswered;
        self.all.iter().filter(is_held).count()
    }

    /// Returns the number of identifies that were delivered without their profile.
    pub fn without_profile(&self, state: &StandInState) -> usize {
        let mut complete = 0;
        for profile in &state.account.profiles {
            complete += usize::from(profile.contains_key("first_name"));
        }
        let is_delivered_identify = |(number, message): &(usize, &Message)| {
            is_identify(*number, self.identify_percent) && message.delivered_at.is_some()
        };
        let identifies = self.all.iter().enumerate().filter(is_delivered_identify);
        identifies.count().saturating_sub(complete)
    }
}
