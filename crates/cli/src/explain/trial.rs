//! Experiments: the same message with something changed, and what that changed in what Klaviyo gets.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use segment_klaviyo::settings::RuleSettings;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

use super::fields::{Field, Path};
use super::seen::{Request, Seen, see};
use crate::overrides::SettingOverrides;

/// An attribute: the request's place and its own.
pub(crate) type Spot = (usize, Path);

/// A message that can be tried in other forms, under other settings and at another time.
pub(crate) struct Trial<'t> {
    /// The message as it came.
    pub(crate) message: &'t Value,
    /// The settings.
    pub(crate) setup: &'t SettingOverrides,
    rules: RuleSettings,
    now: OffsetDateTime,
    /// What becomes of the message as it came.
    pub(crate) seen: Seen,
    /// What is made of the message's very bytes, so that any change changes it.
    hashed: BTreeSet<Spot>,
}

impl<'t> Trial<'t> {
    /// Tries the message as it came, and with a field that no rule can know.
    pub(crate) fn of(
        message: &'t Value,
        setup: &'t SettingOverrides,
        now: OffsetDateTime,
    ) -> Result<Self, String> {
        let rules = setup.rules()?;
        let seen = run(message, &rules, now, &[]);
        let mut trial = Trial {
            message,
            setup,
            rules,
            now,
            seen,
            hashed: BTreeSet::new(),
        };
        trial.hashed = trial.bytes_matter(message, &trial.seen);
        Ok(trial)
    }

    /// What becomes of another message.
    pub(crate) fn see(&self, message: &Value) -> Seen {
        run(message, &self.rules, self.now, &self.seen.requests)
    }

    /// What becomes of the message under other settings, if they can be read.
    pub(crate) fn under(&self, setup: &SettingOverrides) -> Option<Seen> {
        self.see_under(setup, self.message)
    }

    /// What becomes of another message under other settings, if they can be read.
    pub(crate) fn see_under(&self, setup: &SettingOverrides, message: &Value) -> Option<Seen> {
        Some(run(
            message,
            &setup.rules().ok()?,
            self.now,
            &self.seen.requests,
        ))
    }

    /// What changes when the same message comes an hour later.
    pub(crate) fn later(&self) -> Effect {
        self.effect(&run(
            self.message,
            &self.rules,
            self.now + time::Duration::hours(1),
            &self.seen.requests,
        ))
    }

    /// What changes without a field.
    pub(crate) fn without(&self, field: &Field) -> Effect {
        let mut message = self.message.clone();
        field.take_from(&mut message);
        self.effect(&self.see(&message))
    }

    /// What changes with another value of the same form in a field, if there is one.
    pub(crate) fn changing(&self, field: &Field) -> Option<Effect> {
        let mut message = self.message.clone();
        field
            .change_in(&mut message)
            .then(|| self.effect(&self.see(&message)))
    }

    /// What changes with this value in a field.
    pub(crate) fn setting(&self, field: &Field, value: &Value) -> Effect {
        let mut message = self.message.clone();
        field.set_in(&mut message, value);
        self.effect(&self.see(&message))
    }

    /// What is other than with the message as it came.
    pub(crate) fn effect(&self, seen: &Seen) -> Effect {
        self.between(&self.seen, seen)
    }

    /// What is other in `after`, but for what is made of the message's bytes.
    pub(crate) fn between(&self, before: &Seen, after: &Seen) -> Effect {
        Effect::between(before, after, &self.hashed)
    }

    /// The attributes that are made of all of a message's bytes.
    pub(crate) fn bytes_matter(&self, message: &Value, seen: &Seen) -> BTreeSet<Spot> {
        let mut other = message.clone();
        if let Value::Object(fields) = &mut other {
            fields.insert("\u{0}".to_owned(), Value::Null);
        }
        Effect::between(seen, &self.see(&other), &BTreeSet::new())
            .changed
            .into_keys()
            .collect()
    }

    /// Whether this attribute is made of all of the message's bytes.
    pub(crate) fn is_hashed(&self, spot: &Spot) -> bool {
        self.hashed.contains(spot)
    }
}

fn run(message: &Value, rules: &RuleSettings, now: OffsetDateTime, known: &[Rc<Request>]) -> Seen {
    let raw = to_raw_value(message).unwrap_or_else(|_| RawValue::NULL.to_owned());
    see(&raw, rules, now, known)
}

/// What is other after a change.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// The outcome or the requests themselves are, not only what is in them.
    pub(crate) is_structural: bool,
    /// The message is sent then.
    pub(crate) is_sent: bool,
    /// Other warnings are made of it.
    pub(crate) is_noted: bool,
    /// Attributes with another value, and that.
    pub(crate) changed: BTreeMap<Spot, Value>,
    /// Attributes that are no longer there.
    pub(crate) vanished: BTreeSet<Spot>,
    /// Attributes that were not there.
    pub(crate) appeared: BTreeSet<Spot>,
}

impl Effect {
    /// What is other in `after`. Of requests that are not the same ones, only those in the same place are
    /// looked into.
    pub(crate) fn between<'s>(before: &'s Seen, after: &'s Seen, hashed: &BTreeSet<Spot>) -> Self {
        let calls = |seen: &'s Seen| seen.requests.iter().map(|request| &request.call);
        let is_structural = before.verdict != after.verdict || !calls(before).eq(calls(after));
        let (is_sent, is_noted) = (after.verdict.is_sent(), before.warnings != after.warnings);
        let mut effect = Effect {
            is_structural,
            is_sent,
            is_noted,
            ..Effect::default()
        };
        for (at, (before, after)) in before.requests.iter().zip(&after.requests).enumerate() {
            if Rc::ptr_eq(before, after) || before.call != after.call {
                continue;
            }
            for (path, value) in &before.leaves {
                let spot = (at, path.clone());
                match after.leaves.get(path) {
                    Some(other) if other == value || hashed.contains(&spot) => {}
                    Some(other) => drop(effect.changed.insert(spot, other.clone())),
                    None => drop(effect.vanished.insert(spot)),
                }
            }
            let appeared = after
                .leaves
                .keys()
                .filter(|path| !before.leaves.contains_key(path));
            effect
                .appeared
                .extend(appeared.map(|path| (at, path.clone())));
        }
        effect
    }

    /// Whether nothing is other.
    pub(crate) fn is_none(&self) -> bool {
        self.is_plain() && !self.is_noted && self.changed.is_empty()
    }

    /// Whether only values are other: what was changed is carried on and decides nothing.
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_structural && self.vanished.is_empty() && self.appeared.is_empty()
    }

    /// The attributes that have another value or are there only now.
    pub(crate) fn touched(&self) -> impl Iterator<Item = &Spot> {
        self.changed.keys().chain(&self.appeared)
    }
}
