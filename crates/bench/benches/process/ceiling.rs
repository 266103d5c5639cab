//! The memory that the worst deliveries need.

use std::process::ExitCode;

use segment_klaviyo_bench::worst::{WORST_DELIVERIES, event_of};

use crate::program::{Program, build};

/// The most MiB that any delivery may need. A function of 256 MB is killed at 256.
const CEILING: f64 = 200.0;

/// Prints the peak memory of each delivery in a process of its own. Fails if one is over the ceiling.
pub(crate) async fn run() -> ExitCode {
    let path =
        std::env::var("PROGRAM").map_or_else(|_| build("segment-klaviyo", "bootstrap"), Into::into);
    let mut is_exceeded = false;
    println!("| delivery | body (KB) | messages per status | peak memory (MiB) |");
    println!("|---|---|---|---|");
    for worst in WORST_DELIVERIES {
        let body = (worst.body)();
        let settings = [
            ("LIST_ID", "Y6nRLr"),
            ("RETRY_QUEUE_URL", "http://localhost/retry"),
        ];
        let (mut program, _) = Program::start_with(&path, &settings).await;
        let counts = program.answer(&event_of(&body)).await;
        let peak = program.peak();
        is_exceeded |= peak > CEILING;
        println!(
            "| {} | {} | {counts} | {peak:.0} |",
            worst.name,
            body.len() / 1_000
        );
    }
    if is_exceeded {
        eprintln!("a delivery needs more than {CEILING} MiB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
