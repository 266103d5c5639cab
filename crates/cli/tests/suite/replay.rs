//! `segment-klaviyo replay`, as it is built: it sends recorded messages once, even if it is killed.
//!
//! `REPLAY_MESSAGES` sets the number of messages, for a longer run.

mod checkpoint;
mod input;
mod pace;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use segment_klaviyo_stand_in::{API_KEY, Account, Chaos, Fault, StandIn, Symptom};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::order;

const EVENT_JOBS: &str = "/api/event-bulk-create-jobs";
const SUBSCRIPTION_JOBS: &str = "/api/profile-subscription-bulk-create-jobs";

/// A stand-in for Klaviyo, and a directory for the files of one test.
struct TestBed {
    stand_in: StandIn,
    directory: PathBuf,
}

impl Drop for TestBed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl TestBed {
    async fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("replay")
            .join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        TestBed {
            stand_in: StandIn::start().await.unwrap(),
            directory,
        }
    }

    /// Writes a file of these lines.
    fn file(&self, name: &str, lines: impl IntoIterator<Item = impl ToString>) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = BufWriter::new(File::create(&path).unwrap());
        for line in lines {
            writeln!(file, "{}", line.to_string()).unwrap();
        }
        path
    }

    /// Writes a gzipped file of these lines.
    fn gzipped(&self, name: &str, lines: impl IntoIterator<Item = impl ToString>) -> PathBuf {
        let plain = self.file("plain", lines);
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut zipped = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        zipped.write_all(&fs::read(&plain).unwrap()).unwrap();
        zipped.finish().unwrap();
        fs::remove_file(plain).unwrap();
        path
    }

    /// The command that replays a file to the stand-in.
    fn command(&self, path: &Path, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
        command
            .args(["replay", "--json", "--klaviyo-url", self.stand_in.url()])
            .args(options)
            .arg(path)
            .env("KLAVIYO_API_KEY", API_KEY)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Replays a file: the exit code, the report and stderr.
    async fn replay(&self, path: &Path, options: &[&str]) -> (i32, Value, String) {
        results(self.command(path, options).output().await.unwrap())
    }

    /// The ids of all events in Klaviyo, in the order of their arrival.
    fn events(&self) -> Vec<String> {
        self.stand_in
            .state()
            .account
            .events
            .iter()
            .map(|event| event.unique_id.clone())
            .collect()
    }

    async fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..3_000 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not in 30 seconds");
    }
}

fn results(output: Output) -> (i32, Value, String) {
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (
        output.status.code().unwrap(),
        report,
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The text of a file's checkpoint; empty before there is one.
fn checkpoint_text(path: &Path) -> String {
    fs::read_to_string(checkpoint_of(path)).unwrap_or_default()
}

/// The default path of a file's checkpoint.
fn checkpoint_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.replay.json", path.display()))
}

/// Mostly events, some orders of two lines, some people who subscribe.
fn message(n: usize) -> Value {
    let email = format!("p{n}@klaviyo-demo.com");
    match n % 10 {
        0 | 1 => {
            json!({"type": "identify", "messageId": format!("m{n}"), "timestamp": "2026-11-20T10:00:00Z",
            "traits": {"email": email, "n": n}})
        }
        2 => order(&format!("R{n}"), 2),
        _ => {
            json!({"type": "track", "event": "Seen", "messageId": format!("m{n}"), "userId": email, "properties": {"n": n}})
        }
    }
}

/// The ids of the events that the rules make of the message with this number.
fn events_of(n: usize) -> Vec<String> {
    match n % 10 {
        0 | 1 => Vec::new(),
        2 => vec![format!("R{n}"), format!("R{n}_p0"), format!("R{n}_p1")],
        _ => vec![format!("m{n}")],
    }
}

fn seen(n: usize, timestamp: &str) -> Value {
    json!({"type": "track", "event": "Seen", "messageId": format!("s{n}"), "timestamp": timestamp,
        "userId": "sarah@klaviyo-demo.com"})
}

/// Takes the requests since the last time, counts how often each event arrived, and returns their
/// number.
fn count_arrivals(stand_in: &StandIn, arrivals: &mut HashMap<String, usize>) -> usize {
    let requests = std::mem::take(&mut stand_in.state().requests);
    for request in requests.iter().filter(|it| it.path == EVENT_JOBS) {
        let job = &request.body["data"]["attributes"]["events-bulk-create"]["data"];
        for profile in job.as_array().unwrap() {
            let events = &profile["attributes"]["events"]["data"];
            for event in events.as_array().unwrap() {
                let unique_id = event["attributes"]["unique_id"].as_str().unwrap();
                *arrivals.entry(unique_id.to_owned()).or_default() += 1;
            }
        }
    }
    requests.len()
}

#[tokio::test]
async fn killed_in_the_middle_it_resumes_after_the_last_finished_batch() {
    let count = std::env::var("REPLAY_MESSAGES").map_or(6_000, |text| text.parse().unwrap());
    let bed = TestBed::new("killed").await;
    let path = bed.gzipped("messages.ndjson.gz", (0..count).map(message));
    let options = ["--batch", "500", "--settings", "LIST_ID=Y6nRLr"];
    let (mut arrivals, mut requests) = (HashMap::new(), 0);
    let started = std::time::Instant::now();

    let mut child = bed.command(&path, &options).spawn().unwrap();
    bed.wait_until(|bed| bed.stand_in.state().account.events.len() > count / 3)
        .await;
    child.kill().await.unwrap();
    requests += count_arrivals(&bed.stand_in, &mut arrivals);
    let asked = bed.stand_in.state().account.consents.len();
    let saved: Value = serde_json::from_slice(&fs::read(checkpoint_of(&path)).unwrap()).unwrap();
    assert_eq!(saved["finished"], false);
    let read = saved["tally"]["read"].as_u64().unwrap() as usize;
    assert!(read > 0 && read < count, "it was in the middle: {read}");

    let mut child = bed.command(&path, &options).spawn().unwrap();
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak_memory(&child));
        tokio::select! {
            status = child.wait() => break status.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(20)) => requests += count_arrivals(&bed.stand_in, &mut arrivals),
        }
    };
    requests += count_arrivals(&bed.stand_in, &mut arrivals);
    let (_, report, _) = results(Output {
        status,
        ..child.wait_with_output().await.unwrap()
    });
    assert_eq!(status.code(), Some(0), "{report}");
    assert_eq!(report["read_before"], read);
    for (name, expected) in [
        ("read", count),
        ("delivered", count),
        ("rejected", 0),
        ("unreadable", 0),
        ("given_up", 0),
    ] {
        assert_eq!(report[name], expected, "{name}");
    }

    let mut expected: Vec<_> = (0..count).flat_map(events_of).collect();
    let mut found = bed.events();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "every event is in Klaviyo once");
    let again = arrivals.values().filter(|times| **times > 1).count();
    assert!(
        again <= 500,
        "{again} events arrived twice: more than the interrupted batch"
    );

    let held = bed.stand_in.state();
    let people = (0..count).filter(|n| n % 10 < 2).count();
    let mut consents: HashMap<&str, usize> = HashMap::new();
    for consent in &held.account.consents {
        *consents
            .entry(consent.email.as_deref().unwrap())
            .or_default() += 1;
    }
    assert_eq!(consents.len(), people, "everybody is subscribed");
    let twice = held.account.consents.len() - people;
    assert!(
        twice <= 100,
        "{twice} of {asked} were asked twice: more than the interrupted batch"
    );
    println!(
        "{count} messages, killed after {read}: {} events, {again} of them sent twice, {people} people, {twice} asked twice; \
         {requests} requests in {:.1} s; at most {memory} kB of memory",
        found.len(),
        started.elapsed().as_secs_f64()
    );
}

#[tokio::test]
async fn killed_repeatedly_in_chaos_nothing_is_lost_or_doubled() {
    const COUNT: usize = 2_000;
    const PEOPLE_OF_A_BATCH: usize = 10;
    let bed = TestBed::new("chaos").await;
    let path = bed.file("messages.ndjson", (0..COUNT).map(message));
    let options = [
        "--batch",
        "50",
        "--settings",
        "LIST_ID=Y6nRLr",
        "--settings",
        "DELIVERY_BUDGET_MS=1000",
    ];
    bed.stand_in.state().chaos = Some(Chaos::new(1, 25));

    let mut random = fastrand::Rng::with_seed(1);
    let mut kills = 0;
    let status = loop {
        let mut child = bed.command(&path, &options).spawn().unwrap();
        let patience = Duration::from_millis(if kills < 10 {
            random.u64(50..700)
        } else {
            120_000
        });
        match tokio::time::timeout(patience, child.wait()).await {
            Ok(status) => break status.unwrap(),
            Err(_) => child.kill().await.unwrap(),
        }
        kills += 1;
    };
    assert_eq!(status.code(), Some(0), "after {kills} kills");

    let mut found = bed.events();
    found.sort();
    let mut expected: Vec<_> = (0..COUNT).flat_map(events_of).collect();
    expected.sort();
    assert_eq!(found, expected, "every event is in Klaviyo once");
    let held = bed.stand_in.state();
    let asked: HashSet<_> = held
        .account
        .consents
        .iter()
        .map(|consent| consent.email.clone())
        .collect();
    let people = (0..COUNT).filter(|n| n % 10 < 2).count();
    assert_eq!(asked.len(), people, "everybody is subscribed");
    let most = people + held.unacknowledged_consents + kills * PEOPLE_OF_A_BATCH;
    let sent = held.account.consents.len();
    assert!(
        sent <= most,
        "{sent} subscriptions for {people} people, {kills} kills"
    );
    println!(
        "{kills} kills, {sent} subscriptions for {people} people ({} unacknowledged)",
        held.unacknowledged_consents
    );
}

/// The peak of the memory so far in kB, 0 where it is unknown.
fn peak_memory(child: &Child) -> u64 {
    let status = child
        .id()
        .and_then(|id| fs::read_to_string(format!("/proc/{id}/status")).ok());
    let line = status
        .as_deref()
        .and_then(|status| status.lines().find(|line| line.starts_with("VmHWM")));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn killed_while_waiting_it_asks_nobody_twice() {
    let bed = TestBed::new("killed-waiting").await;
    let path = bed.file("people.ndjson", (0..1_500).map(|n| message(n * 10)));
    let options = ["--batch", "1500", "--settings", "LIST_ID=Y6nRLr"];
    bed.stand_in.state().throttle_only = Some(SUBSCRIPTION_JOBS.to_owned());
    bed.stand_in.state().accept_then_throttle = Some(1);

    let mut child = bed.command(&path, &options).spawn().unwrap();
    bed.wait_until(|_| checkpoint_text(&path).contains("\"labels\""))
        .await;
    child.kill().await.unwrap();
    assert_eq!(
        bed.stand_in.state().account.consents.len(),
        1_000,
        "the first of two jobs is acknowledged"
    );

    bed.stand_in.state().accept_then_throttle = None;
    let (code, report, _) = bed.replay(&path, &options).await;
    assert_eq!((code, &report["delivered"]), (0, &json!(1_500)));
    assert_eq!(
        bed.stand_in.state().account.consents.len(),
        1_500,
        "and the other one is sent now"
    );
}

#[tokio::test]
async fn restarted_and_killed_in_the_first_batch_it_is_not_finished() {
    let bed = TestBed::new("restarted").await;
    let path = bed.file("a.ndjson", (0..30).map(|n| message(n * 10 + 3)));
    bed.replay(&path, &[]).await;
    bed.stand_in.state().account = Account::default();
    let symptom = Symptom::Answer {
        status: 503,
        retry_after: None,
        body: Value::Null,
    };
    let delay = Duration::from_secs(600);
    bed.stand_in.state().faults = vec![Fault {
        delay,
        ..Fault::new(EVENT_JOBS, symptom, 1)
    }];
    let mut child = bed.command(&path, &["--restart"]).spawn().unwrap();
    bed.wait_until(|bed| bed.stand_in.state().faults[0].times == 0)
        .await;
    child.kill().await.unwrap();

    let (code, report, _) = bed.replay(&path, &[]).await;
    assert_eq!(
        (code, &report["read_before"], bed.events().len()),
        (0, &json!(0), 30)
    );
}
