//! The input of a replay: files, lines and filters.

use std::collections::HashSet;
use std::fs;

use segment_klaviyo_stand_in::Account;
use serde_json::json;

use super::{TestBed, checkpoint_of, message, seen};

#[tokio::test]
async fn a_file_named_twice_is_sent_once_and_the_checkpoint_is_never_sent() {
    let bed = TestBed::new("overlap").await;
    let archive = bed.directory.join("archive");
    bed.file("archive/a.ndjson", [message(3)]);
    bed.file(
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
        let (code, report, stderr) = bed.replay(&archive, &options).await;
        assert_eq!(
            (code, &report["files"], &report["delivered"]),
            (0, &json!(2), &json!(3)),
            "{stderr}"
        );
    }
    assert_eq!(bed.events().len(), 3);

    let before = fs::read(&other).unwrap();
    for (path, expected) in [
        (&archive, "not the checkpoint of a replay"),
        (&other, "cannot also be a file of messages"),
    ] {
        let (code, _, stderr) = bed
            .replay(
                path,
                &["--restart", "--checkpoint", other.to_str().unwrap()],
            )
            .await;
        assert!(code == 2 && stderr.contains(expected), "{stderr}");
    }
    assert_eq!(fs::read(&other).unwrap(), before);
}

#[tokio::test]
async fn unreadable_lines_are_reported_and_cost_only_themselves() {
    let bed = TestBed::new("unreadable").await;
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
    let path = bed.file("a.log", lines.into_iter().chain(rest));

    let (code, report, _) = bed.replay(&path, &[]).await;
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
    assert_eq!(bed.events(), ["m3", "m4"]);
}

#[tokio::test]
async fn strict_stops_before_an_unreadable_line_and_without_it_the_replay_resumes() {
    let bed = TestBed::new("strict").await;
    let path = bed.file(
        "a.ndjson",
        [
            message(3).to_string(),
            "nonsense".to_owned(),
            message(4).to_string(),
        ],
    );
    let (code, report, _) = bed.replay(&path, &["--strict"]).await;
    assert_eq!(
        (code, &report["finished"], &report["unreadable"]),
        (1, &json!(false), &json!(1))
    );
    assert_eq!(report["resume_at"], format!("{}:2", path.display()));
    assert_eq!(bed.events(), ["m3"]);

    let (code, report, _) = bed.replay(&path, &[]).await;
    let counts = ["read", "delivered", "unreadable"].map(|name| report[name].as_u64().unwrap());
    assert_eq!((code, counts), (1, [3, 2, 1]), "nothing is counted twice");
    assert_eq!(bed.events(), ["m3", "m4"]);
}

#[tokio::test]
async fn a_truncated_archive_stops_the_replay_until_it_is_complete() {
    let bed = TestBed::new("archive").await;
    bed.file("archive/2/b.json", [message(4)]);
    let broken = bed.gzipped("archive/1/a.gz", (0..500).map(|n| message(n * 10 + 3)));
    bed.file("archive/notes.txt", ["not messages"]);
    let last = bed.gzipped("archive/3.gz", [message(5)]);
    let archive = bed.directory.join("archive");
    let whole = fs::read(&broken).unwrap();
    fs::write(&broken, &whole[..whole.len() / 2]).unwrap();

    let (code, report, _) = bed.replay(&archive, &[]).await;
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
        "the readable part is sent: {delivered}"
    );
    assert_eq!(
        report["resume_at"],
        format!("{}:{}", broken.display(), delivered + 1)
    );
    assert!(
        bed.directory.join("archive.replay.json").exists(),
        "the checkpoint is beside the directory"
    );

    fs::write(&broken, &whole).unwrap();
    let (code, report, stderr) = bed.replay(&archive, &[]).await;
    assert_eq!(
        (code, &report["delivered"], &report["unreadable"]),
        (0, &json!(502), &json!(0)),
        "{stderr}"
    );
    let (mut found, mut expected) = (
        bed.events(),
        (0..500)
            .map(|n| format!("m{}", n * 10 + 3))
            .collect::<Vec<_>>(),
    );
    expected.extend(["m4".to_owned(), "m5".to_owned()]);
    assert_eq!(found.last(), expected.last(), "in the order of their names");
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "every event is in Klaviyo once");
    let requests = bed.stand_in.state().requests.len();
    fs::write(&last, fs::read(&last).unwrap().repeat(2)).unwrap();
    let (code, _, stderr) = bed.replay(&archive, &[]).await;
    assert!(
        code == 2 && stderr.contains("3.gz has changed since"),
        "a finished replay does not resume: {stderr}"
    );
    assert_eq!(bed.stand_in.state().requests.len(), requests);
}

#[tokio::test]
async fn filters_select_by_time_event_and_type() {
    let bed = TestBed::new("filters").await;
    let times = [
        "2026-11-18T23:59:59Z",
        "2026-11-19T00:00:00Z",
        "2026-11-20T23:59:59Z",
        "2026-11-21T00:00:00Z",
    ];
    let seen = times.iter().enumerate().map(|(n, time)| seen(n, time));
    let path = bed.file("a.ndjson", seen.chain([message(0), message(2)]));
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
        bed.stand_in.state().account = Account::default();
        let (code, report, _) = bed.replay(&path, &[options, &["--restart"]].concat()).await;
        let found: HashSet<_> = bed.events().into_iter().collect();
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
async fn backfill_marks_every_event_whatever_its_time() {
    let bed = TestBed::new("backfill").await;
    let path = bed.file(
        "a.ndjson",
        [
            seen(0, "2026-11-20T10:00:00Z"),
            seen(1, "no time"),
            seen(2, "2027-01-01T00:00:00Z"),
        ],
    );
    bed.replay(&path, &[]).await;
    assert!(
        bed.stand_in
            .state()
            .account
            .events
            .iter()
            .all(|event| !event.backfill)
    );
    bed.stand_in.state().account = Account::default();
    bed.replay(&path, &["--restart", "--backfill"]).await;
    let flags: Vec<_> = bed
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
async fn a_dry_run_applies_the_rules_and_sends_nothing() {
    let bed = TestBed::new("dry").await;
    let nobody = json!({"type": "track", "event": "Seen", "anonymousId": "a1"});
    let path = bed.file("a.ndjson", [message(0), message(3), nobody]);
    let (code, report, _) = bed.replay(&path, &["--dry-run"]).await;
    assert_eq!(
        (code, &report["delivered"], &report["dry_run"]),
        (0, &json!(2), &json!(true))
    );
    assert_eq!(report["reasons"], json!({"ignored": {"no_email": 1}}));
    assert!(bed.stand_in.state().requests.is_empty());
    assert!(!checkpoint_of(&path).exists());
}

/// A batch is never half a value: the one-line array is one batch, whatever its size.
#[tokio::test]
async fn an_array_resumes_where_it_stopped() {
    let messages: Vec<_> = (0..90).map(|n| message(n * 10 + 3)).collect();
    let pretty: Vec<_> = messages.iter().map(|it| format!("  {it}")).collect();
    for (form, text, delivered, line) in [
        ("one-line", json!(messages).to_string(), 0, 1),
        ("pretty", format!("[\n{}\n]", pretty.join(",\n")), 30, 32),
    ] {
        let bed = TestBed::new(&format!("array-{form}")).await;
        let path = bed.file("messages.json", [text]);
        bed.stand_in.state().accept_then_throttle = Some(usize::from(delivered > 0));
        let options = ["--batch", "30", "--give-up-after", "1m"];
        let (code, report, stderr) = bed.replay(&path, &options).await;
        assert_eq!(
            (code, &report["delivered"]),
            (1, &json!(delivered)),
            "{stderr}"
        );
        assert_eq!(report["resume_at"], format!("{}:{line}", path.display()));

        bed.stand_in.state().accept_then_throttle = None;
        let (code, report, stderr) = bed.replay(&path, &options).await;
        assert_eq!((code, &report["delivered"]), (0, &json!(90)), "{stderr}");
        let expected: Vec<_> = (0..90).map(|n| format!("m{}", n * 10 + 3)).collect();
        assert_eq!(bed.events(), expected, "{form}");
    }
}
