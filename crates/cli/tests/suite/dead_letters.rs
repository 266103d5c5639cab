//! Dead letters in a queue of the stand-in: nothing is lost, whatever fails.

use std::fs;

use segment_klaviyo_stand_in::StandIn;
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::Programs;
use crate::support::{outputs_with, root, segment_klaviyo};

/// The bodies of the sample: one that passes now, one that is ignored, one that was refused by
/// Klaviyo, and one that is rejected again.
fn bodies() -> Vec<String> {
    let sample = fs::read(root("crates/cli/tests/fixtures/dead-letters.json")).unwrap();
    let sample: Value = serde_json::from_slice(&sample).unwrap();
    let messages = sample["Messages"].as_array().unwrap();
    let body = |message: &Value| message["Body"].as_str().unwrap().to_owned();
    messages.iter().map(body).collect()
}

/// The queues of a stand-in.
struct Queues {
    stand_in: StandIn,
    dead_letters: String,
    retry: String,
}

impl Queues {
    async fn with(bodies: Vec<String>) -> Self {
        let stand_in = StandIn::start().await.unwrap();
        let dead_letters = format!("{}/dead-letters", stand_in.url());
        let retry = format!("{}/retry", stand_in.url());
        let queues = [(dead_letters.clone(), bodies)].into();
        stand_in.state().queues = queues;
        Queues {
            stand_in,
            dead_letters,
            retry,
        }
    }

    fn run(&self, action: &str, options: &[&str]) -> (i32, String) {
        let mut arguments = vec!["dead-letters", action, "--queue-url", &self.dead_letters];
        arguments.extend(options);
        let (code, stdout, stderr) = outputs_with(&arguments, "", &self.variables());
        (code, stdout + &stderr)
    }

    fn variables(&self) -> [(&str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL_SQS", self.stand_in.url()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ]
    }

    /// The bodies in a queue, sorted.
    fn held(&self, url: &str) -> Vec<String> {
        let mut bodies = self
            .stand_in
            .state()
            .queues
            .get(url)
            .cloned()
            .unwrap_or_default();
        bodies.sort();
        bodies
    }
}

fn sorted(bodies: &[String]) -> Vec<String> {
    let mut bodies = bodies.to_vec();
    bodies.sort();
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_queue_leaves_everything_there() {
    // More than SQS returns at a time, and some that are equal.
    let mut all = bodies();
    for _ in 0..3 {
        all.extend(bodies());
    }
    let queues = Queues::with(all.clone()).await;
    for action in ["list", "show", "explain"] {
        let (code, shown) = queues.run(action, &["--json"]);
        assert_eq!(code, 0, "{shown}");
        assert!(shown.contains("ajs-next-1795169730412-0042c0de"), "{shown}");
        assert_eq!(queues.held(&queues.dead_letters), sorted(&all), "{action}");
    }
    let (_, shown) = queues.run("list", &["--json"]);
    let letters: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(letters.as_array().unwrap().len(), all.len());
    let outcome = |index: usize| letters[index]["now"]["outcome"].clone();
    assert_eq!(
        [outcome(0), outcome(1), outcome(2), outcome(3)],
        ["delivered", "rejected", "delivered", "ignored"]
    );
    let (_, shown) = queues.run("list", &["--limit", "5"]);
    assert!(shown.contains("5 dead letters"), "{shown}");
    assert!(shown.contains("only the first 5 are read"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_moves_into_the_retry_queue_unchanged_and_the_rest_stays() {
    let all = bodies();
    let queues = Queues::with(all.clone()).await;
    let (code, shown) = queues.run("retry", &["--passing"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("3 moved into the retry queue"), "{shown}");
    assert!(shown.contains("1 not selected, still there"), "{shown}");
    let passing = [all[0].clone(), all[2].clone(), all[3].clone()];
    assert_eq!(queues.held(&queues.retry), sorted(&passing));
    assert_eq!(queues.held(&queues.dead_letters), [all[1].clone()]);
    // Nothing is held back for the next command.
    assert!(queues.stand_in.state().received.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_settings_give_another_verdict() {
    let queues = Queues::with(bodies()).await;
    let without_email = "ajs-next-1795169730412-0044c0de";
    for (setting, expected) in [
        ("ENFORCE_EMAIL=true", "ignored"),
        ("EnforceEmail=false", "delivered"),
    ] {
        let (_, shown) = queues.run("list", &["--json", without_email, "--settings", setting]);
        let letters: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(letters[0]["now"]["outcome"], expected, "{shown}");
        assert_eq!(letters[0]["reason"], "klaviyo_key_refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_retry_queue_does_not_take_it() {
    let all = bodies();
    let queues = Queues::with(all.clone()).await;
    queues.stand_in.state().queue_faults.down_queue = Some("retry");
    let (code, shown) = queues.run("retry", &["--all"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("4 still there"), "{shown}");
    assert_eq!(queues.held(&queues.dead_letters), sorted(&all));
    assert!(queues.held(&queues.retry).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_breaks_in_between_never_loses_a_message() {
    let all = bodies();
    for accepted in 0..8 {
        let queues = Queues::with(all.clone()).await;
        queues.stand_in.state().queue_faults.accepts = Some(accepted);
        let (code, shown) = queues.run("retry", &["--all"]);
        let mut found = queues.held(&queues.dead_letters);
        found.extend(queues.held(&queues.retry));
        for received in &queues.stand_in.state().received {
            found.push(received.body.clone());
        }
        for body in &all {
            assert!(found.contains(body), "after {accepted} requests: {shown}");
        }
        let is_moved = queues.held(&queues.retry).len() == all.len() && found.len() == all.len();
        assert_eq!(
            code == 0,
            is_moved && code != 2,
            "after {accepted} requests: {shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_named_is_dropped_and_only_on_purpose() {
    let all = bodies();
    let queues = Queues::with(all.clone()).await;
    let (code, shown) = queues.run("drop", &[]);
    assert_eq!(code, 2, "{shown}");
    let selection = ["--reason", "invalid_event_name"];
    let (code, shown) = queues.run("drop", &selection);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("1 would be dropped"), "{shown}");
    assert!(shown.contains("add --yes"), "{shown}");
    assert_eq!(queues.held(&queues.dead_letters), sorted(&all));

    let (code, shown) = queues.run("drop", &[&selection[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("1 dropped"), "{shown}");
    assert_eq!(queues.held(&queues.dead_letters).len(), 3);
    let (code, shown) = queues.run("drop", &["--yes", "m-unknown"]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("m-unknown is not there"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_entry_is_shown_and_can_move_too() {
    let body = json!({"a": "stranger"}).to_string();
    let queues = Queues::with(vec![body.clone()]).await;
    let (code, shown) = queues.run("list", &[]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("unreadable"), "{shown}");
    let (code, shown) = queues.run("retry", &["--all"]);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(queues.held(&queues.retry), [body]);
}

#[test]
fn a_queue_has_to_be_named_and_what_changes_it_reads_no_file() {
    for action in ["list", "retry"] {
        let (code, shown) = segment_klaviyo(&["dead-letters", action, "--passing"], "");
        assert_eq!(code, 2, "{shown}");
        assert!(shown.contains("which queue?"), "{shown}");
    }
    let (code, shown) =
        segment_klaviyo(&["dead-letters", "retry", "--all", "--file", "a.json"], "");
    assert_eq!(code, 2, "{shown}");
}

/// The AWS CLI is asked for the queue of the stack and for credentials.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_stack_of_an_environment_is_looked_up_with_the_aws_cli() {
    let queues = Queues::with(bodies()).await;
    let script = format!(
        r#"case "$*" in
*"describe-stacks --stack-name segment-klaviyo-prod "*)
  echo '[{{"OutputKey": "DeadLetterQueueUrl", "OutputValue": "{}"}}]' ;;
"configure export-credentials --format process")
  echo '{{"Version": 1, "AccessKeyId": "local", "SecretAccessKey": "local"}}' ;;
"configure get region") echo us-east-1 ;;
*) exit 1 ;;
esac
"#,
        queues.dead_letters
    );
    let programs = Programs::new("stack", &[("aws", &script)]);
    let path = programs.path();
    let variables = [
        ("PATH", path.as_str()),
        ("AWS_ENDPOINT_URL_SQS", queues.stand_in.url()),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_REGION", ""),
        ("AWS_DEFAULT_REGION", ""),
    ];
    let arguments = ["dead-letters", "list", "--env", "prod"];
    let (code, shown, problem) = outputs_with(&arguments, "", &variables);
    assert_eq!(code, 0, "{problem}");
    assert!(shown.contains("4 dead letters"), "{shown}");
    let arguments = ["dead-letters", "list", "--stack", "other"];
    let (code, _, problem) = outputs_with(&arguments, "", &variables);
    assert_eq!(code, 2);
    assert!(
        problem.contains("describe-stacks --stack-name other"),
        "{problem}"
    );
}
