//! Everything that is found of one message.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;

use super::diff::{self, Difference};
use super::fields::Path;
use super::left_out::{self, Why};
use super::seen::Seen;
use super::switches::{self, Switch};
use super::trace::{self, Origin, Probe, Source};
use super::trial::{Spot, Trial};
use crate::overrides::SettingOverrides;

/// Everything that was found of one message.
pub(super) struct Explanation {
    pub(super) message: Value,
    pub(super) seen: Seen,
    pub(super) origins: BTreeMap<Spot, Origin>,
    /// What is left out or not read as it is meant.
    pub(super) left_out: Vec<(Path, Why)>,
    /// Every field of the message.
    pub(super) fields: Vec<Path>,
    /// Fields that decide whether and how often it is sent, and are nowhere to be seen.
    pub(super) decisive: Vec<Path>,
    pub(super) switches: Vec<Switched>,
    pub(super) remedies: Remedies,
}

/// A setting that makes a difference.
pub(super) struct Switched {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) instead: String,
    pub(super) difference: Difference,
}

/// With what a message would be sent that is not.
#[derive(Default)]
pub(super) struct Remedies {
    /// One or two settings together.
    pub(super) settings: Vec<Vec<(&'static str, String)>>,
    /// Without one of these fields.
    pub(super) without: Vec<Path>,
    /// With another value in one of these fields.
    pub(super) with_another_value: Vec<Path>,
}

/// Explains one message: `seen` is what becomes of its very bytes.
pub(super) fn of(
    message: &Value,
    seen: Seen,
    setup: &SettingOverrides,
    now: OffsetDateTime,
) -> Result<Explanation, String> {
    let trial = Trial::of(message, setup, now)?;
    let probes = trace::probes(&trial);
    let switches = switches::of(&trial);
    let origins = trace::origins(&trial, &probes, &switches);
    let paths = |chosen: &dyn Fn(&Probe) -> bool| -> Vec<Path> {
        probes
            .iter()
            .filter(|probe| chosen(probe))
            .map(|probe| probe.field.path.clone())
            .collect()
    };
    let is_sent = seen.verdict.is_sent();
    let is_source = |path: &Path| {
        let source = Source::Field(path.clone());
        origins
            .values()
            .any(|origin| origin.sources.contains(&source))
    };
    let remedies = if is_sent {
        Remedies::default()
    } else {
        Remedies {
            settings: switches::remedies(&trial),
            without: paths(&Probe::is_sent_without),
            with_another_value: paths(&Probe::is_sent_with_another_value),
        }
    };
    Ok(Explanation {
        left_out: if is_sent {
            left_out::of(&trial, &probes, &origins, &switches)
        } else {
            Vec::new()
        },
        fields: paths(&|_| true),
        decisive: paths(&|probe| is_sent && probe.is_structural() && !is_source(&probe.field.path)),
        switches: switches
            .into_iter()
            .filter_map(|switch| switched(&trial, switch))
            .collect(),
        message: message.clone(),
        seen,
        origins,
        remedies,
    })
}

/// A switch as it is told of; that another list is another list goes without saying.
fn switched(trial: &Trial, switch: Switch) -> Option<Switched> {
    let Switch {
        name,
        value,
        instead,
        seen,
        ..
    } = switch;
    let difference = diff::between(&trial.seen, &seen);
    (name != "LIST_ID" || instead.is_empty()).then_some(Switched {
        name,
        value,
        instead,
        difference,
    })
}
