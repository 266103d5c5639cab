//! `send`: sends Lambda events and messages through the function.

use std::path::PathBuf;

use segment_klaviyo::handler::Reply;

use crate::harness::{self, Harness};
use crate::{input, output};

/// Sends messages through the function, and shows the response to Segment and the requests to
/// Klaviyo.
///
/// Plain messages are signed with the shared secret `local-shared-secret`; an array or NDJSON
/// becomes one delivery. Lambda events are sent unchanged, with the signature that they have.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo send --settings ENFORCE_EMAIL=false events/order-completed.json"
)]
pub(crate) struct Arguments {
    /// Lambda events, Segment messages, arrays of them or NDJSON; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    harness: harness::Options,
}

/// Sends the files one after another.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let harness = Harness::start(&arguments.harness).await?;
    for path in &arguments.files {
        let event = input::event(path)?;
        let name = input::name(path);
        let (reply, requests) = harness
            .invoke(&event)
            .await
            .map_err(|error| format!("{name}: {error}"))?;
        match reply {
            Reply::Webhook(response) | Reply::Message(response) => {
                output::delivery(&name, &response, &requests)
            }
            Reply::Check(report) => output::check_report(&name, &report),
            Reply::Records(_) => {
                return Err(format!(
                    "{name}: records of an SQS queue; expected an HTTP request"
                ));
            }
        }
    }
    Ok(())
}
