//! The built function as Lambda runs it: beside the least that a function in Rust can be (`floor.rs`), or how what it
//! takes grows with what it is sent. `docs/performance.md` says how, and what came out.
//!
//!     cargo bench --bench process -- [RUNS]
//!     cargo bench --bench process -- growth [RUNS]
//!     cargo bench --bench process -- instructions

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

mod chart;
mod growth;
mod instructions;
mod program;
mod ratios;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (mut what, mut runs) = (String::new(), None);
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("growth" | "instructions", _) => what = argument,
            (_, Ok(number)) => runs = Some(number),
            // Cargo's own.
            ("--bench", _) => {}
            _ => {
                eprintln!("{argument} is neither `growth`, `instructions` nor a number of runs");
                return ExitCode::from(2);
            }
        }
    }
    match what.as_str() {
        "growth" => growth::run(runs.unwrap_or(5)).await,
        "instructions" => instructions::run().await,
        _ => ratios::run(runs.unwrap_or(9)).await,
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
