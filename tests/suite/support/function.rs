//! The function, started with a stand-in as its AWS and Klaviyo.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use segment_klaviyo::handler::{Destination, StartError};
use segment_klaviyo::telemetry::Log;
use segment_klaviyo_stand_in::StandIn;
use serde_json::Value;

use super::log::MemoryLog;
use super::settings::Setting;

/// Starts a function that delivers to `stand_in`. `settings` win over the stand-in's environment.
pub(crate) async fn start(
    stand_in: &StandIn,
    settings: &[Setting<'_>],
    log: Arc<MemoryLog>,
) -> Result<Destination, StartError> {
    let mut variables: BTreeMap<&str, String> = stand_in.environment().into_iter().collect();
    for (name, value) in settings {
        variables.insert(name, (*value).to_owned());
    }
    let log = Log::new(move |line: &str| log.write(line));
    Destination::start(|name: &str| variables.get(name).cloned(), log).await
}

/// Returns the path of a file of the repository.
pub(crate) fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads an event of `events/`.
pub(crate) fn sample(name: &str) -> Value {
    serde_json::from_str(&read(&format!("events/{name}.json"))).unwrap()
}
