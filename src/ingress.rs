//! The events that invoke the function: requests of API Gateway 1.0 (REST API) and 2.0 (HTTP API)
//! and of Function URLs, messages that Segment invokes it with, records of the function's SQS queue,
//! and checks.

mod invoked;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;
use thiserror::Error;

pub use invoked::InvokedMessage;

use invoked::Field;

use crate::json::{self, Children, Raw, is_null};
use crate::signature::{Credentials, SIGNATURE_HEADERS, TOKEN_HEADER};

/// The payload of an invocation: the fields of all supported events that the function uses.
///
/// It is parsed in one pass. Bodies have up to 6 MB, and the event types of `aws_lambda_events`
/// would also decode every header, cookie and authorizer.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
#[derive(Debug, Default)]
pub struct EventPayload {
    /// Whether there is the HTTP method of payload 1.0.
    has_http_method: bool,
    /// Whether there is the context of a request, and in it the `http` of payload 2.0.
    has_request_context: bool,
    has_http: bool,
    headers: Headers,
    body: Option<String>,
    is_base64_encoded: bool,
    /// Present in events of SQS.
    records: Option<Vec<QueueRecord>>,
    /// `{"check": true}`, for an operator who invokes the function by hand. IAM decides who may do
    /// that, so a check needs no signature.
    check: bool,
    /// The message, if the event is one and not a request.
    message: Option<InvokedMessage>,
}

/// A record of an SQS queue:
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Debug)]
pub struct QueueRecord {
    message_id: String,
    event_source: String,
    body: String,
}

impl QueueRecord {
    fn read(raw: Raw<'_>) -> Option<Self> {
        let [message_id, event_source, body] =
            json::pick(raw, ["messageId", "eventSource", "body"])?;
        Some(QueueRecord {
            message_id: json::string(message_id?)?.into_owned(),
            event_source: json::string(event_source?)?.into_owned(),
            body: json::unescape(body?.get())?,
        })
    }

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
        let text = std::str::from_utf8(event).map_err(|_| UnsupportedEvent)?;
        EventPayload::read(text.trim_ascii_start()).ok_or(UnsupportedEvent)
    }

    /// Reads an event; `None` if one of its fields is not what it should be.
    fn read(text: &str) -> Option<Self> {
        let mut event = EventPayload::default();
        let mut members = Vec::new();
        let mut source = Children::of_object(text)?;
        while let Some(name) = source.next_key() {
            // A body is most of an event, so it is decoded while its end is looked for.
            if name == "body" && source.is_at_text() {
                event.body = Some(source.next_text()?);
            } else {
                members.push((name, source.next_value()?));
            }
        }
        if !source.is_at_end() {
            return None;
        }
        event.read_members(&members)?;
        Some(event)
    }

    fn read_members(&mut self, members: &[Field<'_>]) -> Option<()> {
        for (name, value) in members {
            if is_null(*value) {
                continue;
            }
            match name.as_ref() {
                "httpMethod" => self.has_http_method = true,
                "requestContext" => {
                    let [http] = json::pick(*value, ["http"])?;
                    self.has_request_context = true;
                    self.has_http = http.is_some_and(|http| !is_null(http));
                }
                "headers" => self.headers = Headers::read(*value)?,
                "isBase64Encoded" => self.is_base64_encoded = json::boolean(*value)?,
                "Records" if value.get().starts_with('[') => {
                    let records = json::raw_elements(*value).into_iter();
                    self.records = Some(records.map(QueueRecord::read).collect::<Option<_>>()?);
                }
                // They are no text and no array.
                "body" | "Records" => return None,
                "check" => self.check = json::boolean(*value)?,
                _ => {}
            }
        }
        if !self.has_http_method && !self.has_request_context && self.records.is_none() {
            self.message = InvokedMessage::from_fields(members);
        }
        Some(())
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
                headers: &self.headers,
            }));
        }
        if self.check {
            return Ok(Trigger::Check);
        }
        match &self.message {
            Some(message) => Ok(Trigger::Message(message)),
            None => Err(UnsupportedEvent),
        }
    }

    /// Whether the event is an HTTP request, by the marks of payload 1.0 and 2.0.
    fn is_http(&self) -> bool {
        self.has_http_method || self.has_http
    }

    /// Returns the bytes that the client sent.
    ///
    /// A body that is not the base64 it claims to be counts as empty. API Gateway and Function URLs
    /// never send one. If some other client does, an empty body has no valid signature, so the
    /// answer is the 401 of any unsigned request and not an error of the invocation, which API
    /// Gateway would turn into a 5xx that Segment resends for hours.
    fn raw_body(&self) -> Cow<'_, [u8]> {
        let body = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded {
            Cow::Owned(STANDARD.decode(body).unwrap_or_default())
        } else {
            Cow::Borrowed(body.as_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for EventPayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        EventPayload::read(raw.get()).ok_or_else(|| {
            D::Error::custom("a field is not what it is in the events of the function")
        })
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

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Headers { … }")
    }
}

impl Headers {
    /// Reads an object of headers.
    fn read(raw: Raw<'_>) -> Option<Self> {
        let mut headers = Headers::default();
        let [x_signature, x_segment_signature] = SIGNATURE_HEADERS;
        for (name, value) in json::object_members(raw.get())? {
            let [signature, segment_signature] = &mut headers.signatures;
            let header = if name.eq_ignore_ascii_case(x_signature) {
                signature
            } else if name.eq_ignore_ascii_case(x_segment_signature) {
                segment_signature
            } else if name.eq_ignore_ascii_case(TOKEN_HEADER) {
                &mut headers.authorization
            } else {
                continue;
            };
            *header = if is_null(value) {
                None
            } else {
                Some(json::string(value)?.into_owned())
            };
        }
        Some(headers)
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
