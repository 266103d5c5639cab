//! The unused fields of a message: those that are not sent, or whose value cannot be used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use segment_klaviyo::domain::parse_moment;
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::attribute_origin::{AttributeOrigin, AttributeSource};
use super::effect::AttributeRef;
use super::experiment::Experiment;
use super::field::Field;
use super::field_probe::FieldProbe;
use super::json_path::JsonPath;
use super::setting_changes::{SettingChange, SettingValue};

/// A field that is not used, or not for everything it could be.
pub(super) struct UnusedField {
    /// The field.
    pub(super) path: JsonPath,
    /// The reason why it is not used.
    pub(super) reason: OmissionReason,
}

/// The reason why a field is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OmissionReason {
    /// It has no value.
    Empty,
    /// Another field has precedence.
    NotNeeded {
        /// The attribute that the field is a fallback for.
        attribute: JsonPath,
        /// The field that has precedence.
        source: JsonPath,
    },
    /// A rule cannot use its value.
    Invalid {
        /// The problem with the value, in words.
        problem: &'static str,
        /// The attributes that a valid value would be sent as.
        attributes: Vec<JsonPath>,
        /// Whether the value is passed on as the merchant wrote it.
        is_passed_on: bool,
    },
    /// It would be used if a setting had another value.
    Setting {
        /// The setting with that value.
        setting: SettingValue,
        /// The attribute that the field would be sent as.
        attribute: JsonPath,
    },
    /// No rule reads it.
    Unread,
}

/// Returns every unused field of a message that is sent.
pub(super) fn find_unused(
    experiment: &Experiment,
    probes: &[FieldProbe],
    origins: &BTreeMap<AttributeRef, AttributeOrigin>,
    setting_changes: &[SettingChange],
) -> Vec<UnusedField> {
    let mut unused = Vec::new();
    for probe in probes {
        let field = &probe.field;
        let mut reason = find_invalid(experiment, probe);
        if reason.is_none() && !probe.has_effect() {
            reason = if field.is_blank() {
                Some(OmissionReason::Empty)
            } else {
                find_precedence(field, origins)
                    .or_else(|| find_setting(experiment, field, setting_changes))
                    .or(Some(OmissionReason::Unread))
            };
        }
        if let Some(reason) = reason {
            let path = field.path.clone();
            unused.push(UnusedField { path, reason });
        }
    }
    unused
}

const NOT_A_TIME: &str = "not a valid time";

/// Returns a valid value for each format that a rule reads, and what is wrong with a value that is
/// not of this format. The values are unlikely to be in a message.
fn valid_values() -> [(Value, &'static str); 5] {
    [
        (1234.5.into(), "not a number"),
        ("XTS".into(), "not a three-letter currency code"),
        (
            "somebody.else@klaviyo-demo.com".into(),
            "not a valid email address",
        ),
        (
            "+15005550019".into(),
            "not a valid phone number (international, or of DEFAULT_COUNTRY)",
        ),
        ("2026-01-01T00:00:00Z".into(), NOT_A_TIME),
    ]
}

/// Sets the field to valid values. If one of them becomes more attributes than the field's own
/// value does, a rule reads the field and expects this format.
fn find_invalid(experiment: &Experiment, probe: &FieldProbe) -> Option<OmissionReason> {
    let field = &probe.field;
    let is_scalar = matches!(field.value, Value::String(_) | Value::Number(_));
    if !is_scalar || field.is_blank() || probe.is_structural() || probe.is_renamed() {
        return None;
    }
    let affected = probe.affected();
    for (valid_value, problem) in valid_values() {
        let effect = experiment.effect_of_value(field, &valid_value);
        let mut attributes = BTreeSet::new();
        for attribute in effect.changed_or_added() {
            if !affected.contains(attribute) {
                attributes.insert(attribute.path.clone());
            }
        }
        if effect.is_structural || attributes.is_empty() {
            continue;
        }
        let problem = if problem == NOT_A_TIME && is_time(&field.value) {
            "before 2000 or more than a year ahead"
        } else {
            problem
        };
        return Some(OmissionReason::Invalid {
            problem,
            attributes: attributes.into_iter().collect(),
            // A warning is an effect too, but passes nothing on.
            is_passed_on: !affected.is_empty(),
        });
    }
    None
}

fn is_time(value: &Value) -> bool {
    to_raw_value(value).is_ok_and(|raw| parse_moment((&raw).into()).is_some())
}

/// Returns the attribute that the field is a fallback for.
fn find_precedence(
    field: &Field,
    origins: &BTreeMap<AttributeRef, AttributeOrigin>,
) -> Option<OmissionReason> {
    for (attribute, origin) in origins {
        if origin.fallbacks.contains(&field.path) {
            return match origin.sources.first() {
                Some(AttributeSource::Field(source)) => Some(OmissionReason::NotNeeded {
                    attribute: attribute.path.clone(),
                    source: source.clone(),
                }),
                _ => None,
            };
        }
    }
    None
}

/// Returns the setting under which another value in the field would have an effect.
fn find_setting(
    experiment: &Experiment,
    field: &Field,
    setting_changes: &[SettingChange],
) -> Option<OmissionReason> {
    let varied_message = field.vary(experiment.message)?;
    for change in setting_changes {
        if !change.evaluation.decision.is_sent() {
            continue;
        }
        let settings = experiment.settings.with(change.name, &change.alternative);
        let Some(after) = experiment.evaluate_with(&settings, &varied_message) else {
            continue;
        };
        let effect = experiment.effect_between(&change.evaluation, &after);
        if let Some(attribute) = effect.affected().next() {
            return Some(OmissionReason::Setting {
                setting: SettingValue {
                    name: change.name,
                    value: change.alternative.clone(),
                },
                attribute: attribute.path.clone(),
            });
        }
    }
    None
}

impl fmt::Display for OmissionReason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            OmissionReason::Empty => f.write_str("empty"),
            OmissionReason::NotNeeded { attribute, source } => {
                write!(f, "not needed: {attribute} comes from {source}")
            }
            OmissionReason::Invalid {
                problem,
                attributes,
                is_passed_on,
            } => {
                let names: Vec<_> = attributes.iter().map(ToString::to_string).collect();
                write!(f, "cannot be used as {}: {problem}", names.join(", "))?;
                if *is_passed_on {
                    f.write_str("; passed on unchanged")?;
                }
                Ok(())
            }
            OmissionReason::Setting { setting, attribute } => {
                write!(f, "would be sent as {attribute} with {setting}")
            }
            OmissionReason::Unread => f.write_str("no rule reads it"),
        }
    }
}
