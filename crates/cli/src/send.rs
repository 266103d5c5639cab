//! `send`: sends Lambda events and messages through the function.

mod delivery;
mod input_event;
mod request_summary;
mod summary;

use std::path::PathBuf;

use segment_klaviyo::ingress::EventPayload;
use serde_json::Value;

use crate::harness::{self, Harness};
use crate::{input, output};
use input_event::Input;

/// Sends messages through the function, and shows what Segment is told, and what Klaviyo gets.
///
/// The messages of a file become one delivery, signed with the shared secret `local-shared-secret`.
/// Lambda events are sent unchanged, with the signature that they have, and messages of an SQS queue
/// as the function takes them from there. Exit code 0: every message is delivered or ignored, 1: one is not, 2: error.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo send --settings ENFORCE_EMAIL=false events/order-completed.json"
)]
pub(crate) struct Arguments {
    /// Segment messages, Lambda events or messages of an SQS queue, gzipped or not; directories; `-` is
    /// stdin.
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
    let mut inputs = Vec::new();
    for file in input::read_files(&arguments.files)? {
        for delivery in input::deliveries(file.items) {
            let input = Input::new(&file.name, delivery)
                .map_err(|problem| format!("{}: {problem}", file.name))?;
            inputs.push((file.name.clone(), input));
        }
    }
    let harness = Harness::start(&arguments.harness).await?;
    let klaviyo = arguments.harness.klaviyo();
    if !arguments.json {
        output::klaviyo(&klaviyo);
    }
    let mut documents: Vec<Value> = Vec::new();
    let mut is_clean = true;
    let mut has_requests = false;
    for (name, input) in inputs {
        let delivery = input.send(&name, &harness).await;
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

/// Sends one event and prints what becomes of it. Returns whether every message is delivered or ignored.
pub(crate) async fn print_event(
    name: &str,
    event: EventPayload,
    options: &harness::Options,
) -> Result<bool, String> {
    let harness = Harness::start(options).await?;
    output::klaviyo(&options.klaviyo());
    let delivery = Input::Event(Box::new(event)).send(name, &harness).await?;
    summary::print(&delivery);
    Ok(delivery.is_clean())
}
