//! `send`: sends Lambda events and messages through the function.

mod delivery;
mod request_summary;
mod summary;

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{self, Harness};
use crate::{input, output};
use delivery::Delivery;

/// Sends messages through the function, and shows what Segment is told, and what Klaviyo gets.
///
/// Plain messages are signed with the shared secret `local-shared-secret`; an array or NDJSON
/// becomes one delivery. Lambda events are sent unchanged, with the signature that they have. Exit
/// code 0: every message is delivered or ignored, 1: one is not, 2: error.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo send --settings ENFORCE_EMAIL=false events/order-completed.json"
)]
pub(crate) struct Arguments {
    /// Lambda events, Segment messages, arrays of them or NDJSON; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Shows the bodies of the response and of the requests too.
    #[arg(short = 'v', long)]
    bodies: bool,

    /// Prints JSON for scripts, with all bodies.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    harness: harness::Options,
}

/// Sends the files one after another. Returns whether every message is delivered or ignored.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    // All of them are read before anything is sent: a file that is missing sends nothing.
    let mut events = Vec::new();
    for path in &arguments.files {
        events.push((input::name(path), input::event(path)?));
    }
    let harness = Harness::start(&arguments.harness).await?;
    let klaviyo = arguments.harness.klaviyo();
    if !arguments.json {
        output::klaviyo(&klaviyo);
    }
    let mut documents: Vec<Value> = Vec::new();
    let mut is_clean = true;
    let mut has_requests = false;
    for (name, event) in events {
        let delivery = match harness.invoke_reachable(&event).await {
            Ok(invocation) => Delivery::new(&name, &klaviyo, invocation),
            Err(error) => Err(error),
        };
        let delivery = delivery.map_err(|error| format!("{name}: {error}"))?;
        is_clean &= delivery.is_clean();
        has_requests |= !delivery.requests.is_empty();
        if arguments.json {
            documents.push(delivery.json());
        } else if arguments.bodies {
            delivery.print_bodies();
        } else {
            summary::print(&delivery);
        }
    }
    if arguments.json {
        output::line(&output::json(&documents));
    } else if has_requests && !arguments.bodies {
        output::hint("--bodies shows the bodies of the requests, `explain` where they come from");
    }
    Ok(is_clean)
}
