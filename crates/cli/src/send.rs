//! `send`: Lambda events and messages through the function.

use std::path::{Path, PathBuf};

use segment_klaviyo::handler::Reply;

use crate::harness::{self, Harness};
use crate::{input, output};

/// Sends messages through the function and shows what Segment is told and what Klaviyo gets.
///
/// Plain messages are signed with the shared secret `local-shared-secret`, an array or NDJSON as one delivery.
/// Lambda events go as they are, signature and all.
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

/// Sends each file in turn.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let harness = Harness::start(arguments.harness).await?;
    for path in &arguments.files {
        let (event, name) = (input::event(path)?, input::name(path));
        let (reply, calls) = harness
            .invoke(&event)
            .await
            .map_err(|error| format!("{name}: {error}"))?;
        let name = Path::new(&name);
        match reply {
            Reply::Http(answer) => output::delivery(name, &answer, &calls),
            Reply::Check(report) => output::report(name, &report),
            Reply::Records(_) => {
                return Err(format!(
                    "{}: records of a queue; expected an HTTP request",
                    name.display()
                ));
            }
        }
    }
    Ok(())
}
