//! The function beside the two baselines: one that does nothing, and one that sends one request to
//! Klaviyo.
//!
//! All three are built alike and measured in turns. Whatever else the machine does slows all of
//! them, so the ratios hold where the times drift.

use std::path::Path;
use std::process::ExitCode;

use segment_klaviyo_bench::messages::{batch, event, track};

use crate::median::median;
use crate::program::{Program, build, stay_on_one_processor};

/// The most bytes of the program: every cold start loads them.
const SIZE_BUDGET: u64 = 6_400_000;

/// The number of deliveries of one message, and of a batch, after some to warm up.
const SINGLES: usize = 1_000;
const BATCHES: usize = 20;
const WARM_UP: usize = 20;

/// The rows of the table.
const MEASURES: [&str; 6] = [
    "init, secret included (ms)",
    "CPU, one message a delivery (µs)",
    "CPU, a message in a batch of 1,000 (µs)",
    "peak memory, one message (MiB)",
    "peak memory, batch of 4,000 (MiB)",
    "binary (MB)",
];

/// One value for each of [`MEASURES`].
type MeasureValues = [f64; MEASURES.len()];

/// Prints the table. It fails only over a measure that does not depend on the machine: the size of
/// the program.
pub(crate) async fn run(runs: usize) -> ExitCode {
    let floor = build("segment-klaviyo-bench", "floor");
    let request = build("segment-klaviyo-bench", "request");
    let function = build("segment-klaviyo", "bootstrap");
    stay_on_one_processor();
    let (mut floor_runs, mut request_runs, mut function_runs) =
        (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        floor_runs.push(measure(&floor, 0).await);
        request_runs.push(measure(&request, 1).await);
        function_runs.push(measure(&function, 1).await);
    }
    println!(
        "| medians of {runs} | floor | floor and a request | segment-klaviyo | × floor | × floor and a request |"
    );
    println!("|---|---|---|---|---|---|");
    for (row, name) in MEASURES.iter().enumerate() {
        let floor = median(floor_runs.iter().map(|run| run[row]));
        let request = median(request_runs.iter().map(|run| run[row]));
        let function = median(function_runs.iter().map(|run| run[row]));
        println!(
            "| {name} | {floor:.2} | {request:.2} | {function:.2} | {:.2} | {:.2} |",
            function / floor,
            function / request
        );
    }
    check_size(&function)
}

/// Measures a program that sends Klaviyo this number of requests for a message.
async fn measure(path: &Path, requests: usize) -> MeasureValues {
    let (mut program, init) = Program::start(path).await;
    let single = program.cost(&event(&track(0)), WARM_UP, SINGLES).await;
    assert_eq!(single.requests, requests, "of {}", path.display());
    let peak_of_single = program.peak();
    let batch_of_1000 = program.cost(&event(&batch(1_000)), WARM_UP, BATCHES).await;
    program.cost(&event(&batch(4_000)), 0, 1).await;
    [
        init,
        single.cpu * 1e3,
        // Milliseconds for 1,000 messages are microseconds for one.
        batch_of_1000.cpu,
        peak_of_single,
        program.peak(),
        size(path) as f64 / 1e6,
    ]
}

fn check_size(function: &Path) -> ExitCode {
    let size = size(function);
    if size > SIZE_BUDGET {
        let excess = size - SIZE_BUDGET;
        eprintln!("bootstrap is {size} bytes, {excess} more than its budget of {SIZE_BUDGET}");
        return ExitCode::FAILURE;
    }
    let left = SIZE_BUDGET - size;
    println!("\nbootstrap is {size} bytes of {SIZE_BUDGET}, {left} left");
    ExitCode::SUCCESS
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}
