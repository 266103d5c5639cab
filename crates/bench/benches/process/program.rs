//! A built function, with its stand-ins in this process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use segment_klaviyo_stand_in::{Account, RuntimeApi, StandIn};
use serde_json::Value;

/// A running function.
pub(crate) struct Program {
    child: Child,
    lambda: RuntimeApi,
    stand_in: StandIn,
}

/// The cost of a delivery.
pub(crate) struct Cost {
    /// Milliseconds on a processor.
    pub(crate) cpu: f64,
    /// Milliseconds until the answer, the stand-ins' share included.
    pub(crate) wall: f64,
    /// The number of requests to Klaviyo.
    pub(crate) requests: usize,
}

impl Program {
    /// Starts a program, and returns the milliseconds until it asked for its first event.
    pub(crate) async fn start(path: &Path) -> (Self, f64) {
        Program::start_as(Command::new(path)).await
    }

    /// Starts a program with settings beside those of the stand-ins.
    pub(crate) async fn start_with(path: &Path, settings: &[(&str, &str)]) -> (Self, f64) {
        Program::start_command(Command::new(path), settings).await
    }

    /// Starts the program of a command.
    pub(crate) async fn start_as(command: Command) -> (Self, f64) {
        Program::start_command(command, &[]).await
    }

    async fn start_command(mut command: Command, settings: &[(&str, &str)]) -> (Self, f64) {
        let stand_in = StandIn::start().await.unwrap();
        let mut lambda = RuntimeApi::start().await.unwrap();
        let path = std::env::var_os("PATH").map(|path| ("PATH", path));
        command
            .env_clear()
            .envs(path)
            .envs(stand_in.environment())
            .envs(lambda.environment())
            .envs(glibc_variables())
            .envs(settings.iter().copied())
            .stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().unwrap();
        let init = lambda.ready().await.unwrap() - started;
        let program = Program {
            child,
            lambda,
            stand_in,
        };
        (program, init.as_secs_f64() * 1e3)
    }

    /// Sends a delivery a number of times, after some to warm up, and returns the cost of one.
    pub(crate) async fn cost(&mut self, event: &str, warm_up: usize, times: usize) -> Cost {
        for _ in 0..warm_up {
            self.deliver(event).await;
        }
        let cpu_before = self.cpu();
        let mut wall = 0.0;
        let mut requests = 0;
        for _ in 0..times {
            let (milliseconds, count) = self.deliver(event).await;
            wall += milliseconds;
            requests += count;
        }
        assert_eq!(requests % times, 0, "deliveries make different requests");
        Cost {
            cpu: (self.cpu() - cpu_before) / times as f64,
            wall: wall / times as f64,
            requests: requests / times,
        }
    }

    /// Asks the program to end, and waits until it has.
    pub(crate) fn end(mut self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").arg(id).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap();
    }

    /// Sends a delivery and returns the milliseconds until the answer, and the number of requests
    /// to Klaviyo.
    async fn deliver(&mut self, event: &str) -> (f64, usize) {
        let started = Instant::now();
        let (kind, answer) = self.lambda.invoke(event).await.unwrap();
        let elapsed = started.elapsed();
        // The baselines answer with nothing.
        let is_success = answer.is_null() || answer["statusCode"] == 200;
        assert!(kind == "response" && is_success, "{kind} {answer}");
        self.lambda.ready().await.unwrap();
        let mut state = self.stand_in.state();
        let requests = std::mem::take(&mut state.requests).len();
        state.account = Account::default();
        (elapsed.as_secs_f64() * 1e3, requests)
    }

    /// Sends a delivery, and returns what the answer says about it.
    pub(crate) async fn answer(&mut self, event: &str) -> String {
        let Ok((_, answer)) = self.lambda.invoke(event).await else {
            return "no answer".to_owned();
        };
        let body = answer["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let mut counts = answer["statusCode"].to_string();
        for outcome in ["delivered", "ignored", "rejected", "queued"] {
            counts.push_str(&format!(", {outcome} {}", body[outcome]));
        }
        counts
    }

    /// Returns the milliseconds on a processor so far, of all threads.
    fn cpu(&self) -> f64 {
        let mut nanoseconds = 0.0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap() {
            let path = thread.unwrap().path().join("schedstat");
            let text = std::fs::read_to_string(path).unwrap();
            let first = text.split(' ').next().unwrap();
            nanoseconds += first.parse::<f64>().unwrap();
        }
        nanoseconds / 1e6
    }

    /// Returns the peak memory so far, in MiB.
    pub(crate) fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the variables with which the template limits the memory that glibc keeps.
fn glibc_variables() -> Vec<(&'static str, &'static str)> {
    let mut variables = Vec::new();
    for line in include_str!("../../../../template.yaml").lines() {
        if let Some((name, value)) = line.trim().split_once(": ")
            && name.starts_with("MALLOC_")
        {
            variables.push((name, value.trim_matches('"')));
        }
    }
    assert_eq!(variables.len(), 2, "the template's variables for glibc");
    variables
}

/// Keeps this process and its children on one processor. On two, each request and answer would wake
/// up the other one, and the cost of that depends on what else they do: the CPU of a single message
/// doubled on a machine that was idle.
pub(crate) fn stay_on_one_processor() {
    let allowed = sched_getaffinity(None).unwrap();
    let mut processors = 0..CpuSet::MAX_CPU;
    let first = processors.find(|processor| allowed.is_set(*processor));
    let mut one = CpuSet::new();
    one.set(first.unwrap());
    sched_setaffinity(None, &one).unwrap();
}

/// Builds a program as Lambda gets it, and returns its path.
pub(crate) fn build(package: &str, name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--release", "--locked"])
        .args(["--package", package, "--bin", name])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    // The variables that cargo sets about this package would make the build compile `ring` again,
    // and everything that needs it, each time.
    for (variable, _) in std::env::vars() {
        if variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(variable);
        }
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success());
    let mut path = None;
    for line in built.stdout.split(|byte| *byte == b'\n') {
        let message: Value = serde_json::from_slice(line).unwrap_or_default();
        if let Some(executable) = message["executable"].as_str() {
            path = Some(PathBuf::from(executable));
        }
    }
    path.expect("cargo names the program")
}
