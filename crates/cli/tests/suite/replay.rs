//! `segment-klaviyo replay`, as it is built: recorded messages to Klaviyo, each once, whatever happens on the way.
//!
//! `REPLAY_MESSAGES` chooses a longer run.

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

/// A stand-in for Klaviyo and a directory of its own.
struct Place {
    stand_in: StandIn,
    directory: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Place {
    async fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("replay")
            .join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        Place {
            stand_in: StandIn::start().await.unwrap(),
            directory,
        }
    }

    /// A file of these lines.
    fn file(&self, name: &str, lines: impl IntoIterator<Item = impl ToString>) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = BufWriter::new(File::create(&path).unwrap());
        for line in lines {
            writeln!(file, "{}", line.to_string()).unwrap();
        }
        path
    }

    /// The same, gzipped.
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

    /// `segment-klaviyo replay` of this file to the stand-in.
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

    /// Its exit code, its report and what it said meanwhile.
    async fn replay(&self, path: &Path, options: &[&str]) -> (i32, Value, String) {
        ended(self.command(path, options).output().await.unwrap())
    }

    fn events(&self) -> Vec<String> {
        self.stand_in
            .state()
            .account
            .events
            .iter()
            .map(|event| event.unique_id.clone())
            .collect()
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        for _ in 0..3_000 {
            if what(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not come to that");
    }
}

fn ended(output: Output) -> (i32, Value, String) {
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (
        output.status.code().unwrap(),
        report,
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn checkpoint(path: &Path) -> PathBuf {
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

/// The ids of the events that the message of this number means.
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

/// Counts how often each event arrived, and forgets the calls.
fn count_arrivals(stand_in: &StandIn, arrived: &mut HashMap<String, usize>) -> usize {
    let calls = std::mem::take(&mut stand_in.state().requests);
    let jobs = calls.iter().filter(|call| call.path == EVENT_JOBS);
    let people = jobs.flat_map(|call| {
        call.body["data"]["attributes"]["events-bulk-create"]["data"]
            .as_array()
            .unwrap()
    });
    for event in
        people.flat_map(|person| person["attributes"]["events"]["data"].as_array().unwrap())
    {
        *arrived
            .entry(
                event["attributes"]["unique_id"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            )
            .or_default() += 1;
    }
    calls.len()
}

#[tokio::test]
async fn killed_in_the_middle_it_goes_on_after_the_last_finished_batch() {
    let count = std::env::var("REPLAY_MESSAGES").map_or(6_000, |text| text.parse().unwrap());
    let place = Place::new("killed").await;
    let path = place.gzipped("messages.ndjson.gz", (0..count).map(message));
    let options = ["--batch", "500", "--settings", "LIST_ID=Y6nRLr"];
    let (mut arrived, mut calls, started) = (HashMap::new(), 0, std::time::Instant::now());

    let mut child = place.command(&path, &options).spawn().unwrap();
    place
        .until(|place| place.stand_in.state().account.events.len() > count / 3)
        .await;
    child.kill().await.unwrap();
    calls += count_arrivals(&place.stand_in, &mut arrived);
    let asked = place.stand_in.state().account.consents.len();
    let saved: Value = serde_json::from_slice(&fs::read(checkpoint(&path)).unwrap()).unwrap();
    assert_eq!(saved["finished"], false);
    let read = saved["tally"]["read"].as_u64().unwrap() as usize;
    assert!(read > 0 && read < count, "it was in the middle: {read}");

    let mut child = place.command(&path, &options).spawn().unwrap();
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak_memory(&child));
        tokio::select! {
            status = child.wait() => break status.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(20)) => calls += count_arrivals(&place.stand_in, &mut arrived),
        }
    };
    calls += count_arrivals(&place.stand_in, &mut arrived);
    let (_, report, _) = ended(Output {
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
    let mut found = place.events();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "every event is there, once");
    let again = arrived.values().filter(|times| **times > 1).count();
    assert!(
        again <= 500,
        "{again} events arrived twice: more than the batch that was under way"
    );

    let held = place.stand_in.state();
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
        "{twice} of {asked} were asked twice: more than the batch that was under way"
    );
    println!(
        "{count} messages, killed after {read}: {} events, {again} of them sent twice, {people} people, {twice} asked twice; \
         {calls} calls in {:.1} s; at most {memory} kB of memory",
        found.len(),
        started.elapsed().as_secs_f64()
    );
}

#[tokio::test]
async fn killed_again_and_again_in_chaos_nothing_is_lost_and_nothing_doubled() {
    const COUNT: usize = 2_000;
    const PEOPLE_OF_A_BATCH: usize = 10;
    let place = Place::new("chaos").await;
    let path = place.file("messages.ndjson", (0..COUNT).map(message));
    let options = [
        "--batch",
        "50",
        "--settings",
        "LIST_ID=Y6nRLr",
        "--settings",
        "DELIVERY_BUDGET_MS=1000",
    ];
    place.stand_in.state().chaos = Some(Chaos::new(1, 25));

    let mut random = fastrand::Rng::with_seed(1);
    let mut kills = 0;
    let status = loop {
        let mut child = place.command(&path, &options).spawn().unwrap();
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

    let mut found = place.events();
    found.sort();
    let mut expected: Vec<_> = (0..COUNT).flat_map(events_of).collect();
    expected.sort();
    assert_eq!(found, expected, "every event is there, once");
    let held = place.stand_in.state();
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

/// The most memory that it has held so far, in kB; 0 where that cannot be told.
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
async fn killed_while_it_waits_nobody_is_asked_twice() {
    let place = Place::new("killed-waiting").await;
    let path = place.file("people.ndjson", (0..1_500).map(|n| message(n * 10)));
    let options = ["--batch", "1500", "--settings", "LIST_ID=Y6nRLr"];
    place.stand_in.state().throttle_only = Some(SUBSCRIPTION_JOBS.to_owned());
    place.stand_in.state().accept_then_throttle = Some(1);

    let mut child = place.command(&path, &options).spawn().unwrap();
    let waits = || {
        fs::read_to_string(checkpoint(&path))
            .unwrap_or_default()
            .contains("\"labels\"")
    };
    place.until(|_| waits()).await;
    child.kill().await.unwrap();
    assert_eq!(
        place.stand_in.state().account.consents.len(),
        1_000,
        "the first of two jobs is acknowledged"
    );

    place.stand_in.state().accept_then_throttle = None;
    let (code, report, _) = place.replay(&path, &options).await;
    assert_eq!((code, &report["delivered"]), (0, &json!(1_500)));
    assert_eq!(
        place.stand_in.state().account.consents.len(),
        1_500,
        "and the other one is sent now"
    );
}

#[tokio::test]
async fn what_is_finished_is_not_sent_again_unless_that_is_asked_for() {
    let place = Place::new("finished").await;
    let path = place.file("people.ndjson", (0..20).map(|n| message(n * 10)));
    let options = ["--settings", "LIST_ID=Y6nRLr"];
    let first = place.replay(&path, &options).await;
    let again = place.replay(&path, &options).await;
    assert_eq!((first.0, again.0), (0, 0));
    assert_eq!(
        first.1["delivered"], again.1["delivered"],
        "the same report"
    );
    assert!(again.2.contains("--restart"), "{}", again.2);
    assert_eq!(place.stand_in.state().account.consents.len(), 20);

    place
        .replay(&path, &[options.as_slice(), &["--restart"]].concat())
        .await;
    assert_eq!(place.stand_in.state().account.consents.len(), 40);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_written_shows_before_anything_is_sent() {
    let place = Place::new("unwritable").await;
    let path = place.file("a.ndjson", [message(3)]);
    let nowhere = place.directory.join("nowhere").join("checkpoint");
    let (code, _, said) = place
        .replay(&path, &["--checkpoint", nowhere.to_str().unwrap()])
        .await;
    assert!(code == 2 && said.contains("nowhere"), "{said}");
    assert!(place.stand_in.state().requests.is_empty());
}

#[tokio::test]
async fn two_at_once_do_not_send_the_same() {
    let place = Place::new("twice").await;
    let path = place.file("archive/a.ndjson", (0..30).map(|n| message(n * 10 + 3)));
    place.stand_in.state().accept_then_throttle = Some(0);
    let checkpoint = checkpoint(&path);
    let options = ["--checkpoint", checkpoint.to_str().unwrap()];
    let mut child = place.command(&path, &options).spawn().unwrap();
    place
        .until(|place| !place.stand_in.state().requests.is_empty())
        .await;
    for options in [&options[..], &[&options[..], &["--restart"]].concat()] {
        let (code, _, said) = place
            .replay(&path, &[options, &["--give-up-after", "0s"]].concat())
            .await;
        assert!(
            code == 2 && said.contains("another replay is under way"),
            "{said}"
        );
    }
    child.kill().await.unwrap();
    place.stand_in.state().accept_then_throttle = None;
    let archive = place.directory.join("archive");
    let (code, report, said) = place.replay(&archive, &options).await;
    assert_eq!(
        (code, &report["files"], place.events().len()),
        (0, &json!(1), 30),
        "nothing is left of it: {said}"
    );
}

#[tokio::test]
async fn a_file_that_is_named_twice_is_sent_once_and_the_checkpoint_never() {
    let place = Place::new("overlap").await;
    let archive = place.directory.join("archive");
    place.file("archive/a.ndjson", [message(3)]);
    place.file(
        "archive/b.ndjson",
        [format!("\u{feff}{}", message(4)), message(5).to_string()],
    );
    let other = archive.join("..").join("archive").join("b.ndjson");
    let state = archive.join("state.json");
    let options = [
        other.to_str().unwrap(),
        "--checkpoint",
        state.to_str().unwrap(),
        "--settings",
        "LIST_ID=Y6nRLr",
    ];
    for _ in 0..2 {
        let (code, report, said) = place.replay(&archive, &options).await;
        assert_eq!(
            (code, &report["files"], &report["delivered"]),
            (0, &json!(2), &json!(3)),
            "{said}"
        );
    }
    assert_eq!(place.events().len(), 3);

    let before = fs::read(&other).unwrap();
    for (path, expected) in [
        (&archive, "not the checkpoint of a replay"),
        (&other, "cannot be a file of messages"),
    ] {
        let (code, _, said) = place
            .replay(
                path,
                &["--restart", "--checkpoint", other.to_str().unwrap()],
            )
            .await;
        assert!(code == 2 && said.contains(expected), "{said}");
    }
    assert_eq!(fs::read(&other).unwrap(), before);
}

#[tokio::test]
async fn begun_anew_and_killed_in_the_first_batch_it_is_not_finished() {
    let place = Place::new("anew").await;
    let path = place.file("a.ndjson", (0..30).map(|n| message(n * 10 + 3)));
    place.replay(&path, &[]).await;
    place.stand_in.state().account = Account::default();
    let symptom = Symptom::Answer {
        status: 503,
        retry_after: None,
        body: Value::Null,
    };
    let delay = Duration::from_secs(600);
    place.stand_in.state().faults = vec![Fault {
        delay,
        ..Fault::new(EVENT_JOBS, symptom, 1)
    }];
    let mut child = place.command(&path, &["--restart"]).spawn().unwrap();
    place
        .until(|place| place.stand_in.state().faults[0].times == 0)
        .await;
    child.kill().await.unwrap();

    let (code, report, _) = place.replay(&path, &[]).await;
    assert_eq!(
        (code, &report["read_before"], place.events().len()),
        (0, &json!(0), 30)
    );
}

#[tokio::test]
async fn a_line_that_is_no_message_is_reported_and_costs_only_itself() {
    let place = Place::new("unreadable").await;
    let nameless = json!({"type": "track", "event": "", "messageId": "nameless", "userId": "sarah@klaviyo-demo.com"});
    let lines = [
        "nonsense".to_owned(),
        message(3).to_string(),
        String::new(),
        "[1]".to_owned(),
        nameless.to_string(),
    ];
    let endless = "x".repeat(7 * 1024 * 1024);
    let others = [
        r#"{"requestContext": {}, "body": "{}"}"#,
        r#"{"timestamp": 1, "message": "{}"}"#,
    ]
    .map(str::to_owned);
    let rest = [endless, message(4).to_string(), "{\"cut".to_owned()]
        .into_iter()
        .chain(others);
    let path = place.file("a.log", lines.into_iter().chain(rest));

    let (code, report, _) = place.replay(&path, &[]).await;
    assert_eq!(code, 1);
    let counts =
        ["read", "delivered", "rejected", "unreadable"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [9, 2, 1, 6]);
    assert_eq!(
        report["reasons"],
        json!({"rejected": {"invalid_event_name": 1}, "unreadable": {"not_a_message": 6}})
    );
    let at = |line: usize| format!("{}:{line}", path.display());
    let examples: Vec<_> = report["examples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["at"].as_str().unwrap())
        .collect();
    assert_eq!(examples, [at(1), at(4), at(5), at(6)]);
    assert_eq!(report["examples"][2]["message_id"], "nameless");
    assert_eq!(place.events(), ["m3", "m4"]);
}

#[tokio::test]
async fn strict_stops_before_the_line_and_goes_on_without() {
    let place = Place::new("strict").await;
    let path = place.file(
        "a.ndjson",
        [
            message(3).to_string(),
            "nonsense".to_owned(),
            message(4).to_string(),
        ],
    );
    let (code, report, _) = place.replay(&path, &["--strict"]).await;
    assert_eq!(
        (code, &report["finished"], &report["unreadable"]),
        (1, &json!(false), &json!(1))
    );
    assert_eq!(report["goes_on_at"], format!("{}:2", path.display()));
    assert_eq!(place.events(), ["m3"]);

    let (code, report, _) = place.replay(&path, &[]).await;
    let counts = ["read", "delivered", "unreadable"].map(|name| report[name].as_u64().unwrap());
    assert_eq!((code, counts), (1, [3, 2, 1]), "nothing is counted twice");
    assert_eq!(place.events(), ["m3", "m4"]);
}

#[tokio::test]
async fn a_broken_archive_ends_it_there_and_once_it_is_whole_it_goes_on() {
    let place = Place::new("archive").await;
    place.file("archive/2/b.json", [message(4)]);
    let broken = place.gzipped("archive/1/a.gz", (0..500).map(|n| message(n * 10 + 3)));
    place.file("archive/notes.txt", ["not meant"]);
    let last = place.gzipped("archive/3.gz", [message(5)]);
    let archive = place.directory.join("archive");
    let whole = fs::read(&broken).unwrap();
    fs::write(&broken, &whole[..whole.len() / 2]).unwrap();

    let (code, report, _) = place.replay(&archive, &[]).await;
    assert_eq!(
        (code, &report["files"], &report["finished"]),
        (1, &json!(3), &json!(false))
    );
    assert_eq!(
        report["reasons"]["unreadable"],
        json!({"file_unreadable": 1})
    );
    let delivered = report["delivered"].as_u64().unwrap();
    assert!(
        delivered > 0 && delivered < 500,
        "what can be read of it is sent: {delivered}"
    );
    assert_eq!(
        report["goes_on_at"],
        format!("{}:{}", broken.display(), delivered + 1)
    );
    assert!(
        place.directory.join("archive.replay.json").exists(),
        "the checkpoint is beside the directory"
    );

    fs::write(&broken, &whole).unwrap();
    let (code, report, said) = place.replay(&archive, &[]).await;
    assert_eq!(
        (code, &report["delivered"], &report["unreadable"]),
        (0, &json!(502), &json!(0)),
        "{said}"
    );
    let (mut found, mut expected) = (
        place.events(),
        (0..500)
            .map(|n| format!("m{}", n * 10 + 3))
            .collect::<Vec<_>>(),
    );
    expected.extend(["m4".to_owned(), "m5".to_owned()]);
    assert_eq!(found.last(), expected.last(), "in the order of their names");
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "every event is there, once");
    let calls = place.stand_in.state().requests.len();
    fs::write(&last, fs::read(&last).unwrap().repeat(2)).unwrap();
    let (code, _, said) = place.replay(&archive, &[]).await;
    assert!(
        code == 2 && said.contains("3.gz has changed since"),
        "finished, nothing may be added: {said}"
    );
    assert_eq!(place.stand_in.state().requests.len(), calls);
}

#[tokio::test]
async fn a_line_that_is_mended_goes_on_and_what_was_sent_may_not_change() {
    let place = Place::new("mended").await;
    let long = |n: usize| seen(n, &"x".repeat(1_000)).to_string();
    let lines = |first: usize, bad: &str| {
        let good = (first..300).map(long);
        good.chain([String::new(), bad.to_owned(), message(4).to_string()])
            .collect::<Vec<_>>()
    };
    let path = place.file("a.ndjson", lines(0, "nonsense, and much of it"));
    let (code, report, _) = place.replay(&path, &["--strict"]).await;
    assert_eq!((code, &report["delivered"]), (1, &json!(300)));
    assert_eq!(report["goes_on_at"], format!("{}:302", path.display()));

    place.file("a.ndjson", lines(1, &message(3).to_string()));
    let (code, _, said) = place.replay(&path, &["--strict"]).await;
    assert!(
        code == 2 && said.contains("a.ndjson has changed since"),
        "{said}"
    );
    for bad in [
        "[]",
        "nonsense of another length, longer than the one before was",
        &message(3).to_string(),
    ] {
        place.file("a.ndjson", lines(0, bad));
        let (code, report, said) = place.replay(&path, &["--strict"]).await;
        let is_mended = bad.starts_with('{');
        assert_eq!(
            (code, &report["finished"]),
            (i32::from(!is_mended), &json!(is_mended)),
            "{said}"
        );
    }
    assert_eq!(place.events().len(), 302, "each once");
}

#[tokio::test]
async fn filters_choose_by_time_event_and_type() {
    let place = Place::new("filters").await;
    let times = [
        "2026-11-18T23:59:59Z",
        "2026-11-19T00:00:00Z",
        "2026-11-20T23:59:59Z",
        "2026-11-21T00:00:00Z",
    ];
    let seen = times.iter().enumerate().map(|(n, time)| seen(n, time));
    let path = place.file("a.ndjson", seen.chain([message(0), message(2)]));
    for (options, expected) in [
        (
            ["--since", "2026-11-19", "--until", "2026-11-20"].as_slice(),
            vec!["s1", "s2", "R2", "R2_p0", "R2_p1"],
        ),
        (
            &["--event", "Order Completed"],
            vec!["R2", "R2_p0", "R2_p1"],
        ),
        (
            &["--event", "Seen", "--since", "2026-11-20T23:59:59Z"],
            vec!["s2", "s3"],
        ),
        (&["--type", "identify"], vec![]),
    ] {
        place.stand_in.state().account = Account::default();
        let (code, report, _) = place
            .replay(&path, &[options, &["--restart"]].concat())
            .await;
        let found: HashSet<_> = place.events().into_iter().collect();
        assert_eq!(
            (code, found),
            (0, expected.iter().map(ToString::to_string).collect()),
            "{options:?}"
        );
        let sum: u64 = ["delivered", "left_out"]
            .iter()
            .map(|name| report[name].as_u64().unwrap())
            .sum();
        assert_eq!(sum, 6, "{options:?}");
    }
}

#[tokio::test]
async fn a_backfill_fires_no_flows_whatever_the_time_of_an_event() {
    let place = Place::new("backfill").await;
    let path = place.file(
        "a.ndjson",
        [
            seen(0, "2026-11-20T10:00:00Z"),
            seen(1, "no time"),
            seen(2, "2027-01-01T00:00:00Z"),
        ],
    );
    place.replay(&path, &[]).await;
    assert!(
        place
            .stand_in
            .state()
            .account
            .events
            .iter()
            .all(|event| !event.backfill)
    );
    place.stand_in.state().account = Account::default();
    place.replay(&path, &["--restart", "--backfill"]).await;
    let flags: Vec<_> = place
        .stand_in
        .state()
        .account
        .events
        .iter()
        .map(|event| event.backfill)
        .collect();
    assert_eq!(flags, [true, true, true]);
}

#[tokio::test]
async fn a_dry_run_decides_and_calls_nobody() {
    let place = Place::new("dry").await;
    let nobody = json!({"type": "track", "event": "Seen", "anonymousId": "a1"});
    let path = place.file("a.ndjson", [message(0), message(3), nobody]);
    let (code, report, _) = place.replay(&path, &["--dry-run"]).await;
    assert_eq!(
        (code, &report["delivered"], &report["dry_run"]),
        (0, &json!(2), &json!(true))
    );
    assert_eq!(report["reasons"], json!({"ignored": {"no_email": 1}}));
    assert!(place.stand_in.state().requests.is_empty());
    assert!(!checkpoint(&path).exists());
}

#[tokio::test]
async fn a_replay_that_would_do_something_else_than_it_began_is_refused() {
    let place = Place::new("changed").await;
    let path = place.file("a.ndjson", (0..20).map(message));
    place.replay(&path, &[]).await;
    let calls = place.stand_in.state().requests.len();

    let (code, _, said) = place.replay(&path, &["--settings", "LIST_ID=Y6nRLr"]).await;
    assert!(
        code == 2 && said.contains("LIST_ID was not given"),
        "{said}"
    );
    let (code, _, said) = place.replay(&path, &["--backfill"]).await;
    assert!(
        code == 2 && said.contains("--backfill was not given"),
        "{said}"
    );
    place.file("a.ndjson", (1..21).map(message));
    let (code, _, said) = place.replay(&path, &[]).await;
    assert!(
        code == 2 && said.contains("a.ndjson has changed") && said.contains("--restart"),
        "{said}"
    );
    fs::write(checkpoint(&path), "{}").unwrap();
    let (code, _, said) = place.replay(&path, &[]).await;
    assert!(
        code == 2 && said.contains("not the checkpoint of a replay"),
        "{said}"
    );
    assert_eq!(
        place.stand_in.state().requests.len(),
        calls,
        "nothing was sent"
    );
    let (code, ..) = place
        .replay(
            &path,
            &[
                "--checkpoint",
                place.directory.join("other").to_str().unwrap(),
            ],
        )
        .await;
    assert_eq!(code, 0);
}

#[tokio::test]
async fn throttled_it_waits_as_long_as_klaviyo_says_and_ends_with_everything_delivered() {
    let place = Place::new("throttled").await;
    let path = place.file("a.ndjson", (0..300).map(|n| message(n * 10 + 3)));
    let error = json!({"errors": [{"status": 429, "code": "throttled"}]});
    let symptom = Symptom::Answer {
        status: 429,
        retry_after: Some(1),
        body: error,
    };
    let fault = Fault::new(EVENT_JOBS, symptom, 2);
    place.stand_in.state().faults = vec![fault];
    // A try of half a second cannot wait for a whole one: the replay does.
    let (code, report, said) = place
        .replay(
            &path,
            &["--batch", "100", "--settings", "DELIVERY_BUDGET_MS=500"],
        )
        .await;
    assert_eq!(
        (code, &report["delivered"], &report["given_up"]),
        (0, &json!(300), &json!(0))
    );
    assert_eq!(place.events().len(), 300);
    assert!(said.contains("Klaviyo throttles; 100 wait 1.0 s"), "{said}");
    let calls = &place.stand_in.state().requests;
    assert_eq!(
        calls.iter().filter(|call| call.path == EVENT_JOBS).count(),
        5,
        "three batches, and two tries more"
    );
}

#[tokio::test]
async fn given_up_it_keeps_what_is_not_delivered_for_the_next_time() {
    let place = Place::new("given-up").await;
    let path = place.file("a.ndjson", (0..90).map(|n| message(n * 10 + 3)));
    place.stand_in.state().accept_then_throttle = Some(1);
    let options = ["--batch", "30", "--give-up-after", "1m"];
    let (code, report, said) = place.replay(&path, &options).await;
    let counts = ["read", "delivered", "given_up"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(
        (code, counts),
        (1, [60, 30, 30]),
        "two minutes are more than one: {said}"
    );
    assert_eq!(report["reasons"], json!({"given_up": {"throttled": 30}}));
    assert_eq!(report["goes_on_at"], format!("{}:31", path.display()));

    place.stand_in.state().accept_then_throttle = None;
    let (code, report, _) = place.replay(&path, &options).await;
    let counts = ["read", "delivered", "given_up"].map(|name| report[name].as_u64().unwrap());
    assert_eq!((code, counts), (0, [90, 90, 0]));
}

#[tokio::test]
async fn a_key_that_klaviyo_refuses_is_not_tried_for_hours() {
    let place = Place::new("key").await;
    let path = place.file("a.ndjson", [message(3)]);
    let output = place
        .command(&path, &[])
        .env("KLAVIYO_API_KEY", "pk_of_somebody_else")
        .output()
        .await
        .unwrap();
    let (code, report, _) = ended(output);
    assert_eq!(
        (code, &report["reasons"]),
        (1, &json!({"given_up": {"klaviyo_key_refused": 1}}))
    );
    let output = place
        .command(&path, &["--restart"])
        .env_remove("KLAVIYO_API_KEY")
        .output()
        .await
        .unwrap();
    let (code, _, said) = ended(output);
    assert!(code == 2 && said.contains("KLAVIYO_API_KEY"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_after_what_is_under_way_and_says_how_to_go_on() {
    for signal in ["-INT", "-TERM"] {
        stopped_by(signal).await;
    }
}

#[cfg(unix)]
async fn stopped_by(signal: &str) {
    let place = Place::new(signal).await;
    let path = place.file("a.ndjson", (0..90).map(|n| message(n * 10 + 3)));
    place.stand_in.state().accept_then_throttle = Some(1);
    let child = place.command(&path, &["--batch", "30"]).spawn().unwrap();
    let waits = || {
        fs::read_to_string(checkpoint(&path))
            .unwrap_or_default()
            .contains("\"calls\":2")
    };
    place.until(|_| waits()).await;
    let id = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    let (code, report, said) = ended(child.wait_with_output().await.unwrap());
    assert_eq!(
        (code, &report["delivered"], &report["given_up"]),
        (1, &json!(30), &json!(0)),
        "{said}"
    );
    assert_eq!(report["goes_on_at"], format!("{}:31", path.display()));
    place.stand_in.state().accept_then_throttle = None;
    let (code, report, _) = place.replay(&path, &["--batch", "30"]).await;
    assert_eq!((code, &report["delivered"]), (0, &json!(90)));
    assert_eq!(place.events().len(), 90);
}
