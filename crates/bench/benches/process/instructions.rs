//! The function's instructions, counted by valgrind, which no other program on the machine changes.

use std::path::Path;
use std::process::{Command, ExitCode};

use segment_klaviyo_bench::messages::{batch, event, track};

use crate::program::{Program, build};

/// The number of deliveries that are counted.
const SINGLES: usize = 500;
const BATCHES: usize = 5;

/// Prints the instructions of a start, of a delivery of one message, and of a message in a batch of
/// 1,000. Needs valgrind.
pub(crate) async fn run() -> ExitCode {
    let program = build("segment-klaviyo", "bootstrap");
    let single = event(&track(0));
    let batch_of_1000 = event(&batch(1_000));
    let start = count(&program, None).await;
    let singles = count(&program, Some((&single, SINGLES))).await - start;
    let batches = count(&program, Some((&batch_of_1000, BATCHES))).await - start;
    println!("| | instructions |\n|---|---|");
    println!("| start, secret included | {start} |");
    println!(
        "| one message in a delivery | {} |",
        singles / SINGLES as u64
    );
    println!(
        "| a message in a batch of 1,000 | {} |",
        batches / BATCHES as u64 / 1_000
    );
    ExitCode::SUCCESS
}

/// Counts the instructions of a process that gets a delivery a number of times, or none.
async fn count(program: &Path, delivery: Option<(&str, usize)>) -> u64 {
    let counts = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program);
    let (mut running, _) = Program::start_as(valgrind).await;
    if let Some((event, times)) = delivery {
        running.cost(event, 0, times).await;
    }
    running.end();
    let text = std::fs::read_to_string(&counts).unwrap();
    std::fs::remove_file(counts).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.unwrap().parse().unwrap()
}
