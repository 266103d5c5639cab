//! What comes in: the sender is verified before the body is parsed, and the messages are delivered.

use tokio::time::Instant;

use super::destination::Destination;
use crate::clock;
use crate::delivery::{Delivery, InboundMessage};
use crate::ingress::{InvokedMessage, WebhookRequest};
use crate::response::{RequestRejection, WebhookResponse};
use crate::secrets::RefreshReason;
use crate::segment::raw_messages;
use crate::settings::Intake;
use crate::signature::{self, VerifiedBody, VerifyError};
use crate::telemetry::{DeliverySummary, Origin};

impl Destination {
    /// Delivers the messages of a webhook.
    pub(super) async fn handle_webhook(
        &self,
        request: &WebhookRequest<'_>,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> WebhookResponse {
        let body = match self.verify(request, deadline).await {
            Ok(body) => body,
            Err(error) => {
                summary.count_rejected_signature();
                return WebhookResponse::rejected(&RequestRejection::Signature(error));
            }
        };
        self.deliver_body(&body, deadline, summary).await
    }

    /// Delivers a message that Segment invoked the function with.
    pub(super) async fn handle_message(
        &self,
        message: &InvokedMessage,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> WebhookResponse {
        let body = signature::vouched_by_iam(message);
        self.deliver_body(&body, deadline, summary).await
    }

    /// Delivers the messages of a body.
    async fn deliver_body(
        &self,
        body: &VerifiedBody<'_>,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> WebhookResponse {
        let raw_messages = match raw_messages(body) {
            Ok(raw_messages) => raw_messages,
            Err(error) => {
                summary.count_unreadable_body();
                return WebhookResponse::rejected(&RequestRejection::Body(error));
            }
        };
        let now = clock::now();
        // Each message is parsed for its clue and again for the rules: parsed ones are large.
        let mut inquiries = Vec::new();
        if self.memory.is_some() {
            let messages = raw_messages.iter();
            inquiries.extend(messages.map(|raw| self.inquiry(&InboundMessage::new(*raw, now))));
        }
        let mut recollections = self.recall(&inquiries, deadline).await.into_iter();
        let messages = raw_messages.into_iter().map(|raw| InboundMessage {
            recollection: recollections.next().flatten(),
            ..InboundMessage::new(raw, now)
        });
        let delivery = Delivery::plan(messages, &self.settings.rules);
        let results = match self.settings.intake {
            Intake::Direct => {
                self.process(
                    delivery,
                    Origin::Webhook,
                    |message| message.brief_result(),
                    deadline,
                    summary,
                )
                .await
            }
            Intake::Queued => self.take_in(delivery, deadline, summary).await,
        };
        WebhookResponse::from_results(&results)
    }

    /// Verifies a request, with a fresh secret if the present one does not fit: it may have been
    /// rotated. Nobody's messages are given up as long as that cannot be known.
    async fn verify<'r>(
        &self,
        request: &'r WebhookRequest<'_>,
        deadline: Instant,
    ) -> Result<VerifiedBody<'r>, VerifyError> {
        let body = request.body.as_ref();
        let credentials = request.credentials();
        let secret = self.secrets.current(deadline).await;
        match signature::verify(body, credentials, &secret) {
            Err(VerifyError::SignatureMismatch | VerifyError::InvalidToken) => {
                let reason = RefreshReason::SignatureMismatch;
                let refreshed = self
                    .secrets
                    .refresh_unless_paused(reason, &secret, deadline)
                    .await;
                let verified = signature::verify(body, credentials, &refreshed.secret);
                match (verified, refreshed.paused) {
                    (Err(_), Some(pause)) => {
                        Err(VerifyError::SecretMayBeStale(pause.as_secs() + 1))
                    }
                    (verified, _) => verified,
                }
            }
            verified => verified,
        }
    }
}
