//! What people have at hand, as the event that Lambda would get: Lambda events as they are, plain Segment
//! messages signed as Segment signs them.

use std::io::Read;
use std::path::Path;

use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::segment::json::Fields;
use segment_klaviyo::signature::{SIGNATURE_HEADER, sign};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::json;
use serde_json::value::RawValue;

/// What can be read; the end of every error about something else.
const ACCEPTED: &str = "expected a Lambda event (an HTTP request), a Segment message (an object with a type), \
    a JSON array of messages, or one message on each line (NDJSON)";

/// What is wrong with a line that [`is_message`] does not take.
pub(crate) const NOT_A_MESSAGE: &str = "not a Segment message; expected a JSON object with a type";

/// What Windows editors begin files with. It is no part of what is in them.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The bytes at `path`; of `-`, what comes in on stdin.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| format!("{}: {error}", name(path)))
}

/// How to speak of `path`.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The event that is at `path`, or that Lambda would get for the messages there: one delivery, signed with the
/// stand-in's shared secret.
pub(crate) fn event(path: &Path) -> Result<EventPayload, String> {
    let text = String::from_utf8(bytes(path)?)
        .map_err(|_| format!("{}: not UTF-8 text; {ACCEPTED}", name(path)))?;
    parse(text.trim_start_matches(BYTE_ORDER_MARK))
        .map_err(|problem| format!("{}: {problem}", name(path)))
}

/// Whether an object is a message of Segment's, as far as a file can tell: it has a type.
pub(crate) fn is_message(object: &Fields) -> bool {
    object.has("type")
}

/// Whether an object is what Lambda passes to a function. No event has a type.
pub(crate) fn is_event(object: &Fields) -> bool {
    let marks = ["requestContext", "httpMethod", "Records", "check"];
    !is_message(object) && marks.iter().any(|mark| object.has(mark))
}

fn parse(text: &str) -> Result<EventPayload, String> {
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(_) if is_by_line(text) => return delivery(&joined(text)?),
        Err(error) => return Err(not_json(&error, error.line())),
    };
    if whole.get().starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        return match elements
            .into_iter()
            .filter_map(Fields::parse)
            .position(|element| is_event(&element))
        {
            Some(at) => Err(format!(
                "element {at} is a Lambda event: give each in a file of its own"
            )),
            None => delivery(text),
        };
    }
    match Fields::parse(whole) {
        Some(object) if is_event(&object) => {
            serde_json::from_str(text).map_err(|error| format!("not a Lambda event: {error}"))
        }
        Some(object) if is_message(&object) => delivery(text),
        _ => Err(format!("neither an event nor a message; {ACCEPTED}")),
    }
}

/// What is no JSON as a whole holds one value on each line when one of the first two is whole in itself.
fn is_by_line(text: &str) -> bool {
    let is_whole = |line: &str| {
        serde_json::from_str::<&RawValue>(line).is_ok_and(|value| value.get().starts_with('{'))
    };
    text.trim_start().starts_with('{') && lines(text).take(2).any(|(_, line)| is_whole(line))
}

/// The lines with something in them, by their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
}

/// One array of the messages that stand on a line each.
fn joined(text: &str) -> Result<String, String> {
    let mut messages = Vec::new();
    for (number, line) in lines(text) {
        let value: &RawValue =
            serde_json::from_str(line).map_err(|error| not_json(&error, number))?;
        match Fields::parse(value) {
            Some(object) if is_message(&object) => messages.push(value.get()),
            _ => return Err(format!("line {number}: {NOT_A_MESSAGE}")),
        }
    }
    Ok(format!("[{}]", messages.join(",")))
}

fn not_json(error: &serde_json::Error, line: usize) -> String {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    format!(
        "line {line}, column {}: not JSON: {what}; {ACCEPTED}",
        error.column()
    )
}

fn delivery(body: &str) -> Result<EventPayload, String> {
    let headers = json!({SIGNATURE_HEADER: sign(body.as_bytes(), SHARED_SECRET)});
    let event =
        json!({"requestContext": {"http": {"method": "POST"}}, "headers": headers, "body": body});
    serde_json::from_value(event).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use segment_klaviyo::ingress::Trigger;

    use super::*;

    const A: &str = r#"{"type":"track","event":"A"}"#;
    const B: &str = r#"{"type":"track","event":"B"}"#;

    fn request(text: &str) -> (String, Option<String>) {
        let event = parse(text).unwrap();
        let Trigger::Webhook(request) = event.trigger().unwrap() else {
            panic!("no request")
        };
        let signature = request.credentials().signature.map(str::to_owned);
        (String::from_utf8(request.body.to_vec()).unwrap(), signature)
    }

    #[test]
    fn plain_messages_are_one_delivery_that_segment_could_have_signed() {
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
    fn lambda_events_are_taken_as_they_are() {
        let http =
            r#"{"requestContext": {"http": {}}, "headers": {"X-Signature": "no"}, "body": "hi"}"#;
        let rest = r#"{"httpMethod": "POST", "headers": {"x-signature": "no"}, "body": "aGk=", "isBase64Encoded": true}"#;
        for event in [http, rest] {
            assert_eq!(request(event), ("hi".to_owned(), Some("no".to_owned())));
        }
        assert!(matches!(
            parse(r#"{"check": true}"#).unwrap().trigger(),
            Ok(Trigger::Check)
        ));
    }

    #[test]
    fn errors_name_the_place_and_what_is_accepted() {
        for (text, begins) in [
            (
                "",
                "line 1, column 0: not JSON: EOF while parsing a value; expected a Lambda event",
            ),
            (
                "hello",
                "line 1, column 1: not JSON: expected value; expected a Lambda event",
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
                "line 2: not a Segment message; expected a JSON object",
            ),
            (
                &format!("{A}\n{{\"httpMethod\":\"POST\"}}"),
                "line 2: not a Segment message",
            ),
            (
                &format!("{A}\n{{\"event\":\"B\"}}"),
                "line 2: not a Segment message",
            ),
            (r#"[{"httpMethod":"POST"}]"#, "element 0 is a Lambda event"),
            (
                "5",
                "neither an event nor a message; expected a Lambda event",
            ),
            (
                r#"{"name": "left-pad"}"#,
                "neither an event nor a message; expected a Lambda event",
            ),
            (
                r#"{"httpMethod": "POST", "headers": 5}"#,
                "not a Lambda event: invalid type",
            ),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.starts_with(begins), "{text}: {problem}");
        }
    }
}
