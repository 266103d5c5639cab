//! Experiments on one message: one input is changed, and the rules run again.

use std::collections::BTreeSet;

use segment_klaviyo::settings::RuleSettings;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use time::{Duration, OffsetDateTime};

use super::effect::{AttributeRef, Effect};
use super::evaluation::{Evaluation, evaluate, evaluate_change};
use super::field::Field;
use crate::overrides::SettingOverrides;

/// A key that no rule reads. Adding it changes the bytes of a message and nothing else.
const UNKNOWN_KEY: &str = "\u{0}";

/// A message, and its evaluation as the baseline that changes are compared with.
pub(super) struct Experiment<'e> {
    /// The message as it came.
    pub(super) message: &'e Value,
    /// The settings.
    pub(super) settings: &'e SettingOverrides,
    rules: RuleSettings,
    now: OffsetDateTime,
    /// The evaluation of the message as it came.
    pub(super) baseline: Evaluation,
    /// The attributes of the baseline that are hashes of the whole message.
    hashes: BTreeSet<AttributeRef>,
}

impl<'e> Experiment<'e> {
    /// Evaluates the message as it came. Fails if the settings are invalid.
    pub(super) fn new(
        message: &'e Value,
        settings: &'e SettingOverrides,
        now: OffsetDateTime,
    ) -> Result<Self, String> {
        let rules = settings.rules()?;
        let baseline = evaluate(&to_raw(message), &rules, now);
        let mut experiment = Experiment {
            message,
            settings,
            rules,
            now,
            baseline,
            hashes: BTreeSet::new(),
        };
        experiment.hashes = experiment.find_hashes(message, &experiment.baseline);
        Ok(experiment)
    }

    /// Evaluates a changed message.
    pub(super) fn evaluate(&self, message: &Value) -> Evaluation {
        self.evaluate_at(message, &self.rules, self.now)
    }

    /// Evaluates a message under other settings. Returns `None` if the settings are invalid.
    pub(super) fn evaluate_with(
        &self,
        settings: &SettingOverrides,
        message: &Value,
    ) -> Option<Evaluation> {
        let rules = settings.rules().ok()?;
        Some(self.evaluate_at(message, &rules, self.now))
    }

    fn evaluate_at(
        &self,
        message: &Value,
        rules: &RuleSettings,
        now: OffsetDateTime,
    ) -> Evaluation {
        evaluate_change(&to_raw(message), rules, now, &self.baseline.requests)
    }

    /// Returns the effect of evaluating the message an hour later.
    pub(super) fn effect_of_delay(&self) -> Effect {
        let later = self.now + Duration::hours(1);
        self.effect(&self.evaluate_at(self.message, &self.rules, later))
    }

    /// Returns the effect of removing a field.
    pub(super) fn effect_of_removal(&self, field: &Field) -> Effect {
        let mut message = self.message.clone();
        field.remove_from(&mut message);
        self.effect(&self.evaluate(&message))
    }

    /// Returns the effect of a field's variant, if it has one.
    pub(super) fn effect_of_variant(&self, field: &Field) -> Option<Effect> {
        let message = field.vary(self.message)?;
        Some(self.effect(&self.evaluate(&message)))
    }

    /// Returns the effect of setting a field to `value`.
    pub(super) fn effect_of_value(&self, field: &Field, value: &Value) -> Effect {
        let mut message = self.message.clone();
        field.set_in(&mut message, value);
        self.effect(&self.evaluate(&message))
    }

    /// Returns the effect of a change after which the message is evaluated as `after`.
    pub(super) fn effect(&self, after: &Evaluation) -> Effect {
        self.effect_between(&self.baseline, after)
    }

    /// Returns the effect of a change from `before` to `after`.
    pub(super) fn effect_between(&self, before: &Evaluation, after: &Evaluation) -> Effect {
        Effect::between(before, after, &self.hashes)
    }

    /// Whether an attribute of the baseline is a hash of the whole message.
    pub(super) fn is_hash(&self, attribute: &AttributeRef) -> bool {
        self.hashes.contains(attribute)
    }

    /// Finds the attributes that are hashes of the whole message: an unknown key changes them.
    pub(super) fn find_hashes(
        &self,
        message: &Value,
        evaluation: &Evaluation,
    ) -> BTreeSet<AttributeRef> {
        let mut changed_message = message.clone();
        if let Value::Object(fields) = &mut changed_message {
            fields.insert(UNKNOWN_KEY.to_owned(), Value::Null);
        }
        let after = self.evaluate(&changed_message);
        let effect = Effect::between(evaluation, &after, &BTreeSet::new());
        effect.changed.into_keys().collect()
    }
}

#[expect(
    clippy::expect_used,
    reason = "another message in its place would be a wrong explanation"
)]
fn to_raw(message: &Value) -> Box<RawValue> {
    to_raw_value(message).expect("a JSON value can always be written")
}
