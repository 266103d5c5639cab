//! The explanation of one message: everything that the experiments show.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;

use super::attribute_origin::{AttributeOrigin, AttributeSource};
use super::attribution::find_origins;
use super::difference::Difference;
use super::effect::AttributeRef;
use super::evaluation::Evaluation;
use super::experiment::Experiment;
use super::field_probe::FieldProbe;
use super::json_path::JsonPath;
use super::setting_changes::SettingChange;
use super::suggestions::Suggestions;
use super::unused::{UnusedField, find_unused};
use crate::overrides::SettingOverrides;

/// The explanation of one message.
pub(super) struct Explanation {
    /// The message.
    pub(super) message: Value,
    /// The evaluation of the message as it came.
    pub(super) evaluation: Evaluation,
    /// The origin of each attribute of each request.
    pub(super) origins: BTreeMap<AttributeRef, AttributeOrigin>,
    /// The fields that are not sent, or whose value cannot be used. Empty if the message is not sent.
    pub(super) unused: Vec<UnusedField>,
    /// Every field of the message.
    pub(super) fields: Vec<JsonPath>,
    /// The fields that decide whether the message is sent and in which requests, and that no
    /// attribute comes from. Empty if the message is not sent.
    pub(super) decisive_fields: Vec<JsonPath>,
    /// The settings that make a difference.
    pub(super) decisive_settings: Vec<SettingEffect>,
    /// The changes after which a message that is not sent would be sent.
    pub(super) suggestions: Suggestions,
}

/// A setting that makes a difference to a message.
pub(super) struct SettingEffect {
    /// The variable.
    pub(super) name: &'static str,
    /// The current value; empty if it is not set.
    pub(super) value: String,
    /// Another value; empty if it is not set.
    pub(super) alternative: String,
    /// The difference that the other value makes.
    pub(super) difference: Difference,
}

impl Explanation {
    /// Explains a message. `evaluation` is that of its original bytes, in which keys may be repeated
    /// and numbers be more precise than in `message`.
    pub(super) fn new(
        message: &Value,
        evaluation: Evaluation,
        settings: &SettingOverrides,
        now: OffsetDateTime,
    ) -> Result<Self, String> {
        let experiment = Experiment::new(message, settings, now)?;
        let probes = FieldProbe::all(&experiment);
        let setting_changes = SettingChange::all(&experiment);
        let origins = find_origins(&experiment, &probes, &setting_changes);
        let mut explanation = Explanation {
            message: message.clone(),
            evaluation,
            origins,
            unused: Vec::new(),
            fields: probes
                .iter()
                .map(|probe| probe.field.path.clone())
                .collect(),
            decisive_fields: Vec::new(),
            decisive_settings: setting_effects(&experiment, &setting_changes),
            suggestions: Suggestions::default(),
        };
        if explanation.evaluation.decision.is_sent() {
            let origins = &explanation.origins;
            explanation.unused = find_unused(&experiment, &probes, origins, &setting_changes);
            explanation.decisive_fields = decisive_fields(&probes, origins);
        } else {
            explanation.suggestions = Suggestions::new(&experiment, &probes);
        }
        Ok(explanation)
    }
}

fn decisive_fields(
    probes: &[FieldProbe],
    origins: &BTreeMap<AttributeRef, AttributeOrigin>,
) -> Vec<JsonPath> {
    let mut decisive = Vec::new();
    for probe in probes {
        let source = AttributeSource::Field(probe.field.path.clone());
        let is_source = origins
            .values()
            .any(|origin| origin.sources.contains(&source));
        if probe.is_structural() && !is_source {
            decisive.push(probe.field.path.clone());
        }
    }
    decisive
}

fn setting_effects(
    experiment: &Experiment,
    setting_changes: &[SettingChange],
) -> Vec<SettingEffect> {
    let mut effects = Vec::new();
    for change in setting_changes {
        // Another list in LIST_ID would be another list in the request, which needs no explanation.
        if change.name == "LIST_ID" && !change.alternative.is_empty() {
            continue;
        }
        effects.push(SettingEffect {
            name: change.name,
            value: change.value.clone(),
            alternative: change.alternative.clone(),
            difference: Difference::between(&experiment.baseline, &change.evaluation),
        });
    }
    effects
}
