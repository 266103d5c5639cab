//! Lambda's events → one request type: API Gateway 1.0 (REST) and 2.0 (HTTP), Function URLs, SQS.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

use crate::signature::{Credentials, SIGNATURE_HEADER, TOKEN_HEADER};

/// The parts of an event that say anything here, read in one pass: bodies go up to 6 MB, and the
/// crate's full event types would decode every header, cookie and authorizer besides.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EventPayload {
    /// Payload 1.0.
    http_method: Option<IgnoredAny>,
    request_context: Option<RequestContext>,
    headers: Option<Headers>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    /// SQS.
    #[serde(rename = "Records")]
    records: Option<Vec<QueueRecord>>,
    /// Ours, to be invoked by hand: who may do that may also read the function's settings.
    check: Option<bool>,
}

/// A message of an SQS queue:
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueRecord {
    message_id: String,
    event_source: String,
    body: String,
}

impl QueueRecord {
    /// SQS's id of it.
    pub fn id(&self) -> &str {
        &self.message_id
    }

    /// What was put into the queue.
    pub fn body(&self) -> &str {
        &self.body
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct RequestContext {
    /// Payload 2.0.
    http: Option<IgnoredAny>,
}

/// An event that is none of those this function is for.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "not an event this function is for: expected an API Gateway (REST or HTTP API) or Function URL request, \
     records of its own SQS queue, or {{\"check\": true}}"
)]
pub struct UnsupportedEvent;

/// What an event asks for.
#[derive(Debug)]
pub enum Trigger<'e> {
    /// A delivery of Segment's.
    Webhook(WebhookRequest<'e>),
    /// Messages that were put aside. Only this function writes into its queue, so they need no signature.
    Records(&'e [QueueRecord]),
    /// Whether everything is there that deliveries need.
    Check,
}

/// An HTTP request, whichever way it came.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookRequest<'e> {
    /// The raw bytes that were sent.
    pub body: Cow<'e, [u8]>,
    headers: &'e Headers,
}

impl EventPayload {
    /// What the event asks for. A body that is not the base64 it is said to be counts as empty: no
    /// signature fits it.
    pub fn trigger(&self) -> Result<Trigger<'_>, UnsupportedEvent> {
        if let Some(records) = &self.records {
            let all_ours = records
                .iter()
                .all(|record| record.event_source == "aws:sqs");
            return if all_ours {
                Ok(Trigger::Records(records))
            } else {
                Err(UnsupportedEvent)
            };
        }
        let is_http = self.http_method.is_some()
            || self
                .request_context
                .as_ref()
                .is_some_and(|it| it.http.is_some());
        if !is_http {
            return if self.check == Some(true) {
                Ok(Trigger::Check)
            } else {
                Err(UnsupportedEvent)
            };
        }
        let body = self.body.as_deref().unwrap_or_default();
        let body = match self.is_base64_encoded {
            Some(true) => Cow::Owned(STANDARD.decode(body).unwrap_or_default()),
            _ => Cow::Borrowed(body.as_bytes()),
        };
        Ok(Trigger::Webhook(WebhookRequest {
            body,
            headers: self.headers.as_ref().unwrap_or(&NO_HEADERS),
        }))
    }
}

impl WebhookRequest<'_> {
    /// What the request says for itself.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            signature: self.headers.signature.as_deref(),
            authorization: self.headers.authorization.as_deref(),
        }
    }
}

/// The two headers that matter, whatever the case of their names.
#[derive(Default, PartialEq, Eq)]
struct Headers {
    signature: Option<String>,
    authorization: Option<String>,
}

static NO_HEADERS: Headers = Headers {
    signature: None,
    authorization: None,
};

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Headers { … }")
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Headers;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of headers")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Headers::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name.eq_ignore_ascii_case(SIGNATURE_HEADER) {
                        headers.signature = map.next_value()?;
                    } else if name.eq_ignore_ascii_case(TOKEN_HEADER) {
                        headers.authorization = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(headers)
            }
        }
        deserializer.deserialize_map(Names)
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
            Trigger::Records(_) | Trigger::Check => panic!("not a request"),
        }
    }

    #[test]
    fn every_kind_of_http_event_is_one_request() {
        for json in [
            r#"{"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "headers": {"x-signature": "ab"}, "body": "hi"}"#,
            r#"{"httpMethod": "POST", "headers": {"X-Signature": "ab"}, "body": "aGk=", "isBase64Encoded": true}"#,
            r#"{"requestContext": {"http": {}}, "headers": {"X-SIGNATURE": "ab", "host": "h"}, "body": "hi", "isBase64Encoded": false}"#,
        ] {
            let event = event(json);
            let request = request(&event);
            assert_eq!(
                (request.body.as_ref(), request.credentials().signature),
                (b"hi".as_slice(), Some("ab")),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_empty() {
        for json in [
            r#"{"httpMethod": "POST"}"#,
            r#"{"httpMethod": "POST", "headers": null, "body": null}"#,
            r#"{"httpMethod": "POST", "body": "not base64!", "isBase64Encoded": true}"#,
        ] {
            let event = event(json);
            let request = request(&event);
            assert_eq!(
                (request.body.as_ref(), request.credentials().signature),
                (b"".as_slice(), None),
                "{json}"
            );
        }
    }

    const SNS: &str = r#"{"Records": [{"messageId": "1", "eventSource": "aws:sns", "body": ""}]}"#;

    #[test]
    fn records_of_a_queue_are_read() {
        let event = event(
            r#"{"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": "{}", "attributes": {}}]}"#,
        );
        let Ok(Trigger::Records([record])) = event.trigger() else {
            panic!("no records")
        };
        assert_eq!((record.id(), record.body()), ("1", "{}"));
    }

    #[test]
    fn a_check_is_asked_for_by_whoever_may_invoke_the_function_and_never_over_http() {
        assert!(matches!(
            event(r#"{"check": true}"#).trigger(),
            Ok(Trigger::Check)
        ));
        let over_http =
            event(r#"{"httpMethod": "POST", "body": "{\"check\": true}", "check": true}"#);
        assert!(matches!(over_http.trigger(), Ok(Trigger::Webhook(_))));
    }

    #[test]
    fn other_events_are_none_of_ours() {
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
