//! Messages in every form that people have them in, for every command that reads messages.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use segment_klaviyo::signature::sign;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::{Value, json};

use crate::support::{order, outputs, segment_klaviyo, track};

/// A directory that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("forms-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The body of a queue's message.
fn entry(message: &Value) -> String {
    json!({"version": 1, "reason": "throttled", "detail": "Klaviyo throttles", "decided_at": 1795169730,
        "to_do": [], "done": [], "message": message})
    .to_string()
}

/// The settings of a comparison that finds a difference in each message.
fn compare_arguments(folder: &Folder) -> Vec<String> {
    let old = folder.file("settings/old.env", "");
    let new = folder.file("settings/new.env", "ENFORCE_EMAIL=false\n");
    ["compare", "--json", &old, &new]
        .map(str::to_owned)
        .to_vec()
}

/// Returns how many messages each command finds.
fn counts(folder: &Folder, path: &str, input: &str) -> Vec<(&'static str, u64)> {
    let compare = compare_arguments(folder);
    let mut found = Vec::new();
    for command in ["send", "explain", "compare", "replay"] {
        let mut arguments = match command {
            "compare" => compare.iter().map(String::as_str).collect(),
            _ => vec![command, "--json"],
        };
        arguments.push(path);
        let (_, stdout, stderr) = outputs(&arguments, input);
        let output: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
        let mut count = 0;
        for file in output.as_array().into_iter().flatten() {
            for response in [&file["response"], &file["records"]] {
                count += response["body"]["delivered"].as_u64().unwrap_or_default();
            }
            count += file["messages"].as_array().map_or(0, Vec::len) as u64;
        }
        for name in ["messages", "delivered"] {
            count += output.get(name).and_then(Value::as_u64).unwrap_or_default();
        }
        found.push((command, count));
    }
    found
}

#[test]
fn every_command_reads_messages_in_every_form() {
    let folder = Folder::new("every");
    let (one, other) = (track("m-1", &json!({})), order("R1", 1));
    let array = json!([one, other]).to_string();
    let pretty = format!("{:#}", json!([one, other]));
    let lines = format!("{one}\n{other}\n");
    let event = json!({"requestContext": {"http": {"method": "POST"}}, "body": array,
        "headers": {"x-signature": sign(array.as_bytes(), SHARED_SECRET)}});
    let record =
        |message| json!({"messageId": "1", "eventSource": "aws:sqs", "body": entry(message)});
    let sqs = json!({"Records": [record(&one), record(&other)]});
    let received =
        |message| json!({"MessageId": "1", "ReceiptHandle": "r", "Body": entry(message)});
    let received = format!(
        "{:#}",
        json!({"Messages": [received(&one), received(&other)]})
    );
    for (form, text) in [
        ("NDJSON", lines.clone()),
        ("an array", array.clone()),
        ("a pretty-printed array", pretty),
        (
            "an array with an element on each line",
            format!("[\n{one},\n{other}\n]"),
        ),
        ("pretty-printed messages", format!("{one:#}\n{other:#}\n")),
        ("a Lambda event", event.to_string()),
        ("a pretty-printed Lambda event", format!("{event:#}")),
        ("an SQS event", sqs.to_string()),
        ("the output of aws sqs receive-message", received),
        (
            "bodies of a queue",
            format!("{}\n{}\n", entry(&one), entry(&other)),
        ),
        ("a byte order mark", format!("\u{feff}{lines}")),
    ] {
        let expected = [("send", 2), ("explain", 2), ("compare", 2), ("replay", 2)];
        let plain = folder.file("messages", &text);
        assert_eq!(counts(&folder, &plain, ""), expected, "{form}: {text}");
        let zipped = folder.file("messages.gz", gzipped(&text));
        assert_eq!(counts(&folder, &zipped, ""), expected, "{form}, gzipped");
        assert_eq!(counts(&folder, "-", &text), expected, "{form} on stdin");
    }
    folder.file("archive/2026/a.gz", gzipped(&one.to_string()));
    folder.file("archive/b.json", other.to_string());
    folder.file("archive/notes.txt", "no messages");
    let archive = folder.0.join("archive");
    let expected = [("send", 2), ("explain", 2), ("compare", 2), ("replay", 2)];
    assert_eq!(counts(&folder, archive.to_str().unwrap(), ""), expected);
}

#[test]
fn a_record_that_is_no_entry_costs_only_itself() {
    let folder = Folder::new("records");
    let record = |body: &str| json!({"messageId": "1", "eventSource": "aws:sqs", "body": body});
    let good = entry(&track("m-1", &json!({})));
    let records = json!({"Records": [record("nonsense"), record(&good)]}).to_string();
    let (code, shown) = segment_klaviyo(&["send", "-"], &records);
    assert_eq!(code, 1, "{shown}");
    assert!(
        shown.contains("from a queue: 1 delivered\n")
            && shown.contains("stays in the queue message 0 of the queue: not an entry"),
        "{shown}"
    );
    let expected = [("send", 1), ("explain", 1), ("compare", 1), ("replay", 1)];
    assert_eq!(counts(&folder, "-", &records), expected);
    let (_, shown) = segment_klaviyo(&["explain", "-"], &records);
    assert!(
        shown.contains("note: message 0 of the queue: not an entry"),
        "{shown}"
    );
}

#[test]
fn a_dead_letter_is_explained_with_the_reason_why_it_is_there() {
    let message = json!({"type": "track", "event": "Seen", "messageId": "m-1", "userId": "usr_1"});
    let mut letter: Value = serde_json::from_str(&entry(&message)).unwrap();
    letter["reason"] = json!("refused_by_klaviyo");
    letter["detail"] = json!("Klaviyo answered 400: invalid at /data/attributes/email");
    letter["klaviyo_detail"] = json!("Invalid email address\u{1b}[2J");
    let received = json!({"Messages": [{"ReceiptHandle": "r", "Body": letter.to_string()}]});
    let (code, shown) = segment_klaviyo(&["explain", "-"], &received.to_string());
    assert_eq!(code, 0);
    for expected in [
        "  in the queue (refused_by_klaviyo): Klaviyo answered 400: invalid at /data/attributes/email\n",
        "    Klaviyo: Invalid email address [2J\n",
        "  ignored (no_email): ",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let (_, output, _) = outputs(&["explain", "--json", "-"], &received.to_string());
    let files: Value = serde_json::from_str(&output).unwrap();
    let found = &files[0]["messages"][0]["queued"];
    assert_eq!(found["reason"], "refused_by_klaviyo");
    assert_eq!(found["klaviyo_detail"], "Invalid email address\u{1b}[2J");
}

#[test]
fn more_than_one_delivery_is_for_replay() {
    let folder = Folder::new("large");
    let note = "x".repeat(90_000);
    let large: Vec<_> = (0..75)
        .map(|n| track(&format!("m-{n}"), &json!({"note": note})).to_string())
        .collect();
    let many: Vec<_> = (0..4_001)
        .map(|n| track(&format!("m-{n}"), &json!({})).to_string())
        .collect();
    for (messages, problem) in [
        (large, "6.5 MB in one delivery, of which Lambda takes 6 MB"),
        (
            many,
            "4001 messages in one delivery, of which Segment sends at most 4,000",
        ),
    ] {
        let path = folder.file("messages.ndjson", messages.join("\n"));
        let (code, shown) = segment_klaviyo(&["send", &path], "");
        assert_eq!(code, 2);
        let expected = format!("{problem}; `segment-klaviyo replay {path}`");
        assert!(shown.contains(&expected), "{shown}");
        let (code, shown) = segment_klaviyo(&["replay", &path], "");
        assert!(code == 0 && !shown.contains("unreadable"), "{shown}");
    }
}

#[test]
fn stdin_is_replayed_and_resumed_with_a_checkpoint() {
    let folder = Folder::new("stdin");
    let messages = json!([track("m-1", &json!({})), track("m-2", &json!({}))]).to_string();
    let checkpoint = folder.0.join("checkpoint");
    let arguments = ["replay", "--checkpoint", checkpoint.to_str().unwrap(), "-"];
    let (code, shown) = segment_klaviyo(&arguments, &messages);
    assert!(
        code == 0 && shown.contains("Replayed: 2 messages"),
        "{shown}"
    );
    let (code, shown) = segment_klaviyo(&arguments, &messages);
    assert!(code == 0 && shown.contains("already replayed"), "{shown}");
    let (code, shown) = segment_klaviyo(&arguments, &messages.replace("m-2", "m-3"));
    assert!(code == 2 && shown.contains("has changed since"), "{shown}");
}

#[test]
fn a_misspelled_command_is_recognized() {
    for (arguments, expected) in [
        (&["explian", "events/identify.json"][..], "explain"),
        (&["explian", "--diff", "ENFORCE_EMAIL=false"], "explain"),
        (&["replya", "--dry-run", "archive/"], "replay"),
        (&["chek"], "check"),
    ] {
        let (code, shown) = segment_klaviyo(arguments, "");
        let expected = format!(
            "error: there is no command and no file {}; did you mean `segment-klaviyo {expected}`?\n",
            arguments[0]
        );
        assert_eq!((code, shown), (2, expected));
    }
    let (code, shown) = segment_klaviyo(&["none.json"], "");
    assert!(
        code == 2 && shown.starts_with("error: none.json: "),
        "{shown}"
    );
}

#[test]
fn an_empty_queue_is_said_to_be_empty() {
    // What `aws sqs receive-message` prints then, without and with --query.
    for output in ["", "null\n"] {
        let (code, shown) = segment_klaviyo(&["explain", "-"], output);
        assert_eq!(code, 2);
        assert!(
            shown.starts_with("error: stdin: holds no messages; expected"),
            "{shown}"
        );
    }
}
