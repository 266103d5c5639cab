//! The pace of a replay: waiting, giving up and stopping.

use std::net::TcpListener;
use std::time::Instant;

use segment_klaviyo_stand_in::{Fault, Symptom};
use serde_json::json;
use tokio::process::Command;

use super::{EVENT_JOBS, TestBed, checkpoint_text, message, results};

#[tokio::test]
async fn throttled_it_waits_as_long_as_klaviyo_says_and_delivers_everything() {
    let bed = TestBed::new("throttled").await;
    let path = bed.file("a.ndjson", (0..300).map(|n| message(n * 10 + 3)));
    let error = json!({"errors": [{"status": 429, "code": "throttled"}]});
    let symptom = Symptom::Answer {
        status: 429,
        retry_after: Some(1),
        body: error,
    };
    let fault = Fault::new(EVENT_JOBS, symptom, 2);
    bed.stand_in.state().faults = vec![fault];
    // An attempt of half a second cannot wait for a whole second: the replay does.
    let (code, report, stderr) = bed
        .replay(
            &path,
            &["--batch", "100", "--settings", "DELIVERY_BUDGET_MS=500"],
        )
        .await;
    assert_eq!(
        (code, &report["delivered"], &report["given_up"]),
        (0, &json!(300), &json!(0))
    );
    assert_eq!(bed.events().len(), 300);
    assert!(
        stderr.contains("Klaviyo throttles; retrying 100 messages in 1.0 s"),
        "{stderr}"
    );
    let requests = &bed.stand_in.state().requests;
    let jobs = requests.iter().filter(|it| it.path == EVENT_JOBS).count();
    assert_eq!(jobs, 5, "three batches, and two attempts more");
}

#[tokio::test]
async fn given_up_messages_are_sent_by_the_next_run() {
    let bed = TestBed::new("given-up").await;
    let path = bed.file("a.ndjson", (0..90).map(|n| message(n * 10 + 3)));
    bed.stand_in.state().accept_then_throttle = Some(1);
    let options = ["--batch", "30", "--give-up-after", "1m"];
    let (code, report, stderr) = bed.replay(&path, &options).await;
    let counts = ["read", "delivered", "given_up"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(
        (code, counts),
        (1, [60, 30, 30]),
        "Klaviyo asks for two minutes: {stderr}"
    );
    assert_eq!(report["reasons"], json!({"given_up": {"throttled": 30}}));
    assert_eq!(report["resume_at"], format!("{}:31", path.display()));

    bed.stand_in.state().accept_then_throttle = None;
    let (code, report, _) = bed.replay(&path, &options).await;
    let counts = ["read", "delivered", "given_up"].map(|name| report[name].as_u64().unwrap());
    assert_eq!((code, counts), (0, [90, 90, 0]));
}

/// Nobody listens at the first address, and nobody answers at the second one.
#[tokio::test]
async fn it_gives_up_after_the_time_that_was_given() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [
        ("127.0.0.1:1".to_owned(), "Klaviyo cannot be reached"),
        (silent.local_addr().unwrap().to_string(), "no time left"),
    ];
    let bed = TestBed::new("patience").await;
    for (address, reason) in addresses {
        let path = bed.file("a.ndjson", (0..30).map(|n| message(n * 10 + 3)));
        let url = format!("http://{address}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
        command.args(["replay", "--restart", "--give-up-after", "4s"]);
        command.args(["--klaviyo-url", &url]).arg(path);
        let started = Instant::now();
        let output = command
            .env("KLAVIYO_API_KEY", "pk_1")
            .output()
            .await
            .unwrap();
        let seconds = started.elapsed().as_secs_f64();
        let (code, _, stderr) = results(output);
        assert_eq!(code, 1, "{stderr}");
        assert!((3.5..6.0).contains(&seconds), "{seconds} s: {stderr}");
        for expected in [
            format!("sends to {url}\n"),
            "waiting for Klaviyo, 3.0 s with this batch\n".to_owned(),
            format!("{reason}; giving up on 30 messages\n"),
        ] {
            assert!(stderr.contains(&expected), "{expected}: {stderr}");
        }
    }
}

#[tokio::test]
async fn a_rejected_key_ends_the_replay_immediately() {
    let bed = TestBed::new("key").await;
    let path = bed.file("a.ndjson", [message(3)]);
    let output = bed
        .command(&path, &[])
        .env("KLAVIYO_API_KEY", "pk_of_another_account")
        .output()
        .await
        .unwrap();
    let (code, report, _) = results(output);
    assert_eq!(
        (code, &report["reasons"]),
        (1, &json!({"given_up": {"klaviyo_key_refused": 1}}))
    );
    let output = bed
        .command(&path, &["--restart"])
        .env_remove("KLAVIYO_API_KEY")
        .output()
        .await
        .unwrap();
    let (code, _, stderr) = results(output);
    assert!(code == 2 && stderr.contains("KLAVIYO_API_KEY"), "{stderr}");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_stops_it_after_the_current_batch_and_the_same_command_resumes() {
    for signal in ["-INT", "-TERM"] {
        stopped_by(signal).await;
    }
}

#[cfg(unix)]
async fn stopped_by(signal: &str) {
    let bed = TestBed::new(signal).await;
    let path = bed.file("a.ndjson", (0..90).map(|n| message(n * 10 + 3)));
    bed.stand_in.state().accept_then_throttle = Some(1);
    let child = bed.command(&path, &["--batch", "30"]).spawn().unwrap();
    bed.wait_until(|_| checkpoint_text(&path).contains("\"calls\":2"))
        .await;
    let id = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
    let (code, report, stderr) = results(child.wait_with_output().await.unwrap());
    assert_eq!(
        (code, &report["delivered"], &report["given_up"]),
        (1, &json!(30), &json!(0)),
        "{stderr}"
    );
    assert_eq!(report["resume_at"], format!("{}:31", path.display()));
    bed.stand_in.state().accept_then_throttle = None;
    let (code, report, _) = bed.replay(&path, &["--batch", "30"]).await;
    assert_eq!((code, &report["delivered"]), (0, &json!(90)));
    assert_eq!(bed.events().len(), 90);
}
