//! Suggestions: what would have to change for a message to be sent.

use super::experiment::Experiment;
use super::field_probe::FieldProbe;
use super::json_path::JsonPath;
use super::setting_changes::{SettingValue, alternatives};

/// The changes after which a message would be sent that is not sent now. Each one is enough.
#[derive(Default)]
pub(super) struct Suggestions {
    /// Changes of one or two settings.
    pub(super) settings: Vec<Vec<SettingValue>>,
    /// Fields to remove.
    pub(super) removals: Vec<JsonPath>,
    /// Fields to set to another value.
    pub(super) variants: Vec<JsonPath>,
}

impl Suggestions {
    /// Finds the suggestions for a message that is not sent.
    pub(super) fn new(experiment: &Experiment, probes: &[FieldProbe]) -> Self {
        let mut suggestions = Suggestions {
            settings: find_settings(experiment),
            ..Suggestions::default()
        };
        for probe in probes {
            if probe.is_sent_without() {
                suggestions.removals.push(probe.field.path.clone());
            }
            if probe.is_sent_with_variant() {
                suggestions.variants.push(probe.field.path.clone());
            }
        }
        suggestions
    }
}

/// Finds the single settings with which the message would be sent or, if there are none, the pairs.
fn find_settings(experiment: &Experiment) -> Vec<Vec<SettingValue>> {
    let alternatives = alternatives(experiment.settings);
    let mut found = Vec::new();
    for alternative in &alternatives {
        let single = vec![alternative.clone()];
        if is_sent_with(experiment, &single) {
            found.push(single);
        }
    }
    if !found.is_empty() {
        return found;
    }
    for (index, first) in alternatives.iter().enumerate() {
        for second in alternatives.iter().skip(index + 1) {
            let pair = vec![first.clone(), second.clone()];
            if is_sent_with(experiment, &pair) {
                found.push(pair);
            }
        }
    }
    found
}

fn is_sent_with(experiment: &Experiment, values: &[SettingValue]) -> bool {
    let mut settings = experiment.settings.clone();
    for SettingValue { name, value } in values {
        settings = settings.with(name, value);
    }
    experiment
        .evaluate_with(&settings, experiment.message)
        .is_some_and(|evaluation| evaluation.decision.is_sent())
}
