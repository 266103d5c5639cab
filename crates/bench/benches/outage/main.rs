//! Simulates Segment, Lambda, SQS and Klaviyo around several instances of the function, through an
//! outage or under load. Hours take seconds, since the time is simulated. `docs/performance.md`
//! explains the method and the results.
//!
//!     cargo bench --bench outage -- SCENARIO [--OPTION VALUE …]
//!     cargo bench --bench outage -- picture
//!
//! Without a scenario it lists the scenarios and options.
//!
//! Everything runs in one process and on one thread, on tokio's paused clock. It moves on when
//! nothing is left to do at the present moment. So the instances are values of `Destination`, which
//! is all of the function but Lambda's runtime client, and not processes, which have clocks of their
//! own.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark may panic"
)]

mod account;
mod fleet;
mod mapping;
mod metrics;
mod observation;
mod options;
mod picture;
mod processor;
mod report;
mod segment;
mod simulation;
mod template;
mod traffic;

use std::process::ExitCode;

use options::{Options, SCENARIOS};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let Some((name, rest)) = arguments.split_first() else {
        options::print_help();
        return ExitCode::SUCCESS;
    };
    if name == "picture" {
        picture::draw_all(rest);
        return ExitCode::SUCCESS;
    }
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
        eprintln!("{name} is no scenario");
        options::print_help();
        return ExitCode::from(2);
    };
    let options = match Options::parse(scenario, rest) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let course = simulate(&options);
    if let Some(path) = &options.metrics_file {
        std::fs::write(path, course.metrics.to_string()).unwrap();
    }
    report::print_result(&course);
    let mut code = ExitCode::SUCCESS;
    if let Some(seconds) = options.drained_within {
        for failure in report::failures(&course, seconds) {
            eprintln!("{failure}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Runs one simulation in a runtime of its own.
fn simulate(options: &Options) -> observation::Course {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, simulation::run(options))
}
