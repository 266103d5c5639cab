//! Which settings decide: those under which another value makes a difference.

use segment_klaviyo::settings::VARIABLES;
use serde_json::Value;

use super::diff::plain;
use super::fields::others;
use super::seen::Seen;
use super::trial::{Effect, Spot, Trial};
use crate::overrides::SettingOverrides;

/// A setting with another value, and what that changes.
pub(crate) struct Switch {
    /// The variable.
    pub(crate) name: &'static str,
    /// The value that it has; nothing if it is not set.
    pub(crate) value: String,
    /// The other value; nothing stands for not set.
    pub(crate) instead: String,
    /// What becomes of the message then.
    pub(crate) seen: Seen,
    /// What is other then.
    pub(crate) effect: Effect,
}

impl Switch {
    /// Whether the attribute has this value because of the setting.
    pub(crate) fn is_needed_for(&self, spot: &Spot) -> bool {
        let effect = &self.effect;
        !effect.is_structural
            && (effect.changed.contains_key(spot) || effect.vanished.contains(spot))
    }
}

/// Every setting whose other value makes a difference to the message.
pub(crate) fn of(trial: &Trial) -> Vec<Switch> {
    let switch = |(name, instead): (&'static str, String)| {
        let seen = trial.under(&trial.setup.with(name, &instead))?;
        let effect = trial.effect(&seen);
        let value = trial.setup.value_or_default(name).to_owned();
        (!effect.is_none()).then_some(Switch {
            name,
            value,
            instead,
            seen,
            effect,
        })
    };
    alternatives(trial.setup)
        .into_iter()
        .filter_map(switch)
        .collect()
}

/// For a message that is not sent: the one or two settings with which it would be.
pub(crate) fn remedies(trial: &Trial) -> Vec<Vec<(&'static str, String)>> {
    let sends = |settings: &[(&'static str, String)]| {
        let setup = settings
            .iter()
            .fold(trial.setup.clone(), |setup, (name, value)| {
                setup.with(name, value)
            });
        trial
            .under(&setup)
            .is_some_and(|seen| seen.verdict.is_sent())
    };
    let single: Vec<_> = alternatives(trial.setup)
        .into_iter()
        .map(|one| vec![one])
        .collect();
    let found: Vec<_> = single
        .iter()
        .filter(|settings| sends(settings))
        .cloned()
        .collect();
    if !found.is_empty() {
        return found;
    }
    let pairs = single.iter().enumerate().flat_map(|(at, one)| {
        single
            .iter()
            .skip(at + 1)
            .map(move |other| [one.as_slice(), other.as_slice()].concat())
    });
    pairs.filter(|pair| sends(pair)).collect()
}

/// Other values that settings can have, as far as there are few: the other truth, the other name, no value, and
/// another list.
fn alternatives(setup: &SettingOverrides) -> Vec<(&'static str, String)> {
    let of = |name: &'static str, default: Option<&str>| {
        let value = setup.value_or_default(name);
        let others = match (name, default) {
            ("METRIC_NAMES", _) => vec!["segment".to_owned(), "klaviyo".to_owned()],
            ("CONSENT_CHANNELS", _) => {
                vec!["email".to_owned(), "sms".to_owned(), "email,sms".to_owned()]
            }
            ("LIST_ID", _) if !value.is_empty() => {
                let other = others(&Value::from(value)).first().map(plain);
                [Some(String::new()), other].into_iter().flatten().collect()
            }
            (_, Some("true" | "false")) => vec![(!value.eq_ignore_ascii_case("true")).to_string()],
            (_, None) if !value.is_empty() && name != "SECRET_ID" => vec![String::new()],
            _ => Vec::new(),
        };
        others
            .into_iter()
            .filter(move |other| other != value)
            .map(move |other| (name, other))
    };
    VARIABLES
        .iter()
        .flat_map(|(name, default)| of(name, *default))
        .collect()
}
