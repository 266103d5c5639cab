//! `send`: Lambda events through the function.

use std::path::{Path, PathBuf};

use segment_klaviyo::handler::{Destination, Invocation, Reply};
use segment_klaviyo::standin::{self, StandIn};
use segment_klaviyo::telemetry::{Log, chain};

use crate::{cli, show};

/// Sends Lambda events through the function and shows what Segment is told and what Klaviyo gets.
///
/// Samples are signed with the shared secret `local-shared-secret`.
#[derive(clap::Args)]
#[command(after_help = "Example: local send --settings ENFORCE_EMAIL=false events/order-completed.json")]
pub(crate) struct Arguments {
    /// Lambda events (JSON): API Gateway HTTP API, REST API or Function URL requests.
    #[arg(required = true, value_name = "EVENT")]
    events: Vec<PathBuf>,

    /// Calls this Klaviyo instead of the stand-in, with the private key in KLAVIYO_API_KEY.
    #[arg(long, value_name = "URL")]
    klaviyo_url: Option<String>,

    /// Sets one of the function's settings; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = cli::setting)]
    settings: Vec<(String, String)>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let standin = StandIn::start().await.map_err(|error| format!("cannot listen on 127.0.0.1: {error}"))?;
    if let Some(url) = arguments.klaviyo_url {
        let key =
            std::env::var("KLAVIYO_API_KEY").map_err(|_| "--klaviyo-url needs KLAVIYO_API_KEY in the environment")?;
        let mut held = standin.held();
        held.secret = Some(standin::secret(&key));
        held.forward_to = Some(url);
    }
    let environment = standin.environment();
    let get = |name: &str| {
        let chosen = arguments.settings.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        chosen.or_else(|| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))
    };
    let log = Log::new(|_| {});
    let destination = Destination::start(get, log).await.map_err(|error| chain(&error))?;
    for path in &arguments.events {
        let event = read(path)?;
        standin.held().calls.clear();
        let reply = destination.handle(&event, Invocation::default()).await;
        match reply.map_err(|error| format!("{}: {error}", path.display()))? {
            Reply::Http(answer) => show::delivery(path, &answer, &standin.held().calls),
            Reply::Check(report) => show::report(path, &report),
            Reply::Records(_) => {
                return Err(format!("{}: records of a queue; expected an HTTP request", path.display()));
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<segment_klaviyo::ingress::LambdaEvent, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: not a Lambda event: {error}", path.display()))
}
