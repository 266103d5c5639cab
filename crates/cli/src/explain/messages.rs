//! The messages of a delivery, read as the function reads them.

use segment_klaviyo::ingress::{EventPayload, Trigger};
use segment_klaviyo::segment;
use segment_klaviyo::signature::{Credentials, VerifiedBody, sign, verify, vouched_by_iam};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::value::RawValue;

use crate::input::{Delivery, QueueReason};
use crate::output;
use crate::sign::SharedSecret;

/// The messages of a delivery.
pub(crate) struct DeliveryMessages {
    /// The messages in their order; none if the body is not JSON.
    pub(crate) messages: Vec<DeliveryMessage>,
    /// The status and the reason with which the function would reject the delivery.
    pub(crate) rejection: Option<String>,
}

/// A message of a delivery.
pub(crate) struct DeliveryMessage {
    /// The bytes of the message.
    pub(crate) raw: Box<RawValue>,
    /// The reason why it is in a queue, if it comes from one.
    pub(crate) queued: Option<QueueReason>,
}

impl From<Box<RawValue>> for DeliveryMessage {
    fn from(raw: Box<RawValue>) -> Self {
        DeliveryMessage { raw, queued: None }
    }
}

impl DeliveryMessages {
    /// Reads the messages of a delivery. Fails for an event that holds none, and says on stderr which
    /// records of a queue hold none.
    pub(crate) fn new(delivery: Delivery, secret: &SharedSecret) -> Result<Self, String> {
        let messages = match delivery {
            Delivery::Event(event) => return DeliveryMessages::from_event(&event, secret),
            Delivery::Messages(messages) => {
                messages.into_iter().map(DeliveryMessage::from).collect()
            }
            Delivery::Queued(queued) => {
                let mut messages = Vec::new();
                for (index, queued) in queued.iter().enumerate() {
                    match queued.message() {
                        Ok(message) => messages.push(DeliveryMessage {
                            raw: message.to_boxed(),
                            queued: queued.reason(),
                        }),
                        Err(problem) => {
                            output::note(&format!("message {index} of the queue: {problem}"));
                        }
                    }
                }
                messages
            }
        };
        Ok(DeliveryMessages {
            messages,
            rejection: None,
        })
    }

    /// Reads the messages of a delivery, even if its signature is missing or wrong. The signature may
    /// be made with `secret` or with the stand-in's shared secret. Fails if the event holds no
    /// messages of Segment.
    pub(crate) fn from_event(event: &EventPayload, secret: &SharedSecret) -> Result<Self, String> {
        let request = match event.trigger() {
            Ok(Trigger::Webhook(request)) => request,
            Ok(Trigger::Message(message)) => {
                return Ok(Self::from_body(&vouched_by_iam(message), None));
            }
            _ => return Err("neither an HTTP request nor Segment messages".to_owned()),
        };
        let body = request.body.as_ref();
        let given_secret = secret.to_secret()?;
        let stand_in_secret = SharedSecret::default().to_secret()?;
        let credentials = request.credentials();
        let verification = verify(body, credentials, &given_secret)
            .or_else(|_| verify(body, credentials, &stand_in_secret));
        let unverified = verification.err().map(|error| format!("401: {error}"));

        // Only a verified body can be parsed. The explanation shows what the function would do with
        // a valid signature, so the body gets one.
        let signature = sign(body, SHARED_SECRET);
        let credentials = Credentials::signed(signature.as_deref().unwrap_or_default());
        let body =
            verify(body, credentials, &stand_in_secret).map_err(|error| error.to_string())?;
        Ok(Self::from_body(&body, unverified))
    }

    fn from_body(body: &VerifiedBody, unverified: Option<String>) -> Self {
        match segment::raw_messages(body) {
            Ok(messages) => DeliveryMessages {
                messages: messages
                    .into_iter()
                    .map(|message| message.to_boxed().into())
                    .collect(),
                rejection: unverified,
            },
            Err(error) => DeliveryMessages {
                messages: Vec::new(),
                rejection: unverified.or_else(|| Some(format!("400: {error}"))),
            },
        }
    }
}
