//! `check`: whether the Klaviyo key and the list fit the settings.

use segment_klaviyo::check::Severity;
use segment_klaviyo::handler::Reply;

use crate::harness::{self, Harness};
use crate::output;

/// Asks Klaviyo for everything that deliveries need: the key's scopes and the list. Changes
/// nothing. Exit code 1: a finding failed.
///
/// It uses the stand-in's secret and no queues. To check a deployment, invoke the function with
/// {"check": true}.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo check --klaviyo-url https://a.klaviyo.com --settings LIST_ID=Y6nRLr"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    harness: harness::Options,
}

/// Shows the findings, and returns whether deliveries would arrive.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let event = serde_json::from_str(r#"{"check": true}"#).map_err(|error| error.to_string())?;
    let harness = Harness::start(&arguments.harness).await?;
    match harness.invoke(&event).await?.0 {
        Reply::Check(report) => {
            output::check_report("check", &report);
            Ok(report.check != Severity::Failed)
        }
        Reply::Webhook(_) | Reply::Message(_) | Reply::Records(_) => {
            Err("the function did not answer the check".to_owned())
        }
    }
}
