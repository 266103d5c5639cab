//! A built function, its stand-ins in this process, and what is read of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use segment_klaviyo_stand_in::{RuntimeApi, StandIn};
use serde_json::Value;

pub(crate) struct Program {
    child: Child,
    lambda: RuntimeApi,
    stand_in: StandIn,
}

/// What an invocation takes.
pub(crate) struct Cost {
    /// Milliseconds on a processor.
    pub(crate) cpu: f64,
    /// Milliseconds until the answer, the stand-ins' share included.
    pub(crate) wall: f64,
    /// Requests to Klaviyo.
    pub(crate) calls: usize,
}

impl Program {
    /// Starts the program: how long until it asked for its first event, in milliseconds.
    pub(crate) async fn start(path: &Path) -> (Self, f64) {
        Program::start_as(Command::new(path)).await
    }

    /// Starts the program as `command` does.
    pub(crate) async fn start_as(mut command: Command) -> (Self, f64) {
        let stand_in = StandIn::start().await.unwrap();
        let mut lambda = RuntimeApi::start().await.unwrap();
        let path = std::env::var_os("PATH").map(|path| ("PATH", path));
        command
            .env_clear()
            .envs(path)
            .envs(stand_in.environment())
            .envs(lambda.environment())
            .envs(memory());
        command.stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().unwrap();
        let init = lambda.ready().await.unwrap() - started;
        (
            Program {
                child,
                lambda,
                stand_in,
            },
            init.as_secs_f64() * 1e3,
        )
    }

    /// What each of so many invocations takes, after some to warm up.
    pub(crate) async fn cost(&mut self, event: &str, warm_up: usize, times: usize) -> Cost {
        for _ in 0..warm_up {
            self.invoke(event).await;
        }
        let (before, mut wall, mut calls) = (self.cpu(), 0.0, 0);
        for _ in 0..times {
            let (took, called) = self.invoke(event).await;
            wall += took;
            calls += called;
        }
        assert_eq!(calls % times, 0, "each invocation makes the same calls");
        Cost {
            cpu: (self.cpu() - before) / times as f64,
            wall: wall / times as f64,
            calls: calls / times,
        }
    }

    /// Asks the program to end, and waits until it has.
    pub(crate) fn end(mut self) {
        assert!(
            Command::new("kill")
                .arg(self.child.id().to_string())
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap();
    }

    /// Milliseconds until the answer, and the requests to Klaviyo.
    async fn invoke(&mut self, event: &str) -> (f64, usize) {
        let started = Instant::now();
        let (kind, answer) = self.lambda.invoke(event).await.unwrap();
        let took = started.elapsed();
        assert!(
            kind == "response" && (answer.is_null() || answer["statusCode"] == 200),
            "{kind} {answer}"
        );
        self.lambda.ready().await.unwrap();
        let mut state = self.stand_in.state();
        let calls = std::mem::take(&mut state.requests).len();
        state.account = Default::default();
        (took.as_secs_f64() * 1e3, calls)
    }

    /// Milliseconds on a processor so far, of all threads.
    fn cpu(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let times = threads.map(|thread| {
            std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap()
        });
        times
            .map(|text| text.split(' ').next().unwrap().parse::<f64>().unwrap())
            .sum::<f64>()
            / 1e6
    }

    /// The most memory so far, in MiB.
    pub(crate) fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The variables by which the template has glibc keep memory.
fn memory() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("../../../../template.yaml")
        .lines()
        .filter_map(|line| line.trim().split_once(": "));
    let of_glibc = lines.filter(|(name, _)| name.starts_with("MALLOC_"));
    let found: Vec<_> = of_glibc
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    assert_eq!(found.len(), 2, "the template's variables for glibc");
    found
}

/// Keeps this process and what it starts on one processor. On two, each request and answer would wake the other up, and
/// what that costs depends on what else they do: the CPU of a single message doubled on a machine that was idle.
pub(crate) fn stay_on_one_processor() {
    let allowed = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set(
        (0..CpuSet::MAX_CPU)
            .find(|processor| allowed.is_set(*processor))
            .unwrap(),
    );
    sched_setaffinity(None, &one).unwrap();
}

/// Builds a program as Lambda gets it: where it is.
pub(crate) fn build(package: &str, name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            package,
            "--bin",
            name,
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    // What cargo tells this process of its package would make it compile `ring`, and what needs it, each time anew.
    for (variable, _) in std::env::vars().filter(|(variable, _)| is_of_package(variable)) {
        cargo.env_remove(variable);
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success());
    let mut messages = built
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let executable = |message: Value| message["executable"].as_str().map(PathBuf::from);
    messages
        .find_map(executable)
        .expect("cargo names the program")
}

fn is_of_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_"]
        .iter()
        .any(|start| variable.starts_with(start))
}
