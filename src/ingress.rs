//! The events that invoke the function: requests of API Gateway 1.0 (REST API) and 2.0 (HTTP API)
//! and of Function URLs, messages that Segment invokes it with, records of the function's SQS queue,
//! and checks.

mod invoked;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

pub use invoked::InvokedMessage;

use crate::json::unescape;
use crate::signature::{Credentials, SIGNATURE_HEADERS, TOKEN_HEADER};

/// The payload of an invocation: the fields of all supported events that the function uses.
///
/// It is parsed in one pass. Bodies have up to 6 MB, and the event types of `aws_lambda_events`
/// would also decode every header, cookie and authorizer.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
#[derive(Debug, Default)]
pub struct EventPayload {
    /// Present in payload 1.0.
    http_method: Option<IgnoredAny>,
    request_context: Option<RequestContext>,
    headers: Option<Headers>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    /// Present in events of SQS.
    records: Option<Vec<QueueRecord>>,
    /// `{"check": true}`, for an operator who invokes the function by hand. IAM decides who may do
    /// that, so a check needs no signature.
    check: Option<bool>,
    /// The message, if the event is one and not a request.
    message: Option<InvokedMessage>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct RequestContext {
    /// Present in payload 2.0.
    http: Option<IgnoredAny>,
}

/// A record of an SQS queue:
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueRecord {
    message_id: String,
    event_source: String,
    #[serde(deserialize_with = "deserialize_body")]
    body: String,
}

impl QueueRecord {
    /// Returns the id that SQS gave the record.
    pub fn id(&self) -> &str {
        &self.message_id
    }

    /// Returns the queue entry, as JSON.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether the record comes from SQS. SNS and other services send `Records` too.
    fn is_from_sqs(&self) -> bool {
        self.event_source == "aws:sqs"
    }
}

/// An event that the function does not support.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "unsupported event: expected an API Gateway (REST or HTTP API) or Function URL request, \
     a Segment message or an EventBridge event of Segment, records of the function's own SQS queue, \
     or {{\"check\": true}}"
)]
pub struct UnsupportedEvent;

/// The supported events.
#[derive(Debug)]
pub enum Trigger<'e> {
    /// A delivery from Segment.
    Webhook(WebhookRequest<'e>),
    /// A message that Segment invokes the function with. IAM vouches for the sender.
    Message(&'e InvokedMessage),
    /// Records of the retry queue. They need no signature, since only this function writes there.
    Records(&'e [QueueRecord]),
    /// A check of settings, secret, API key and list.
    Check,
}

/// An HTTP request in one form, whichever service received it.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookRequest<'e> {
    /// The raw bytes that the client sent. The signature is that of these bytes.
    pub body: Cow<'e, [u8]>,
    headers: &'e Headers,
}

impl EventPayload {
    /// Parses the event of an invocation. What is wrong with it is not said: it would be quoted.
    pub fn parse(event: &[u8]) -> Result<Self, UnsupportedEvent> {
        serde_json::from_slice(event).map_err(|_| UnsupportedEvent)
    }

    /// Recognizes the event. An HTTP request is never a check, whatever it holds, since anybody can
    /// send one.
    pub fn trigger(&self) -> Result<Trigger<'_>, UnsupportedEvent> {
        if let Some(records) = &self.records {
            if records.iter().all(QueueRecord::is_from_sqs) {
                return Ok(Trigger::Records(records));
            }
            return Err(UnsupportedEvent);
        }
        if self.is_http() {
            return Ok(Trigger::Webhook(WebhookRequest {
                body: self.raw_body(),
                headers: self.headers.as_ref().unwrap_or(&NO_HEADERS),
            }));
        }
        if self.check == Some(true) {
            return Ok(Trigger::Check);
        }
        match &self.message {
            Some(message) => Ok(Trigger::Message(message)),
            None => Err(UnsupportedEvent),
        }
    }

    /// Whether the event is an HTTP request, by the marks of payload 1.0 and 2.0.
    fn is_http(&self) -> bool {
        let is_payload_1 = self.http_method.is_some();
        let is_payload_2 = match &self.request_context {
            Some(context) => context.http.is_some(),
            None => false,
        };
        is_payload_1 || is_payload_2
    }

    /// Returns the bytes that the client sent.
    ///
    /// A body that is not the base64 it claims to be counts as empty. API Gateway and Function URLs
    /// never send one. If some other client does, an empty body has no valid signature, so the
    /// answer is the 401 of any unsigned request and not an error of the invocation, which API
    /// Gateway would turn into a 5xx that Segment resends for hours.
    fn raw_body(&self) -> Cow<'_, [u8]> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded == Some(true) {
            Cow::Owned(STANDARD.decode(body).unwrap_or_default())
        } else {
            Cow::Borrowed(body.as_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for EventPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

/// The body of a request or a record: text in which most of a large event is.
struct Body(String);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_body(deserializer).map(Body)
    }
}

fn deserialize_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    unescape(raw.get()).ok_or_else(|| D::Error::custom("the body is no text"))
}

/// The name of a field, which is borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

/// A visitor that keeps unknown fields while the event may still be a message. Derived code would
/// keep them all, or none.
struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = EventPayload;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an event, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventPayload, A::Error> {
        let mut event = EventPayload::default();
        let mut others = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "httpMethod" => event.http_method = map.next_value()?,
                "requestContext" => event.request_context = map.next_value()?,
                "headers" => event.headers = map.next_value()?,
                "body" => event.body = map.next_value::<Option<Body>>()?.map(|body| body.0),
                "isBase64Encoded" => event.is_base64_encoded = map.next_value()?,
                "Records" => event.records = map.next_value()?,
                "check" => event.check = map.next_value()?,
                _ if event.may_be_a_message() => {
                    others.push((name, map.next_value::<&RawValue>()?));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if event.may_be_a_message() {
            event.message = InvokedMessage::from_fields(&others);
        }
        Ok(event)
    }
}

impl EventPayload {
    /// Whether nothing yet marks the event as a request or as records.
    fn may_be_a_message(&self) -> bool {
        self.http_method.is_none() && self.request_context.is_none() && self.records.is_none()
    }
}

impl WebhookRequest<'_> {
    /// Returns the credentials that the request carries.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            signatures: self.headers.signatures.each_ref().map(Option::as_deref),
            authorization: self.headers.authorization.as_deref(),
        }
    }
}

/// The headers that the function uses. Their names are matched in any case: REST APIs keep the
/// client's spelling, HTTP APIs send lower case. `Debug` shows no values.
#[derive(Default, PartialEq, Eq)]
struct Headers {
    /// The values of [`SIGNATURE_HEADERS`].
    signatures: [Option<String>; 2],
    authorization: Option<String>,
}

static NO_HEADERS: Headers = Headers {
    signatures: [None, None],
    authorization: None,
};

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Headers { … }")
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

/// A visitor that keeps these headers and skips the others without allocating their values. Derived
/// code cannot match names without regard to case.
struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some(Name(name)) = map.next_key()? {
            let [x_signature, x_segment_signature] = SIGNATURE_HEADERS;
            let [signature, segment_signature] = &mut headers.signatures;
            if name.eq_ignore_ascii_case(x_signature) {
                *signature = map.next_value()?;
            } else if name.eq_ignore_ascii_case(x_segment_signature) {
                *segment_signature = map.next_value()?;
            } else if name.eq_ignore_ascii_case(TOKEN_HEADER) {
                headers.authorization = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> EventPayload {
        serde_json::from_str(json).unwrap()
    }

    fn request(event: &EventPayload) -> WebhookRequest<'_> {
        match event.trigger().unwrap() {
            Trigger::Webhook(request) => request,
            Trigger::Message(_) | Trigger::Records(_) | Trigger::Check => panic!("not a request"),
        }
    }

    #[test]
    fn every_http_event_becomes_the_same_request() {
        for json in [
            r#"{"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "headers": {"x-signature": "ab"}, "body": "hi"}"#,
            r#"{"httpMethod": "POST", "headers": {"X-Signature": "ab"}, "body": "aGk=", "isBase64Encoded": true}"#,
            r#"{"requestContext": {"http": {}}, "headers": {"X-SIGNATURE": "ab", "host": "h"}, "body": "hi", "isBase64Encoded": false}"#,
        ] {
            let event = event(json);
            let request = request(&event);
            assert_eq!(
                (request.body.as_ref(), request.credentials().signatures),
                (b"hi".as_slice(), [Some("ab"), None]),
                "{json}"
            );
        }
    }

    #[test]
    fn absent_fields_default_to_empty() {
        for json in [
            r#"{"httpMethod": "POST"}"#,
            r#"{"httpMethod": "POST", "headers": null, "body": null}"#,
            r#"{"httpMethod": "POST", "body": "not base64!", "isBase64Encoded": true}"#,
        ] {
            let event = event(json);
            let request = request(&event);
            assert_eq!(
                (request.body.as_ref(), request.credentials().signatures),
                (b"".as_slice(), [None, None]),
                "{json}"
            );
        }
    }

    const SNS: &str = r#"{"Records": [{"messageId": "1", "eventSource": "aws:sns", "body": ""}]}"#;

    #[test]
    fn records_of_sqs_are_a_trigger() {
        let event = event(
            r#"{"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "{}", "attributes": {}}]}"#,
        );
        let Ok(Trigger::Records([record])) = event.trigger() else {
            panic!("no records")
        };
        assert_eq!((record.id(), record.body()), ("1", "{}"));
    }

    #[test]
    fn a_check_is_never_triggered_over_http() {
        assert!(matches!(
            event(r#"{"check": true}"#).trigger(),
            Ok(Trigger::Check)
        ));
        let over_http =
            event(r#"{"httpMethod": "POST", "body": "{\"check\": true}", "check": true}"#);
        assert!(matches!(over_http.trigger(), Ok(Trigger::Webhook(_))));
    }

    #[test]
    fn other_events_are_unsupported() {
        for json in [
            "{}",
            r#"{"check": false}"#,
            r#"{"key1": "value1"}"#,
            r#"{"source": "aws.events"}"#,
            SNS,
        ] {
            assert_eq!(
                event(json).trigger().err(),
                Some(UnsupportedEvent),
                "{json}"
            );
        }
    }
}
