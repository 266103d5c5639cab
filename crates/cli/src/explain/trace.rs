//! Where each attribute comes from: what changes with a field comes from that field.
//!
//! The rules are pure functions, so this needs no knowledge of them: one field at a time gets another value of
//! the same form, or is taken away, and the requests are compared. It cannot say anything but what the rules do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::{Field, Path};
use super::switches::Switch;
use super::trial::{Effect, Spot, Trial};

/// What an attribute comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A field of the message.
    Field(Path),
    /// A setting.
    Setting(&'static str),
    /// All of the message's bytes, of which a hash is made.
    Message,
    /// The time at which the message came.
    Clock,
}

/// Where an attribute comes from. Without a source it is always the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Usually one.
    pub(crate) sources: Vec<Source>,
    /// The fields that would take their place, the next one first.
    pub(crate) instead_of: Vec<Path>,
}

/// What was found of one field.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The field.
    pub(crate) field: Field,
    changed: Option<Effect>,
    removed: Effect,
}

impl Probe {
    /// Whether nothing at all comes of the field.
    pub(crate) fn is_idle(&self) -> bool {
        self.removed.is_none() && self.changed.as_ref().is_none_or(Effect::is_none)
    }

    /// Whether the field decides what is sent at all.
    pub(crate) fn is_structural(&self) -> bool {
        self.removed.is_structural
            || self
                .changed
                .as_ref()
                .is_some_and(|effect| effect.is_structural)
    }

    /// Whether the message would be sent without the field.
    pub(crate) fn is_sent_without(&self) -> bool {
        self.removed.is_sent
    }

    /// Whether the message would be sent with another value in the field.
    pub(crate) fn is_sent_with_another_value(&self) -> bool {
        self.changed.as_ref().is_some_and(|effect| effect.is_sent)
    }

    /// Whether its value becomes something under another name.
    pub(crate) fn is_read(&self) -> bool {
        let is_other = |(_, path): &Spot| path.0.last() != self.field.path.0.last();
        self.changed
            .as_ref()
            .is_some_and(|effect| effect.touched().any(is_other))
    }

    /// Every attribute that the field has to do with.
    pub(crate) fn spots(&self) -> BTreeSet<&Spot> {
        let effects = self.changed.iter().chain([&self.removed]);
        effects
            .flat_map(|effect| effect.touched().chain(&effect.vanished))
            .collect()
    }

    /// Whether the field's value is carried on into the attribute. One that also decides other things counts
    /// only where its own value can be seen.
    fn carries(&self, spot: &Spot) -> bool {
        let Some(effect) = &self.changed else {
            return false;
        };
        let Some(value) = effect.changed.get(spot) else {
            return false;
        };
        effect.is_plain()
            || self
                .field
                .other
                .as_ref()
                .is_some_and(|other| shows(value, other))
    }

    fn drops(&self, spot: &Spot) -> bool {
        self.changed
            .as_ref()
            .is_some_and(|effect| !effect.is_structural && effect.vanished.contains(spot))
    }

    fn is_needed_for(&self, spot: &Spot) -> bool {
        let removed = &self.removed;
        !removed.is_structural
            && (removed.changed.contains_key(spot) || removed.vanished.contains(spot))
    }
}

/// Whether one value can be seen in another.
fn shows(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(text), Value::String(part)) => {
            text.to_lowercase().contains(&part.trim().to_lowercase())
        }
        _ => value == part,
    }
}

/// Tries every field of the message.
pub(crate) fn probes(trial: &Trial) -> Vec<Probe> {
    let probe = |field: Field| {
        let (changed, removed) = (trial.changing(&field), trial.without(&field));
        Probe {
            field,
            changed,
            removed,
        }
    };
    super::fields::of(trial.message)
        .into_iter()
        .map(probe)
        .collect()
}

/// Where each attribute of each request comes from.
pub(crate) fn origins(
    trial: &Trial,
    probes: &[Probe],
    switches: &[Switch],
) -> BTreeMap<Spot, Origin> {
    let clock = trial.later();
    let spots = trial.seen.requests.iter().enumerate();
    let spots =
        spots.flat_map(|(at, request)| request.leaves.keys().map(move |path| (at, path.clone())));
    let origin = |spot: Spot| {
        let fields = |what: fn(&Probe, &Spot) -> bool| -> Vec<Source> {
            let fields = probes.iter().filter(|probe| what(probe, &spot));
            fields
                .map(|probe| Source::Field(probe.field.path.clone()))
                .collect()
        };
        let carried = || {
            let by_clock = clock.changed.contains_key(&spot).then_some(Source::Clock);
            fields(Probe::carries).into_iter().chain(by_clock).collect()
        };
        let set = || {
            let names = switches
                .iter()
                .filter(|switch| switch.is_needed_for(&spot))
                .map(|switch| switch.name);
            names
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(Source::Setting)
                .collect()
        };
        // What carries its value into the attribute counts more than what only lets it be there.
        let found: [&dyn Fn() -> Vec<Source>; 4] = [
            &carried,
            &|| fields(Probe::drops),
            &|| fields(Probe::is_needed_for),
            &set,
        ];
        let sources = match trial.is_hashed(&spot) {
            true => vec![Source::Message],
            false => found
                .iter()
                .map(|found| found())
                .find(|found| !found.is_empty())
                .unwrap_or_default(),
        };
        (
            spot,
            Origin {
                sources,
                instead_of: Vec::new(),
            },
        )
    };
    let mut origins: BTreeMap<Spot, Origin> = spots.map(origin).collect();
    stand_ins(trial, probes, &mut origins);
    origins
}

/// Finds what would take the place of the sources: they are taken away, and as long as the attribute is still
/// there, it has come from something else. Of requests of one kind the first speaks for all.
fn stand_ins(trial: &Trial, probes: &[Probe], origins: &mut BTreeMap<Spot, Origin>) {
    let mut looked_at: BTreeMap<(String, Path), usize> = BTreeMap::new();
    for ((at, path), origin) in origins.iter_mut() {
        let Some(request) = trial.seen.requests.get(*at) else {
            continue;
        };
        let is_property = path.0.first() == Path::of(&["properties"]).0.first();
        let first = *looked_at
            .entry((request.name(), path.clone()))
            .or_insert(*at);
        if !is_property && first == *at {
            origin.instead_of = stand_ins_of(trial, probes, &(*at, path.clone()), &origin.sources);
        }
    }
}

fn stand_ins_of(trial: &Trial, probes: &[Probe], spot: &Spot, sources: &[Source]) -> Vec<Path> {
    let is_source = |field: &Field| sources.contains(&Source::Field(field.path.clone()));
    let mut message = trial.message.clone();
    let (mut taken, mut found) = (Vec::new(), Vec::new());
    let mut next: Vec<&Field> = probes
        .iter()
        .map(|probe| &probe.field)
        .filter(|field| is_source(field))
        .collect();
    while !next.is_empty() {
        for field in next {
            field.take_from(&mut message);
            taken.push(&field.path);
        }
        let seen = trial.see(&message);
        let is_there = seen
            .requests
            .get(spot.0)
            .is_some_and(|request| request.leaves.contains_key(&spot.1));
        if !is_there
            || trial.effect(&seen).is_structural
            || trial.bytes_matter(&message, &seen).contains(spot)
        {
            break;
        }
        let takes_over = |field: &&Field| {
            let mut message = message.clone();
            let changed = !taken.contains(&&field.path) && field.change_in(&mut message);
            changed
                && Effect::between(&seen, &trial.see(&message), &BTreeSet::new()).carries_only(spot)
        };
        next = probes
            .iter()
            .map(|probe| &probe.field)
            .filter(takes_over)
            .collect();
        found.extend(next.iter().map(|field| field.path.clone()));
    }
    found
}

impl Effect {
    /// Whether the attribute has another value and nothing came or went.
    fn carries_only(&self, spot: &Spot) -> bool {
        self.is_plain() && self.changed.contains_key(spot)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::super::switches;
    use super::*;
    use crate::overrides::SettingOverrides;

    /// The origins of a message's attributes, as `attribute < sources (stand-ins)`.
    fn origins_of(settings: &[(&str, &str)], message: &Value) -> Vec<String> {
        let setup = settings
            .iter()
            .fold(SettingOverrides::default(), |setup, (name, value)| {
                setup.with(name, value)
            });
        let trial = Trial::of(message, &setup, datetime!(2026-11-20 12:00 UTC)).unwrap();
        let origins = origins(&trial, &probes(&trial), &switches::of(&trial));
        let names = |paths: Vec<String>| paths.join(" + ");
        let line = |((at, attribute), origin): (&Spot, &Origin)| {
            let source = |source: &Source| match source {
                Source::Field(path) => path.to_string(),
                Source::Setting(name) => (*name).to_owned(),
                Source::Message => "the message".to_owned(),
                Source::Clock => "the clock".to_owned(),
            };
            let sources = names(origin.sources.iter().map(source).collect());
            let instead_of = names(origin.instead_of.iter().map(ToString::to_string).collect());
            let instead_of = if instead_of.is_empty() {
                instead_of
            } else {
                format!(" ({instead_of})")
            };
            format!("{at} {attribute} < {sources}{instead_of}")
        };
        origins.iter().map(line).collect()
    }

    #[test]
    fn the_first_of_several_is_the_source_even_when_they_say_the_same() {
        let message = json!({
            "type": "identify", "userId": "sarah@klaviyo-demo.com",
            "traits": {"email": "sarah@klaviyo-demo.com", "firstName": "Sarah", "first_name": "Sarah"},
            "context": {"traits": {"email": "sarah@klaviyo-demo.com"}},
        });
        assert_eq!(
            origins_of(&[], &message),
            [
                "0 email < traits.email (context.traits.email + userId)",
                "0 first_name < traits.firstName (traits.first_name)",
            ]
        );
    }

    #[test]
    fn what_decides_and_what_is_carried_are_told_apart() {
        let message = json!({
            "type": "track", "event": "Order Cancelled", "messageId": "m-1",
            "properties": {"email": "sarah@klaviyo-demo.com", "order_id": "R1", "total": 5},
        });
        let settings = [
            ("METRIC_NAMES", "klaviyo"),
            ("KLAVIYO_PROPERTY_NAMES", "false"),
        ];
        assert_eq!(
            origins_of(&settings, &message),
            [
                "0 metric < event",
                "0 profile.email < properties.email",
                "0 properties.email < properties.email",
                "0 properties.order_id < properties.order_id",
                "0 properties.total < properties.total",
                "0 unique_id < properties.order_id (messageId)",
                "0 value < properties.total",
            ]
        );
    }

    #[test]
    fn settings_the_clock_and_the_whole_message_are_sources_too() {
        let message = json!({"type": "identify", "traits": {"email": "sarah@klaviyo-demo.com"}});
        let settings = [("LIST_ID", "Y6nRLr"), ("CONFIRM_OPTIN", "false")];
        let consent = "1 profiles.subscriptions.email.marketing";
        assert_eq!(
            origins_of(&settings, &message)[1..],
            [
                "1 custom_source < ".to_owned(),
                "1 historical_import < CONFIRM_OPTIN".to_owned(),
                "1 list < LIST_ID".to_owned(),
                "1 profiles.email < traits.email".to_owned(),
                format!("{consent}.consent < "),
                format!("{consent}.consented_at < the clock"),
            ]
        );
        let message =
            json!({"type": "track", "event": "Signed Up", "userId": "sarah@klaviyo-demo.com"});
        assert_eq!(
            origins_of(&[], &message),
            [
                "0 metric < event",
                "0 profile.email < userId",
                "0 unique_id < the message"
            ]
        );
    }
}
