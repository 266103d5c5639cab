//! Why something of a message is not in any request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use segment_klaviyo::segment::timestamp;
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::fields::{Field, Path};
use super::switches::Switch;
use super::trace::{Origin, Probe, Source};
use super::trial::{Spot, Trial};

/// Why a field has no part in the requests, or less than it could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is nothing in it.
    Empty,
    /// Something else of the same meaning comes first.
    NotNeeded {
        /// What it could have been.
        attribute: Path,
        /// Where that comes from.
        source: Path,
    },
    /// Its value has not the form that a rule asks for.
    Unreadable {
        /// What is wrong with it.
        problem: &'static str,
        /// What it would be otherwise.
        attributes: Vec<Path>,
        /// Whether it is carried on as the merchant wrote it.
        is_kept: bool,
    },
    /// It would be read under another setting.
    Setting {
        /// The variable.
        name: &'static str,
        /// Its other value.
        value: String,
        /// What the field would be then.
        attribute: Path,
    },
    /// No rule looks at it.
    Unread,
}

/// Every field that is left out or not read as it is meant, with the reason.
pub(crate) fn of(
    trial: &Trial,
    probes: &[Probe],
    origins: &BTreeMap<Spot, Origin>,
    switches: &[Switch],
) -> Vec<(Path, Why)> {
    let fields = probes.iter().filter_map(|probe| {
        let why = unreadable(trial, probe).or_else(|| {
            let field = &probe.field;
            let idle = || {
                not_needed(field, origins)
                    .or_else(|| under_a_setting(trial, field, switches))
                    .unwrap_or(Why::Unread)
            };
            probe
                .is_idle()
                .then(|| if field.is_blank() { Why::Empty } else { idle() })
        });
        Some((probe.field.path.clone(), why?))
    });
    fields.collect()
}

/// Values that some rule can read and that are unlikely to be in a message, and what is wrong with one that it
/// cannot read.
fn well_formed() -> [(Value, &'static str); 5] {
    [
        (1234.5.into(), "not a number"),
        ("XTS".into(), "not a currency code of three letters"),
        (
            "somebody.else@klaviyo-demo.com".into(),
            "not a valid email address",
        ),
        (
            "+15005550019".into(),
            "neither an international phone number nor one of DEFAULT_COUNTRY",
        ),
        ("2026-01-01T00:00:00Z".into(), NO_TIME),
    ]
}

const NO_TIME: &str = "not a time that can be read";

/// Puts well-formed values in: one that becomes more than the field's own value did tells what is expected.
fn unreadable(trial: &Trial, probe: &Probe) -> Option<Why> {
    let (Value::String(_) | Value::Number(_)) = &probe.field.value else {
        return None;
    };
    if probe.field.is_blank() || probe.is_structural() || probe.is_read() {
        return None;
    }
    let before = probe.spots();
    well_formed().into_iter().find_map(|(value, problem)| {
        let effect = trial.setting(&probe.field, &value);
        let new: BTreeSet<&Path> = effect
            .touched()
            .filter(|spot| !before.contains(spot))
            .map(|(_, path)| path)
            .collect();
        let is_implausible = problem == NO_TIME && is_time(&probe.field.value);
        let problem = if is_implausible {
            "a time before 2000 or more than a year ahead"
        } else {
            problem
        };
        (!effect.is_structural && !new.is_empty()).then(|| Why::Unreadable {
            problem,
            attributes: new.into_iter().cloned().collect(),
            is_kept: !probe.is_idle(),
        })
    })
}

fn is_time(value: &Value) -> bool {
    to_raw_value(value).is_ok_and(|raw| timestamp::read(&raw).is_some())
}

fn not_needed(field: &Field, origins: &BTreeMap<Spot, Origin>) -> Option<Why> {
    origins
        .iter()
        .find(|(_, origin)| origin.instead_of.contains(&field.path))
        .and_then(|((_, attribute), origin)| {
            let Some(Source::Field(source)) = origin.sources.first() else {
                return None;
            };
            Some(Why::NotNeeded {
                attribute: attribute.clone(),
                source: source.clone(),
            })
        })
}

fn under_a_setting(trial: &Trial, field: &Field, switches: &[Switch]) -> Option<Why> {
    let mut message = trial.message.clone();
    if !field.change_in(&mut message) {
        return None;
    }
    switches
        .iter()
        .filter(|switch| switch.seen.verdict.is_sent())
        .find_map(|switch| {
            let seen =
                trial.see_under(&trial.setup.with(switch.name, &switch.instead), &message)?;
            let effect = trial.between(&switch.seen, &seen);
            let (_, attribute) = effect.touched().chain(&effect.vanished).next()?;
            Some(Why::Setting {
                name: switch.name,
                value: switch.instead.clone(),
                attribute: attribute.clone(),
            })
        })
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Why::Empty => f.write_str("empty"),
            Why::NotNeeded { attribute, source } => {
                write!(f, "not needed: {attribute} comes from {source}")
            }
            Why::Unreadable {
                problem,
                attributes,
                is_kept,
            } => {
                let names: Vec<_> = attributes.iter().map(ToString::to_string).collect();
                let kept = if *is_kept { "; kept as it is" } else { "" };
                write!(f, "cannot be {}: {problem}{kept}", names.join(", "))
            }
            Why::Setting {
                name,
                value,
                attribute,
            } if value.is_empty() => {
                write!(f, "without {name} it is {attribute}")
            }
            Why::Setting {
                name,
                value,
                attribute,
            } => write!(f, "with {name}={value} it is {attribute}"),
            Why::Unread => f.write_str("no rule reads it"),
        }
    }
}
