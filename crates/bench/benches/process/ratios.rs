//! The function beside the least that a function in Rust can be, and beside that with one call to Klaviyo.
//!
//! All are built alike and measured in turns: what the machine does besides, all feel, so the ratios hold where the
//! times drift.

use std::path::Path;
use std::process::ExitCode;

use crate::median;
use crate::program::{Program, build, stay_on_one_processor};
use segment_klaviyo_bench::messages::{batch, event, track};

/// What the program may weigh, in bytes: every cold start loads it.
const SIZE_BUDGET: u64 = 5_400_000;

/// Invocations of one message, and of a batch, after some to warm up.
const SINGLES: usize = 1_000;
const BATCHES: usize = 20;
const WARM_UP: usize = 20;

/// What is measured, in the order of the table.
const MEASURES: [&str; 6] = [
    "init, secret included (ms)",
    "CPU, one message a delivery (µs)",
    "CPU, a message in a batch of 1,000 (µs)",
    "peak memory, one message (MiB)",
    "peak memory, batch of 4,000 (MiB)",
    "binary (MB)",
];

/// Prints the table. It fails only where the machine has no say: when the program weighs too much.
pub(crate) async fn run(runs: usize) -> ExitCode {
    let floor = |name| build("segment-klaviyo-bench", name);
    let programs = [
        floor("floor"),
        floor("call"),
        build("segment-klaviyo", "bootstrap"),
    ];
    stay_on_one_processor();
    let mut found = [const { Vec::new() }; 3];
    for _ in 0..runs {
        for ((program, calls), found) in programs.iter().zip([0, 1, 1]).zip(&mut found) {
            found.push(measure(program, calls).await);
        }
    }
    println!(
        "| medians of {runs} | floor | floor and a call | segment-klaviyo | × floor | × floor and a call |"
    );
    println!("|---|---|---|---|---|---|");
    for (at, name) in MEASURES.iter().enumerate() {
        let [floor, call, ours] = found
            .each_ref()
            .map(|runs| median(runs.iter().map(|run| run[at])));
        println!(
            "| {name} | {floor:.2} | {call:.2} | {ours:.2} | {:.2} | {:.2} |",
            ours / floor,
            ours / call
        );
    }
    let size = size(&programs[2]);
    if size > SIZE_BUDGET {
        eprintln!(
            "bootstrap is {size} bytes, {} more than its budget of {SIZE_BUDGET}",
            size - SIZE_BUDGET
        );
        return ExitCode::FAILURE;
    }
    println!("\nbootstrap is {size} bytes of {SIZE_BUDGET} that it may be");
    ExitCode::SUCCESS
}

/// One value for each of [`MEASURES`], of a program that makes so many calls for a message.
async fn measure(path: &Path, calls: usize) -> Vec<f64> {
    let (mut program, init) = Program::start(path).await;
    let single = program.cost(&event(&track(0)), WARM_UP, SINGLES).await;
    assert_eq!(single.calls, calls, "of {}", path.display());
    let single = single.cpu * 1e3;
    let small = program.peak();
    let in_batch = program
        .cost(&event(&batch(1_000)), WARM_UP, BATCHES)
        .await
        .cpu;
    program.cost(&event(&batch(4_000)), 0, 1).await;
    vec![
        init,
        single,
        in_batch,
        small,
        program.peak(),
        size(path) as f64 / 1e6,
    ]
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}
