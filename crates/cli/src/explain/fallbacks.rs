//! Fallbacks: the fields that an attribute would come from if its sources were absent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::attribute_origin::AttributeSource;
use super::effect::{AttributeRef, Effect};
use super::evaluation::Evaluation;
use super::experiment::Experiment;
use super::field::Field;
use super::field_probe::FieldProbe;
use super::json_path::JsonPath;

/// Finds the fallbacks of an attribute, the next one first. The sources are removed from the
/// message. If the attribute is still there, it now comes from other fields: these are found in the
/// same way, and removed too, until the attribute is gone.
pub(super) fn find_fallbacks(
    experiment: &Experiment,
    probes: &[FieldProbe],
    attribute: &AttributeRef,
    sources: &[AttributeSource],
) -> Vec<JsonPath> {
    let mut message = experiment.message.clone();
    let mut removed: BTreeSet<&JsonPath> = BTreeSet::new();
    let mut fallbacks = Vec::new();
    let mut current_sources: Vec<&Field> = Vec::new();
    for probe in probes {
        if sources.contains(&AttributeSource::Field(probe.field.path.clone())) {
            current_sources.push(&probe.field);
        }
    }
    while !current_sources.is_empty() {
        for field in current_sources {
            field.remove_from(&mut message);
            removed.insert(&field.path);
        }
        let evaluation = experiment.evaluate(&message);
        if !has_attribute(&evaluation, attribute)
            || experiment.effect(&evaluation).is_structural
            || experiment
                .find_hashes(&message, &evaluation)
                .contains(attribute)
        {
            break;
        }
        current_sources = Vec::new();
        for probe in probes {
            let field = &probe.field;
            if !removed.contains(&field.path)
                && is_passed_on(experiment, field, attribute, &message, &evaluation)
            {
                fallbacks.push(field.path.clone());
                current_sources.push(field);
            }
        }
    }
    fallbacks
}

fn has_attribute(evaluation: &Evaluation, attribute: &AttributeRef) -> bool {
    evaluation
        .requests
        .get(attribute.request)
        .is_some_and(|request| request.leaves.contains_key(&attribute.path))
}

/// Whether an attribute of a message comes from a field of it, and the field decides nothing.
fn is_passed_on(
    experiment: &Experiment,
    field: &Field,
    attribute: &AttributeRef,
    message: &Value,
    evaluation: &Evaluation,
) -> bool {
    let Some(varied_message) = field.vary(message) else {
        return false;
    };
    let after = experiment.evaluate(&varied_message);
    let effect = Effect::between(evaluation, &after, &BTreeSet::new());
    effect.changes_only_values() && effect.changed.contains_key(attribute)
}
