//! Files as the event that Lambda would get: Lambda events unchanged, plain Segment messages signed
//! as Segment signs them.

use std::io::Read;
use std::path::Path;

use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::json::RawObject;
use segment_klaviyo::signature::{SIGNATURE_HEADER, sign};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::json;
use serde_json::value::RawValue;

/// The forms that a file may have; the end of every error about another one.
const ACCEPTED: &str = "expected a Lambda event (an HTTP request), a Segment message (an object with a type), \
    a JSON array of messages, or one message on each line (NDJSON)";

/// The error for a line that is not a message by [`is_message`].
pub(crate) const NOT_A_MESSAGE: &str = "not a Segment message; expected a JSON object with a type";

/// The beginning of files that Windows editors write. It is not part of their content.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads the file at `path`, or stdin for `-`.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    bytes.map_err(|error| format!("{}: {error}", name(path)))
}

/// The name of `path` in messages to the user.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Returns the Lambda event in the file at `path`. Messages become one delivery, signed with the
/// stand-in's shared secret.
pub(crate) fn event(path: &Path) -> Result<EventPayload, String> {
    let text = String::from_utf8(bytes(path)?)
        .map_err(|_| format!("{}: not UTF-8 text; {ACCEPTED}", name(path)))?;
    parse(text.trim_start_matches(BYTE_ORDER_MARK))
        .map_err(|problem| format!("{}: {problem}", name(path)))
}

/// Whether a JSON value is a Segment message: an object with a type.
pub(crate) fn is_message(value: &RawValue) -> bool {
    RawObject::parse(value).is_some_and(|object| object.contains_key("type"))
}

/// Whether a JSON value is an event that Lambda passes to a function. No event has a type.
pub(crate) fn is_event(value: &RawValue) -> bool {
    const MARKS: [&str; 5] = ["requestContext", "httpMethod", "Records", "check", "detail"];
    RawObject::parse(value).is_some_and(|object| {
        !object.contains_key("type") && MARKS.iter().any(|mark| object.contains_key(mark))
    })
}

fn parse(text: &str) -> Result<EventPayload, String> {
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(_) if is_ndjson(text) => return signed_event(&array_of_lines(text)?),
        Err(error) => return Err(not_json(&error, error.line())),
    };
    if whole.get().starts_with('[') {
        let elements: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| not_json(&error, error.line()))?;
        if let Some(index) = elements.iter().position(|element| is_event(element)) {
            return Err(format!(
                "element {index} is a Lambda event; put each event into a separate file"
            ));
        }
        return signed_event(text);
    }
    if is_event(whole) {
        return serde_json::from_str(text).map_err(|error| format!("not a Lambda event: {error}"));
    }
    if is_message(whole) {
        return signed_event(text);
    }
    Err(format!("neither an event nor a message; {ACCEPTED}"))
}

/// Whether a text that is not JSON holds one object on each line: one of the first two lines is
/// one. The other may be the line with the error.
fn is_ndjson(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && numbered_lines(text).take(2).any(|(_, line)| {
            serde_json::from_str::<&RawValue>(line).is_ok_and(|value| value.get().starts_with('{'))
        })
}

/// The lines that are not blank, with their numbers from 1.
fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty())
}

/// Returns the messages of NDJSON as one JSON array.
fn array_of_lines(text: &str) -> Result<String, String> {
    let mut messages = Vec::new();
    for (number, line) in numbered_lines(text) {
        let value: &RawValue =
            serde_json::from_str(line).map_err(|error| not_json(&error, number))?;
        if !is_message(value) {
            return Err(format!("line {number}: {NOT_A_MESSAGE}"));
        }
        messages.push(value.get());
    }
    Ok(format!("[{}]", messages.join(",")))
}

fn not_json(error: &serde_json::Error, line: usize) -> String {
    let text = error.to_string();
    // serde_json counts lines from the beginning of its input, which may be one line of the
    // file.
    let problem = match text.rsplit_once(" at line ") {
        Some((problem, _)) => problem,
        None => &text,
    };
    let column = error.column();
    format!("line {line}, column {column}: not JSON: {problem}; {ACCEPTED}")
}

/// Returns the event of a webhook request with this body and its signature.
fn signed_event(body: &str) -> Result<EventPayload, String> {
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
            parse(r#"{"check": true}"#).unwrap().trigger(),
            Ok(Trigger::Check)
        ));
    }

    #[test]
    fn errors_name_the_line_and_the_accepted_forms() {
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
