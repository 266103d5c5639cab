//! `check`: whether the Klaviyo key and the list are as the settings need them.

use std::path::Path;

use segment_klaviyo::check::Severity;
use segment_klaviyo::handler::Reply;

use crate::harness::{self, Harness};
use crate::output;

/// Asks Klaviyo what deliveries need: the key's scopes, the list. Nothing is changed. Exit code 1: a finding
/// failed.
///
/// The secret and the queues are the stand-in's; of a deployment, invoke the function with {"check": true}.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo check --klaviyo-url https://a.klaviyo.com --settings LIST_ID=Y6nRLr"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    harness: harness::Options,
}

/// Whether deliveries would arrive.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let event = serde_json::from_str(r#"{"check": true}"#).map_err(|error| error.to_string())?;
    let harness = Harness::start(arguments.harness).await?;
    match harness.invoke(&event).await?.0 {
        Reply::Check(report) => {
            output::report(Path::new("check"), &report);
            Ok(report.check != Severity::Failed)
        }
        Reply::Http(_) | Reply::Records(_) => {
            Err("the function did not answer the check".to_owned())
        }
    }
}
