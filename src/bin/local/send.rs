//! `send`: Lambda events through the function.

use std::path::{Path, PathBuf};

use segment_klaviyo::handler::Reply;
use segment_klaviyo::ingress::LambdaEvent;

use crate::desk::{self, Desk};
use crate::show;

/// Sends Lambda events through the function and shows what Segment is told and what Klaviyo gets.
///
/// Samples are signed with the shared secret `local-shared-secret`.
#[derive(clap::Args)]
#[command(after_help = "Example: local send --settings ENFORCE_EMAIL=false events/order-completed.json")]
pub(crate) struct Arguments {
    /// Lambda events (JSON): API Gateway HTTP API, REST API or Function URL requests.
    #[arg(required = true, value_name = "EVENT")]
    events: Vec<PathBuf>,

    #[command(flatten)]
    desk: desk::Options,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let desk = Desk::open(arguments.desk).await?;
    for path in &arguments.events {
        let event = read(path)?;
        let (reply, calls) = desk.invoke(&event).await.map_err(|error| format!("{}: {error}", path.display()))?;
        match reply {
            Reply::Http(answer) => show::delivery(path, &answer, &calls),
            Reply::Check(report) => show::report(path, &report),
            Reply::Records(_) => {
                return Err(format!("{}: records of a queue; expected an HTTP request", path.display()));
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<LambdaEvent, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: not a Lambda event: {error}", path.display()))
}
