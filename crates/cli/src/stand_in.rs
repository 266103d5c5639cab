//! `stand-in`: AWS and Klaviyo for a function that runs elsewhere, such as in `sam local invoke`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use segment_klaviyo_stand_in::{StandIn, StandInOptions};
use serde_json::json;

use crate::output;

/// The pause between two looks for new requests.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Plays Secrets Manager, SQS, DynamoDB and Klaviyo for a function in a container, and shows each request to
/// Klaviyo.
///
/// It has no access control, so listen only where no stranger can reach it. It holds nothing real.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo stand-in --listen 172.17.0.1:8025 --env-file target/sam-local.json\n\
    then:    sam local invoke -e events/order-completed.json --env-vars target/sam-local.json"
)]
pub(crate) struct Arguments {
    /// The address to listen on. On Linux, Docker containers reach this machine at 172.17.0.1; for
    /// Docker Desktop, listen on 127.0.0.1 and set --reached-as.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,

    /// The address at which the function reaches it, if it is not --listen, such as
    /// host.docker.internal:8025.
    #[arg(long, value_name = "HOST:PORT")]
    reached_as: Option<String>,

    /// Writes the environment that directs a function here, as `sam local invoke --env-vars` reads
    /// it.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// The only API key that Klaviyo accepts.
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,

    /// Enforces Klaviyo's rate limits.
    #[arg(long)]
    rate_limits: bool,

    /// The milliseconds that Klaviyo takes for each request.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    latency_ms: u64,

    /// Does not show the requests.
    #[arg(long)]
    quiet: bool,
}

/// Plays AWS and Klaviyo until the tool is stopped.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments {
        listen,
        reached_as,
        env_file,
        api_key,
        rate_limits,
        latency_ms,
        quiet,
    } = arguments;
    let options = StandInOptions {
        rate_limits,
        latency: Duration::from_millis(latency_ms),
        api_key,
    };
    let stand_in = StandIn::listen(listen, options)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let url = match reached_as {
        Some(host) => format!("http://{host}"),
        None => stand_in.url().to_owned(),
    };
    if let Some(path) = env_file {
        // SAM sets only variables that the template has.
        let variables = json!({
            "AWS_ENDPOINT_URL": url,
            "KLAVIYO_BASE_URL": url,
            "KLAVIYO_URL_IS_TEST": "true",
            "SECRET_ID": "local",
            "RETRY_QUEUE_URL": format!("{url}/retry"),
            "DEAD_LETTER_QUEUE_URL": format!("{url}/dead-letters"),
        });
        let text = format!("{:#}\n", json!({"Parameters": variables}));
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    output::line(&format!(
        "Secrets Manager, SQS, DynamoDB and Klaviyo at {url}; press Ctrl-C to stop"
    ));
    if quiet {
        std::future::pending::<()>().await;
    }
    let (mut number, mut shown) = (1, 0);
    loop {
        let new_requests = {
            let requests = &stand_in.state().requests;
            if shown > requests.len() {
                // A script has reset the stand-in.
                shown = 0;
            }
            // They stay in the state, as its inspection API shows them too.
            requests.get(shown..).unwrap_or_default().to_vec()
        };
        for request in &new_requests {
            output::request(number, request);
            number += 1;
        }
        shown += new_requests.len();
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
