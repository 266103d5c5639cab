//! `check`: whether the Klaviyo key and the list fit the settings.

use segment_klaviyo::handler::Reply;

use crate::harness::{self, Harness};
use crate::output;

/// Asks Klaviyo for everything that deliveries need: the key's scopes and the list. Changes
/// nothing. Exit code 0: no finding failed, 1: one did, 2: error.
///
/// It uses the stand-in's secret and no queues. To check a deployment, invoke the function with
/// {"check": true}.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo check --klaviyo-url https://a.klaviyo.com --settings LIST_ID=Y6nRLr"
)]
pub(crate) struct Arguments {
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    harness: harness::Options,
}

/// Shows the findings, and returns whether deliveries would arrive.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let event = serde_json::from_str(r#"{"check": true}"#).map_err(|error| error.to_string())?;
    let harness = Harness::start(&arguments.harness).await?;
    let Ok(Reply::Check(report)) = harness.invoke(&event).await.reply else {
        return Err("the function did not answer the check".to_owned());
    };
    if arguments.json {
        output::line(&output::json(&report));
    } else {
        output::check_report("check", &report);
    }
    Ok(report.is_passed())
}
