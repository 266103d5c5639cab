//! The function's instructions, counted by valgrind: no other program on the machine changes them.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::program::{Program, build};
use segment_klaviyo_bench::messages::{batch, event, track};

/// Deliveries that are counted.
const SINGLES: usize = 500;
const BATCHES: usize = 5;

/// Prints how many instructions a start, a delivery of one message and one of 1,000 take. Needs valgrind.
pub(crate) async fn run() -> ExitCode {
    let program = build("segment-klaviyo", "bootstrap");
    let start = count(&program, &[]).await;
    let (one, thousand) = (event(&track(0)), event(&batch(1_000)));
    let of_one = (count(&program, &[(&one, SINGLES)]).await - start) / SINGLES as u64;
    let of_thousand = (count(&program, &[(&thousand, BATCHES)]).await - start) / BATCHES as u64;
    println!("| | instructions |\n|---|---|");
    println!("| start, secret included | {start} |");
    println!("| one message a delivery | {of_one} |");
    println!(
        "| a message in a batch of 1,000 | {} |",
        of_thousand / 1_000
    );
    ExitCode::SUCCESS
}

/// Instructions of a process that is started and sent these deliveries, each so many times.
async fn count(program: &Path, deliveries: &[(&str, usize)]) -> u64 {
    let counts = std::env::temp_dir().join(format!("callgrind.{}", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program);
    let (mut running, _) = Program::start_as(valgrind).await;
    for (event, times) in deliveries {
        running.cost(event, 0, *times).await;
    }
    running.end();
    let text = std::fs::read_to_string(&counts).unwrap();
    std::fs::remove_file(counts).unwrap();
    text.lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .unwrap()
        .parse()
        .unwrap()
}
