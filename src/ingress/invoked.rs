//! Messages that Segment invokes the function with, past API Gateway.

use std::borrow::Cow;
use std::fmt;

use crate::json::{self, Raw};

/// The types of Segment's spec: <https://segment.com/docs/connections/spec/>
const TYPES: [&str; 7] = [
    "identify", "track", "page", "screen", "group", "alias", "delete",
];

/// The beginning of the source of Segment's partner events:
/// <https://segment.com/docs/connections/destinations/catalog/amazon-eventbridge/>
const EVENTBRIDGE_SOURCE: &str = "aws.partner/segment.com";

/// A top-level field of an event: its name and its value.
pub(super) type Field<'f> = (Cow<'f, str>, Raw<'f>);

/// A message of Segment's destinations "AWS Lambda" and "Amazon EventBridge", as JSON.
///
/// It carries no signature. Only whom IAM permits can invoke the function, and only AWS puts events
/// onto a partner's bus. Requests from the internet are never one: they have a `requestContext`.
/// `Debug` shows nothing of it.
pub struct InvokedMessage(String);

impl InvokedMessage {
    /// Recognizes a message by the top-level fields of an event that is neither a request nor
    /// records.
    pub(super) fn from_fields(fields: &[Field<'_>]) -> Option<Self> {
        if text(fields, "source").is_some_and(|source| source.starts_with(EVENTBRIDGE_SOURCE)) {
            let detail = field(fields, "detail")?;
            return Some(InvokedMessage(detail.get().to_owned()));
        }
        text(fields, "messageId")?;
        let message_type = text(fields, "type")?;
        if !TYPES.contains(&message_type.as_ref()) {
            return None;
        }
        Some(InvokedMessage(object(fields)))
    }

    /// Returns the message, or whatever the event holds in its place.
    pub fn body(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for InvokedMessage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("InvokedMessage { … }")
    }
}

fn field<'f>(fields: &[Field<'f>], name: &str) -> Option<Raw<'f>> {
    let (_, value) = fields.iter().find(|(field, _)| field == name)?;
    Some(*value)
}

fn text<'f>(fields: &[Field<'f>], name: &str) -> Option<Cow<'f, str>> {
    json::string(field(fields, name)?)
}

/// Writes the object that has these fields.
fn object(fields: &[Field<'_>]) -> String {
    let mut json = String::from("{");
    for (name, value) in fields {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(name.as_ref()).to_string());
        json.push(':');
        json.push_str(value.get());
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use crate::ingress::{EventPayload, Trigger};

    /// Returns the message in an event; `None` if it is not supported.
    fn message(json: &str) -> Option<String> {
        let event: EventPayload = serde_json::from_str(json).unwrap();
        match event.trigger() {
            Ok(Trigger::Message(message)) => {
                Some(String::from_utf8(message.body().to_vec()).unwrap())
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        }
    }

    #[test]
    fn a_message_is_recognized_and_kept_as_it_is() {
        for (json, expected) in [
            (
                r#"{"type": "track", "messageId": "m1", "a\"b": [1.0,  2], "properties": {"x": "\u00e9"}}"#,
                r#"{"type":"track","messageId":"m1","a\"b":[1.0,  2],"properties":{"x": "\u00e9"}}"#,
            ),
            (
                r#"{"messageId": "m1", "source": "shop", "type": "alias"}"#,
                r#"{"messageId":"m1","source":"shop","type":"alias"}"#,
            ),
            (
                r#"{"source": "aws.partner/segment.com/shop", "detail-type": "x", "detail": {"type": "track"}}"#,
                r#"{"type": "track"}"#,
            ),
        ] {
            assert_eq!(message(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_not_surely_a_message_is_unsupported() {
        for json in [
            r#"{"type": "track"}"#,
            r#"{"messageId": "m1"}"#,
            r#"{"type": "order", "messageId": "m1"}"#,
            r#"{"type": ["track"], "messageId": "m1"}"#,
            r#"{"type": "track", "messageId": 1}"#,
            r#"{"source": "aws.partner/segment.com/shop"}"#,
            r#"{"source": "aws.partner/other.com/shop", "detail": {"type": "track"}}"#,
            r#"{"requestContext": {}, "type": "track", "messageId": "m1"}"#,
            r#"{"type": "track", "messageId": "m1", "requestContext": {"elb": {}}}"#,
        ] {
            assert_eq!(message(json), None, "{json}");
        }
    }

    #[test]
    fn a_request_from_the_internet_is_never_a_message() {
        let json = r#"{"type": "track", "messageId": "m1", "source": "aws.partner/segment.com/shop",
            "detail": {"type": "track"}, "requestContext": {"http": {}}, "body": "{}"}"#;
        let event: EventPayload = serde_json::from_str(json).unwrap();
        assert!(matches!(event.trigger(), Ok(Trigger::Webhook(_))));
    }
}
