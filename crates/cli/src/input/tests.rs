//! The forms of files, and the errors for others.

use segment_klaviyo::ingress::Trigger;

use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::signature::sign;
use segment_klaviyo_stand_in::SHARED_SECRET;

use super::*;

const A: &str = r#"{"type":"track","event":"A"}"#;
const B: &str = r#"{"type":"track","event":"B"}"#;

/// The one event that a text becomes.
fn event(text: &str) -> EventPayload {
    let mut deliveries = deliveries(parse(text).unwrap());
    assert_eq!(deliveries.len(), 1, "{text}");
    match deliveries.remove(0) {
        Delivery::Event(event) => *event,
        Delivery::Messages(messages) => signed_event(&body_of(&messages)).unwrap(),
        Delivery::Queued(_) => panic!("records of a queue"),
    }
}

fn request(text: &str) -> (String, Option<String>) {
    let event = event(text);
    let Trigger::Webhook(request) = event.trigger().unwrap() else {
        panic!("no request")
    };
    let signature = request.credentials().signatures[0].map(str::to_owned);
    (String::from_utf8(request.body.to_vec()).unwrap(), signature)
}

#[test]
fn plain_messages_become_one_delivery_with_segments_signature() {
    let array = format!("[{A},{B}]");
    for (text, body) in [
        (A.to_owned(), A.to_owned()),
        (array.clone(), array.clone()),
        (format!("{A}\n{B}"), array.clone()),
        (format!("\n{A}\r\n\n  {B}\n"), array.clone()),
    ] {
        let signature = sign(A.as_bytes(), SHARED_SECRET);
        assert_eq!(request(&text), (body, signature), "{text}");
    }
}

#[test]
fn lambda_events_are_not_changed() {
    let http =
        r#"{"requestContext": {"http": {}}, "headers": {"X-Signature": "no"}, "body": "hi"}"#;
    let rest = r#"{"httpMethod": "POST", "headers": {"x-signature": "no"}, "body": "aGk=", "isBase64Encoded": true}"#;
    for event in [http, rest] {
        assert_eq!(request(event), ("hi".to_owned(), Some("no".to_owned())));
    }
    assert!(matches!(
        event(r#"{"check": true}"#).trigger(),
        Ok(Trigger::Check)
    ));
}

#[test]
fn errors_name_the_line_and_the_accepted_forms() {
    for (text, begins) in [
        ("", "holds no messages; expected Segment messages"),
        (
            "hello",
            "line 1, column 1: not JSON: expected value; expected Segment messages",
        ),
        (
            "{\n  \"type\": \"track\",\n}",
            "line 3, column 1: not JSON: key must be a string; expected",
        ),
        (
            &format!("{A}\n{{\"type\":\n{B}"),
            "line 2, column 8: not JSON: EOF while parsing a value; expected",
        ),
        (
            &format!("{{\"type\"}}\n{B}"),
            "line 1, column 8: not JSON: expected `:`; expected",
        ),
        (
            &format!("{A}\n5\n"),
            "line 2: neither an event nor a message; expected Segment",
        ),
        (
            &format!("{A}\n\n{{\"event\":\"B\"}}"),
            "line 3: neither an event nor a message",
        ),
        (
            r#"[{"httpMethod": "POST", "headers": 5}]"#,
            "element 0: not a Lambda event: a field is not what it is",
        ),
        (
            "5",
            "neither an event nor a message; expected Segment messages",
        ),
        (
            r#"{"name": "left-pad"}"#,
            "neither an event nor a message; expected Segment messages",
        ),
        (
            r#"{"httpMethod": "POST", "headers": 5}"#,
            "not a Lambda event: a field is not what it is",
        ),
    ] {
        let problem = parse(text).unwrap_err();
        assert!(problem.starts_with(begins), "{text}: {problem}");
    }
}

#[test]
fn a_file_may_hold_several_deliveries() {
    let event = r#"{"requestContext": {"http": {}}, "headers": {}, "body": "hi"}"#;
    let entry = include_str!("../../../../tests/suite/recorded/queue-entry-0.1.0.json");
    let record = serde_json::json!({"messageId": "1", "eventSource": "aws:sqs", "body": entry});
    let sqs = serde_json::json!({"Records": [record, record]});
    let received =
        serde_json::json!({"Messages": [{"MessageId": "1", "ReceiptHandle": "r", "Body": entry}]});
    let received = format!("{received:#}");
    for (text, expected) in [
        (
            format!("{A}\n{B}\n{event}\n{A}"),
            "messages 2, event, messages 1",
        ),
        (format!("[{A},{event},{event}]"), "messages 1, event, event"),
        (
            "{\"type\":\n\"track\"}\n{\n\"type\":\"page\"}".to_owned(),
            "messages 2",
        ),
        (sqs.to_string(), "queued 2"),
        (received.clone(), "queued 1"),
        (format!("{received}\n{received}"), "queued 2"),
        (entry.to_owned(), "queued 1"),
        (format!("[{A},5]"), "messages 2"),
    ] {
        let mut found = Vec::new();
        for delivery in deliveries(parse(&text).unwrap()) {
            found.push(match delivery {
                Delivery::Messages(messages) => format!("messages {}", messages.len()),
                Delivery::Event(_) => "event".to_owned(),
                Delivery::Queued(queued) => format!("queued {}", queued.len()),
            });
        }
        assert_eq!(found.join(", "), expected, "{text}");
    }
}
