//! Checkpoints: when a replay resumes, and when it refuses to.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{SUBSCRIPTION_JOBS, TestBed, checkpoint_of, message, seen};

#[tokio::test]
async fn a_finished_replay_sends_again_only_with_restart() {
    let bed = TestBed::new("finished").await;
    let path = bed.file("people.ndjson", (0..20).map(|n| message(n * 10)));
    let options = ["--settings", "LIST_ID=Y6nRLr"];
    let first = bed.replay(&path, &options).await;
    let again = bed.replay(&path, &options).await;
    assert_eq!((first.0, again.0), (0, 0));
    assert_eq!(
        first.1["delivered"], again.1["delivered"],
        "the same report"
    );
    assert!(again.2.contains("--restart"), "{}", again.2);
    assert_eq!(bed.stand_in.state().account.consents.len(), 20);

    bed.replay(&path, &[options.as_slice(), &["--restart"]].concat())
        .await;
    assert_eq!(bed.stand_in.state().account.consents.len(), 40);
}

#[tokio::test]
async fn a_replay_with_other_options_or_files_does_not_resume() {
    let bed = TestBed::new("changed").await;
    let path = bed.file("a.ndjson", (0..20).map(message));
    bed.replay(&path, &[]).await;
    let requests = bed.stand_in.state().requests.len();

    let (code, _, stderr) = bed.replay(&path, &["--settings", "LIST_ID=Y6nRLr"]).await;
    assert!(
        code == 2 && stderr.contains("LIST_ID was not given"),
        "{stderr}"
    );
    let (code, _, stderr) = bed.replay(&path, &["--backfill"]).await;
    assert!(
        code == 2 && stderr.contains("--backfill was not given"),
        "{stderr}"
    );
    bed.file("a.ndjson", (1..21).map(message));
    let (code, _, stderr) = bed.replay(&path, &[]).await;
    assert!(
        code == 2 && stderr.contains("a.ndjson has changed") && stderr.contains("--restart"),
        "{stderr}"
    );
    fs::write(checkpoint_of(&path), "{}").unwrap();
    let (code, _, stderr) = bed.replay(&path, &[]).await;
    assert!(
        code == 2 && stderr.contains("not the checkpoint of a replay"),
        "{stderr}"
    );
    assert_eq!(
        bed.stand_in.state().requests.len(),
        requests,
        "nothing was sent"
    );
    let (code, ..) = bed
        .replay(
            &path,
            &[
                "--checkpoint",
                bed.directory.join("other").to_str().unwrap(),
            ],
        )
        .await;
    assert_eq!(code, 0);
}

#[tokio::test]
async fn an_unwritable_checkpoint_fails_before_anything_is_sent() {
    let bed = TestBed::new("unwritable").await;
    let path = bed.file("a.ndjson", [message(3)]);
    let nowhere = bed.directory.join("nowhere").join("checkpoint");
    let (code, _, stderr) = bed
        .replay(&path, &["--checkpoint", nowhere.to_str().unwrap()])
        .await;
    assert!(code == 2 && stderr.contains("nowhere"), "{stderr}");
    assert!(bed.stand_in.state().requests.is_empty());
}

#[tokio::test]
async fn a_checkpoint_is_used_by_one_replay_at_a_time() {
    let bed = TestBed::new("twice").await;
    let path = bed.file("archive/a.ndjson", (0..30).map(|n| message(n * 10 + 3)));
    bed.stand_in.state().accept_then_throttle = Some(0);
    let checkpoint = checkpoint_of(&path);
    let options = ["--checkpoint", checkpoint.to_str().unwrap()];
    let mut child = bed.command(&path, &options).spawn().unwrap();
    bed.wait_until(|bed| !bed.stand_in.state().requests.is_empty())
        .await;
    for options in [&options[..], &[&options[..], &["--restart"]].concat()] {
        let (code, _, stderr) = bed
            .replay(&path, &[options, &["--give-up-after", "0s"]].concat())
            .await;
        assert!(
            code == 2 && stderr.contains("another replay is using this checkpoint"),
            "{stderr}"
        );
    }
    child.kill().await.unwrap();
    bed.stand_in.state().accept_then_throttle = None;
    let archive = bed.directory.join("archive");
    let (code, report, stderr) = bed.replay(&archive, &options).await;
    assert_eq!(
        (code, &report["files"], bed.events().len()),
        (0, &json!(1), 30),
        "the lock ends with its process: {stderr}"
    );
}

#[tokio::test]
async fn a_repaired_file_needs_its_own_checkpoint() {
    let bed = TestBed::new("repaired").await;
    let lines = |third: &str| {
        [
            message(3).to_string(),
            message(4).to_string(),
            third.to_owned(),
            message(6).to_string(),
        ]
    };
    let path = bed.file("a.ndjson", lines("nonsense"));
    let (code, report, _) = bed.replay(&path, &["--strict"]).await;
    assert_eq!((code, &report["delivered"]), (1, &json!(2)));
    assert_eq!(report["resume_at"], format!("{}:3", path.display()));

    bed.file("a.ndjson", lines(&message(5).to_string()));
    let (code, _, stderr) = bed.replay(&path, &["--strict"]).await;
    assert!(
        code == 2 && stderr.contains("a.ndjson has changed since"),
        "{stderr}"
    );
    assert_eq!(bed.events(), ["m3", "m4"]);

    let rest = bed.file("rest.ndjson", &lines(&message(5).to_string())[2..]);
    let checkpoint = bed.directory.join("rest.replay.json");
    let options = ["--strict", "--checkpoint", checkpoint.to_str().unwrap()];
    let (code, report, _) = bed.replay(&rest, &options).await;
    assert_eq!((code, &report["delivered"]), (0, &json!(2)));
    assert_eq!(bed.events(), ["m3", "m4", "m5", "m6"]);
}

#[tokio::test]
async fn a_file_that_has_grown_resumes_and_one_that_has_changed_does_not() {
    let bed = TestBed::new("grown").await;
    // Longer than the beginning of a file that is compared.
    let long = |n: usize| {
        let mut message = seen(n, "2026-11-20T10:00:00Z");
        message["properties"] = json!({"text": "x".repeat(1_000)});
        message.to_string()
    };
    let path = bed.file("a.ndjson", (0..90).map(long));
    bed.stand_in.state().accept_then_throttle = Some(1);
    let options = ["--batch", "30", "--give-up-after", "1m"];
    let (code, report, _) = bed.replay(&path, &options).await;
    assert_eq!((code, &report["delivered"]), (1, &json!(30)));

    bed.stand_in.state().accept_then_throttle = None;
    bed.file("a.ndjson", (1..100).map(long));
    let (code, _, stderr) = bed.replay(&path, &options).await;
    assert!(
        code == 2 && stderr.contains("a.ndjson has changed since"),
        "{stderr}"
    );
    bed.file("a.ndjson", (0..100).map(long));
    let (code, report, stderr) = bed.replay(&path, &options).await;
    assert_eq!((code, &report["delivered"]), (0, &json!(100)), "{stderr}");
    assert_eq!(bed.events().len(), 100, "each once");
}

/// Copies a checkpoint and its file of messages, both as version 1 of the format has them, and lets
/// the checkpoint name this stand-in.
///
/// They were recorded with the first version of the tool, from a Klaviyo that accepted the first
/// subscription and throttled the second one.
fn recorded(bed: &TestBed, name: &str) -> (PathBuf, PathBuf) {
    let fixtures =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoint-version-1");
    let path = bed.directory.join("messages.ndjson");
    fs::copy(fixtures.join("messages.ndjson"), &path).unwrap();
    let checkpoint = fs::read_to_string(fixtures.join(name)).unwrap();
    let checkpoint = checkpoint.replace("http://127.0.0.1:8025", bed.stand_in.url());
    fs::write(checkpoint_of(&path), checkpoint).unwrap();
    let checkpoint_path = checkpoint_of(&path);
    (path, checkpoint_path)
}

#[tokio::test]
async fn a_checkpoint_of_the_first_version_resumes_and_repeats_nothing_acknowledged() {
    let bed = TestBed::new("version-1").await;
    let (path, checkpoint) = recorded(&bed, "waiting.json");
    let options = ["--batch", "3", "--settings", "LIST_ID=Y6nRLr"];
    let (code, report, stderr) = bed.replay(&path, &options).await;
    assert_eq!(code, 1, "the unreadable line is still counted: {stderr}");
    assert_eq!(report["finished"], true);
    let names = ["read", "read_before", "delivered", "rejected", "unreadable"];
    let counts = names.map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [8, 4, 6, 1, 1]);
    // Two, and a look at what Klaviyo holds of the subscriber.
    assert_eq!(report["requests"], 9 + 3, "those of the earlier run count");
    assert_eq!(report["examples"].as_array().unwrap().len(), 2);

    // Profiles, the order and the other subscription are acknowledged. Left are a subscription, and
    // the last message.
    let mut requests = std::mem::take(&mut bed.stand_in.state().requests);
    requests.retain(|request| request.method != "GET");
    let paths: Vec<_> = requests.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, [SUBSCRIPTION_JOBS, "/api/events"]);
    let list = &requests[0].body["data"]["relationships"]["list"]["data"]["id"];
    assert_eq!(list, "Y6nRLr");
    assert_eq!(bed.events(), ["m-8"]);

    // The file is still one that the first version could read.
    let saved: serde_json::Value = serde_json::from_slice(&fs::read(checkpoint).unwrap()).unwrap();
    assert_eq!(
        (&saved["version"], &saved["finished"]),
        (&json!(1), &json!(true))
    );
    let names = [
        "sources",
        "settings",
        "decided_at",
        "position",
        "done",
        "tally",
    ];
    assert!(
        names.iter().all(|name| saved.get(name).is_some()),
        "{saved}"
    );
    assert_eq!(saved["tally"]["calls"], 12);
    assert_eq!(saved["tally"]["delivered"], 6);
}

#[tokio::test]
async fn a_checkpoint_that_the_first_version_wrote_with_strict_resumes() {
    let bed = TestBed::new("version-1-strict").await;
    let (path, _) = recorded(&bed, "stopped-by-strict.json");
    let (code, report, stderr) = bed.replay(&path, &[]).await;
    assert_eq!((code, &report["finished"]), (1, &json!(true)), "{stderr}");
    let names = ["read", "read_before", "delivered", "rejected", "unreadable"];
    let counts = names.map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts, [8, 2, 6, 1, 1]);
    let mut events = bed.events();
    events.sort();
    let expected = ["R1", "R1_p0", "R1_p1", "m-4", "m-8"];
    assert_eq!(events, expected, "m-1 was acknowledged before");
}
