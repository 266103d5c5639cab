//! `stand-in`: AWS and Klaviyo for a function that runs elsewhere, such as in `sam local invoke`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use segment_klaviyo_stand_in::{StandIn, StandInOptions};
use serde_json::json;

use crate::output;

/// How often new calls are looked for.
const PAUSE: Duration = Duration::from_millis(100);

/// Plays Secrets Manager, SQS and Klaviyo for a function in a container, and shows each call to Klaviyo.
///
/// It has no protection of its own and holds nothing real: listen only where no stranger can reach.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo stand-in --listen 172.17.0.1:8025 --env-file target/sam-local.json\n\
    then:    sam local invoke -e events/order-completed.json --env-vars target/sam-local.json"
)]
pub(crate) struct Arguments {
    /// Where to listen. 172.17.0.1 is this machine as Docker containers see it on Linux; for Docker Desktop
    /// listen on 127.0.0.1 and give --reached-as.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,

    /// The address that the function reaches it at, if that is another one, such as host.docker.internal:8025.
    #[arg(long, value_name = "HOST:PORT")]
    reached_as: Option<String>,

    /// Writes the variables that lead a function here, as `sam local invoke --env-vars` reads them.
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
    let url = reached_as.map_or_else(
        || stand_in.url().to_owned(),
        |host| format!("http://{host}"),
    );
    if let Some(path) = env_file {
        // What the template leaves to AWS; SAM sets only variables that the template has.
        let variables = json!({
            "AWS_ENDPOINT_URL": url,
            "KLAVIYO_BASE_URL": url,
            "SECRET_ID": "local",
            "RETRY_QUEUE_URL": format!("{url}/retry"),
            "DEAD_LETTER_QUEUE_URL": format!("{url}/dead-letters"),
        });
        let text = format!("{:#}\n", json!({"Parameters": variables}));
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    output::line(&format!(
        "Secrets Manager, SQS and Klaviyo at {url}; Ctrl-C ends it"
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
            output::call(number, request);
            number += 1;
        }
        shown += new_requests.len();
        tokio::time::sleep(PAUSE).await;
    }
}
