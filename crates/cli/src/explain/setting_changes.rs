//! The settings that matter to a message: those whose change has an effect.

use std::fmt;

use segment_klaviyo::settings::VARIABLES;
use serde_json::Value;

use super::effect::{AttributeRef, Effect};
use super::evaluation::Evaluation;
use super::experiment::Experiment;
use super::variant::variants;
use crate::overrides::SettingOverrides;

/// A setting with another value, and its effect on the message.
pub(super) struct SettingChange {
    /// The variable.
    pub(super) name: &'static str,
    /// The current value; empty if it is not set.
    pub(super) value: String,
    /// The other value; empty if it is not set.
    pub(super) alternative: String,
    /// The evaluation of the message with the other value.
    pub(super) evaluation: Evaluation,
    effect: Effect,
}

impl SettingChange {
    /// Returns every change of one setting that has an effect on the message.
    pub(super) fn all(experiment: &Experiment) -> Vec<SettingChange> {
        let mut changes = Vec::new();
        for SettingValue { name, value } in alternatives(experiment.settings) {
            let settings = experiment.settings.with(name, &value);
            let Some(evaluation) = experiment.evaluate_with(&settings, experiment.message) else {
                continue;
            };
            let effect = experiment.effect(&evaluation);
            if !effect.is_empty() {
                changes.push(SettingChange {
                    name,
                    value: experiment.settings.value_or_default(name).to_owned(),
                    alternative: value,
                    evaluation,
                    effect,
                });
            }
        }
        changes
    }

    /// Whether an attribute has its value, or is there, because of the setting.
    pub(super) fn affects(&self, attribute: &AttributeRef) -> bool {
        let effect = &self.effect;
        !effect.is_structural
            && (effect.changed.contains_key(attribute) || effect.removed.contains(attribute))
    }
}

/// A setting and a value for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SettingValue {
    /// The variable.
    pub(super) name: &'static str,
    /// The value; empty if it is not set.
    pub(super) value: String,
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.value.is_empty() {
            write!(f, "{} not set", self.name)
        } else {
            write!(f, "{}={}", self.name, self.value)
        }
    }
}

/// Returns other values of the settings: those that can be listed or guessed without knowing the
/// merchant's account.
pub(super) fn alternatives(settings: &SettingOverrides) -> Vec<SettingValue> {
    let mut alternatives = Vec::new();
    for (name, default) in VARIABLES {
        let current = settings.value_or_default(name);
        for value in other_values(name, *default, current) {
            if value != current {
                alternatives.push(SettingValue { name, value });
            }
        }
    }
    alternatives
}

fn other_values(name: &str, default: Option<&str>, current: &str) -> Vec<String> {
    match (name, default) {
        ("METRIC_NAMES", _) => vec!["segment".to_owned(), "klaviyo".to_owned()],
        ("CONSENT_CHANNELS", _) => {
            vec!["email".to_owned(), "sms".to_owned(), "email,sms".to_owned()]
        }
        ("LIST_ID", _) if !current.is_empty() => {
            let mut values = vec![String::new()];
            let other_list = variants(&Value::from(current)).into_iter().next();
            if let Some(Value::String(other_list)) = other_list {
                values.push(other_list);
            }
            values
        }
        ("AUDIENCE_LISTS", _) => vec!["false".to_owned(), "true".to_owned()],
        (_, Some("true" | "false")) => {
            let is_on = current.eq_ignore_ascii_case("true");
            vec![(!is_on).to_string()]
        }
        // The function needs its secret.
        ("SECRET_ID", _) => Vec::new(),
        (_, None) if !current.is_empty() => vec![String::new()],
        (_, Some(default)) => vec![default.to_owned()],
        _ => Vec::new(),
    }
}
