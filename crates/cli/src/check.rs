//! `check`: whether the Klaviyo key and the list fit the settings.

use segment_klaviyo::check::CheckReport;
use segment_klaviyo::handler::Reply;
use serde::Serialize;

use crate::harness::{self, Harness, KlaviyoName};
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

/// The report of a check, and who answered it.
#[derive(Serialize)]
struct CheckOutput<'r> {
    klaviyo: &'r KlaviyoName,
    #[serde(flatten)]
    report: &'r CheckReport,
}

/// Shows the findings, and returns whether deliveries would arrive.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let event = serde_json::from_str(r#"{"check": true}"#).map_err(|error| error.to_string())?;
    let harness = Harness::start(&arguments.harness).await?;
    let Ok(Reply::Check(report)) = harness.invoke_reachable(&event).await?.reply else {
        return Err("the function did not answer the check".to_owned());
    };
    let klaviyo = arguments.harness.klaviyo();
    if arguments.json {
        output::line(&output::json(&CheckOutput {
            klaviyo: &klaviyo,
            report: &report,
        }));
        return Ok(report.is_passed());
    }
    output::klaviyo(&klaviyo);
    output::check_report("check", &report);
    if klaviyo == KlaviyoName::StandIn {
        output::hint(
            "A stand-in answered: it says nothing about a real key or list. To ask Klaviyo, set KLAVIYO_API_KEY\n\
             and give --klaviyo-url https://a.klaviyo.com",
        );
    }
    Ok(report.is_passed())
}
