//! The two experiments on each field of a message: another value, and no value.

use std::collections::BTreeSet;

use serde_json::Value;

use super::effect::{AttributeRef, Effect};
use super::experiment::Experiment;
use super::field::Field;

/// A field, and what changing and removing it does.
#[derive(Debug)]
pub(super) struct FieldProbe {
    /// The field.
    pub(super) field: Field,
    /// The effect of another value; `None` if the field has no variant.
    variant_effect: Option<Effect>,
    /// The effect of removing the field.
    removal_effect: Effect,
}

impl FieldProbe {
    /// Probes every field of a message.
    pub(super) fn all(experiment: &Experiment) -> Vec<FieldProbe> {
        let mut probes = Vec::new();
        for field in Field::all(experiment.message) {
            probes.push(FieldProbe {
                variant_effect: experiment.effect_of_variant(&field),
                removal_effect: experiment.effect_of_removal(&field),
                field,
            });
        }
        probes
    }

    fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.variant_effect.iter().chain([&self.removal_effect])
    }

    /// Whether the field has an effect at all.
    pub(super) fn has_effect(&self) -> bool {
        self.effects().any(|effect| !effect.is_empty())
    }

    /// Whether the field decides whether the message is sent, or which requests are.
    pub(super) fn is_structural(&self) -> bool {
        self.effects().any(|effect| effect.is_structural)
    }

    /// Whether the message would be sent without the field.
    pub(super) fn is_sent_without(&self) -> bool {
        self.removal_effect.is_sent
    }

    /// Whether the message would be sent with another value in the field.
    pub(super) fn is_sent_with_variant(&self) -> bool {
        self.variant_effect
            .as_ref()
            .is_some_and(|effect| effect.is_sent)
    }

    /// Whether the field's value becomes an attribute under another name, so that a rule reads it.
    pub(super) fn is_renamed(&self) -> bool {
        let Some(effect) = &self.variant_effect else {
            return false;
        };
        let name = self.field.path.steps().last();
        effect
            .changed_or_added()
            .any(|attribute| attribute.path.steps().last() != name)
    }

    /// Returns every attribute that the field has an effect on.
    pub(super) fn affected(&self) -> BTreeSet<&AttributeRef> {
        self.effects().flat_map(Effect::affected).collect()
    }

    /// Whether the field's value is passed on to an attribute. If the field also decides something,
    /// this must be visible: the attribute then has to contain the variant.
    pub(super) fn passes_value_to(&self, attribute: &AttributeRef) -> bool {
        let (Some(effect), Some(variant)) = (&self.variant_effect, &self.field.variant) else {
            return false;
        };
        match effect.changed.get(attribute) {
            Some(value) => effect.changes_only_values() || contains(value, variant),
            None => false,
        }
    }

    /// Whether an attribute disappears with another value in the field.
    pub(super) fn variant_removes(&self, attribute: &AttributeRef) -> bool {
        match &self.variant_effect {
            Some(effect) => !effect.is_structural && effect.removed.contains(attribute),
            None => false,
        }
    }

    /// Whether an attribute changes or disappears without the field.
    pub(super) fn is_needed_for(&self, attribute: &AttributeRef) -> bool {
        let effect = &self.removal_effect;
        !effect.is_structural
            && (effect.changed.contains_key(attribute) || effect.removed.contains(attribute))
    }
}

/// Whether a value is visible in another: part of the text in any case, or equal.
fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(text), Value::String(part)) => {
            text.to_lowercase().contains(&part.trim().to_lowercase())
        }
        _ => value == part,
    }
}
