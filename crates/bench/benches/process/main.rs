//! Measures the built function as Lambda runs it: beside the two baselines, or with deliveries that
//! grow. `docs/performance.md` explains the method and the results.
//!
//!     cargo bench --bench process -- [RUNS]
//!     cargo bench --bench process -- growth [RUNS]
//!     cargo bench --bench process -- instructions
//!     cargo bench --bench process -- ceiling

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark may panic"
)]

mod ceiling;
mod chart;
mod growth;
mod instructions;
mod median;
mod program;
mod ratios;

use std::process::ExitCode;

/// A kind of measurement.
enum Measurement {
    Ratios,
    Growth,
    Instructions,
    Ceiling,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut measurement = Measurement::Ratios;
    let mut runs = None;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "growth" => measurement = Measurement::Growth,
            "instructions" => measurement = Measurement::Instructions,
            "ceiling" => measurement = Measurement::Ceiling,
            // Cargo adds it.
            "--bench" => {}
            text => match text.parse() {
                Ok(number) => runs = Some(number),
                Err(_) => {
                    eprintln!(
                        "{text} is neither growth, instructions, ceiling nor a number of runs"
                    );
                    return ExitCode::from(2);
                }
            },
        }
    }
    match measurement {
        Measurement::Ratios => ratios::run(runs.unwrap_or(9)).await,
        Measurement::Growth => growth::run(runs.unwrap_or(5)).await,
        Measurement::Instructions => instructions::run().await,
        Measurement::Ceiling => ceiling::run().await,
    }
}
