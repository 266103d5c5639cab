//! The built function as Lambda runs it, beside the least that a function in Rust can be (`floor.rs`).
//!
//!     cargo bench --bench process [RUNS]
//!
//! Both are built the same way and measured in turns: what the machine does besides, both feel, so the ratios
//! hold where the times drift. Secrets Manager, Klaviyo and Lambda are stand-ins in this process, which answer at
//! once; CPU and memory are read of the function's process alone.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

#[path = "../messages.rs"]
mod messages;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use segment_klaviyo::standin::{RuntimeApi, StandIn};

use messages::{batch, event, track};

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

struct Program {
    child: Child,
    lambda: RuntimeApi,
    standin: StandIn,
}

impl Program {
    /// Starts the program: how long until it asked for its first event, in milliseconds.
    async fn start(path: &Path) -> (Self, f64) {
        let standin = StandIn::start().await.unwrap();
        let mut lambda = RuntimeApi::start().await.unwrap();
        let mut command = Command::new(path);
        command.env_clear().envs(standin.environment()).envs(lambda.environment()).stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().unwrap();
        let init = lambda.ready().await.unwrap() - started;
        (Program { child, lambda, standin }, init.as_secs_f64() * 1e3)
    }

    async fn invoke(&mut self, event: &str) {
        let (kind, answer) = self.lambda.invoke(event).await.unwrap();
        assert!(kind == "response" && (answer.is_null() || answer["statusCode"] == 200), "{kind} {answer}");
        self.lambda.ready().await.unwrap();
        self.standin.held().calls.clear();
        self.standin.held().account = Default::default();
    }

    /// CPU that an invocation takes, in microseconds.
    async fn cpu(&mut self, event: &str, times: usize) -> f64 {
        for _ in 0..WARM_UP {
            self.invoke(event).await;
        }
        let before = self.cpu_so_far();
        for _ in 0..times {
            self.invoke(event).await;
        }
        (self.cpu_so_far() - before) / 1e3 / times as f64
    }

    /// Nanoseconds on a processor, of all threads.
    fn cpu_so_far(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let times = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap());
        times.map(|text| text.split(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// The most memory so far, in MiB.
    fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One value for each of [`MEASURES`].
async fn measure(path: &Path) -> Vec<f64> {
    let (mut program, init) = Program::start(path).await;
    let single = program.cpu(&event(&track(0)), SINGLES).await;
    let small = program.peak();
    let in_batch = program.cpu(&event(&batch(1_000)), BATCHES).await / 1_000.0;
    program.invoke(&event(&batch(4_000))).await;
    vec![init, single, in_batch, small, program.peak(), std::fs::metadata(path).unwrap().len() as f64 / 1e6]
}

/// Builds both as Lambda gets them.
fn build() -> [PathBuf; 2] {
    let cargo = |arguments: &[&str]| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--no-default-features"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success());
    };
    cargo(&["--bin", "bootstrap"]);
    cargo(&["--bin", "floor", "--features", "floor"]);
    let target = Path::new(env!("CARGO_BIN_EXE_bootstrap")).parent().unwrap();
    let target = target.ancestors().find(|path| path.ends_with("release")).unwrap_or(target);
    [target.join("floor"), target.join("bootstrap")]
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(9);
    let programs = build();
    let mut found = [Vec::new(), Vec::new()];
    for _ in 0..runs {
        for (program, found) in programs.iter().zip(&mut found) {
            found.push(measure(program).await);
        }
    }
    println!("| medians of {runs} | floor | segment-klaviyo | ratio |\n|---|---|---|---|");
    for (at, name) in MEASURES.iter().enumerate() {
        let [floor, ours] = found.each_ref().map(|runs| median(runs.iter().map(|run| run[at])));
        println!("| {name} | {floor:.2} | {ours:.2} | {:.2} |", ours / floor);
    }
}
