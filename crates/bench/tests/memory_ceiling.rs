//! The most memory that the function has in use at a time, for the deliveries that need most. An
//! allocator counts it, so it is the same on every machine.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is the report"
)]

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use segment_klaviyo::handler::{Destination, InvocationContext, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::telemetry::Log;
use segment_klaviyo_bench::worst::{WORST_DELIVERIES, event_of};
use segment_klaviyo_stand_in::{Account, StandIn};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// The most bytes in use at a time. The program itself needs 7 MiB, and glibc keeps some more than is
/// in use: `cargo bench --bench process -- ceiling` measures all of it, which has to stay below
/// 200 MiB.
const CEILING: u64 = 100_000_000;

/// The time of a delivery. What is left then goes into the queue.
const BUDGET_MS: &str = "1500";

#[test]
fn memory_has_a_ceiling_whatever_is_delivered() {
    let environment = start_stand_in();
    let mut over = Vec::new();
    for worst in WORST_DELIVERIES {
        let event = event_of(&(worst.body)());
        let runtime = runtime();
        let destination = runtime.block_on(start(&environment));
        let mut status = 0;
        let used = measure(|| status = runtime.block_on(deliver(&destination, &event)));
        report(worst.name, used.bytes_max, status);
        if used.bytes_max > CEILING {
            over.push(worst.name);
        }
    }
    assert!(over.is_empty(), "over the ceiling: {}", over.join("; "));
}

/// Starts a stand-in in a thread of its own, as the allocator counts each thread by itself. Returns
/// the variables that lead there.
fn start_stand_in() -> Vec<(&'static str, String)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let stand_in = StandIn::start().await.unwrap();
            sender.send(stand_in.environment()).unwrap();
            // Nothing that it records is read.
            loop {
                sleep(Duration::from_millis(100)).await;
                let mut state = stand_in.state();
                state.requests.clear();
                state.queues.clear();
                state.account = Account::default();
            }
        });
    });
    let mut environment = receiver.recv().unwrap();
    environment.push(("DELIVERY_BUDGET_MS", BUDGET_MS.to_owned()));
    environment.push(("LIST_ID", "Y6nRLr".to_owned()));
    environment.push(("RETRY_QUEUE_URL", "http://localhost/retry".to_owned()));
    environment
}

async fn start(environment: &[(&str, String)]) -> Destination {
    let get = |name: &str| {
        let variable = environment.iter().find(|(key, _)| *key == name)?;
        Some(variable.1.clone())
    };
    Destination::start(get, Log::new(|_| {})).await.unwrap()
}

/// Delivers an event as the program does, and returns the status.
async fn deliver(destination: &Destination, event: &str) -> u16 {
    let payload: EventPayload = serde_json::from_str(event).unwrap();
    let context = InvocationContext::default();
    match destination.handle(&payload, context).await.unwrap() {
        Reply::Webhook(response) => response.status,
        _ => 0,
    }
}

/// Writes to standard output itself, as the output of `println` is shown only when a test fails.
fn report(name: &str, bytes: u64, status: u16) {
    let mut output = std::io::stdout();
    let megabytes = bytes as f64 / 1e6;
    writeln!(output, "{name}: {megabytes:.1} MB, answered {status}").unwrap();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
