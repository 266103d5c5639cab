//! One invocation, from event to answer.

mod process;
mod reply;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use thiserror::Error;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::aws::{self, Aws};
use crate::batch::{InboundMessage, MessageResult};
use crate::check::{self, CheckReport, Severity, finding};
use crate::http::SdkHttp;
use crate::ingress::{EventPayload, QueueRecord, Trigger, UnsupportedEvent, WebhookRequest};
use crate::klaviyo::{Klaviyo, revision};
use crate::outcome::Outcome;
use crate::queue::{Queue, QueueEntry};
use crate::response::{self, RequestRejection, WebhookResponse};
use crate::secrets::{RefreshReason, SecretError, Secrets};
use crate::segment;
use crate::settings::{Settings, SettingsError};
use crate::signature::{self, VerifiedBody, VerifyError};
use crate::telemetry::{self, Log, Metric, Metrics, UNVERIFIED, elapsed_ms};
use process::Sender;
pub use reply::{FailedRecord, FailedRecords, Reply, Response};

/// Kept of Lambda's own time for the answer to get out.
const LAMBDA_MARGIN: Duration = Duration::from_millis(300);

/// Why the function does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting.
    #[error("settings")]
    Settings(#[from] SettingsError),
    /// A variable that Lambda sets.
    #[error("environment")]
    Environment(#[from] aws::MissingVariable),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// TLS.
    #[error("HTTP client")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What an invocation knows of itself.
#[derive(Debug, Default)]
pub struct InvocationContext {
    /// Lambda's id of it.
    pub request_id: Option<String>,
    /// The time that Lambda has left for it.
    pub time_left: Option<Duration>,
}

/// The function: everything that lives as long as the process.
pub struct Destination {
    settings: Settings,
    secrets: Secrets,
    klaviyo: Klaviyo,
    retry_queue: Option<Queue>,
    dead_letters: Option<Queue>,
    log: Log,
    cold: AtomicBool,
}

impl Destination {
    /// Reads the settings through `get` and starts with them. All of it happens in init.
    pub async fn start(get: impl Fn(&str) -> Option<String>, log: Log) -> Result<Self, StartError> {
        let settings = Settings::from_env(&get)?;
        Destination::start_with(settings, get, log).await
    }

    /// Loads the secret and is ready, with these settings. The variables of AWS's SDK are read
    /// through `get`.
    pub async fn start_with(
        settings: Settings,
        get: impl Fn(&str) -> Option<String>,
        log: Log,
    ) -> Result<Self, StartError> {
        let http = crate::http::client().map_err(StartError::Http)?;
        let aws = Aws::read(&get, SdkHttp { http: http.clone() })?;
        let secrets = Secrets::load(
            aws.secrets_manager(),
            &settings.secret_id,
            settings.secret_ttl,
            log.clone(),
        )
        .await?;
        let queue = |url: &Option<String>| {
            url.clone()
                .map(|url| Queue::new(aws.sqs(), url, log.clone()))
        };
        let (retry_queue, dead_letters) = (
            queue(&settings.retry_queue_url),
            queue(&settings.dead_letter_queue_url),
        );
        let klaviyo = Klaviyo::new(http, settings.klaviyo_base_url.clone());
        if let Some(ageing) = revision::ageing(OffsetDateTime::now_utc().date()) {
            let counted = Metrics::new(&settings.environment).count(Metric::RevisionAgeing, 1);
            log.warn_counted("Klaviyo's API revision", &ageing, counted);
        }
        let cold = AtomicBool::new(true);
        Ok(Destination {
            settings,
            secrets,
            klaviyo,
            retry_queue,
            dead_letters,
            log,
            cold,
        })
    }

    /// Answers one event and writes its log line. An event that is for nobody here is an error of the
    /// invocation: whoever sent it must not take it for delivered.
    pub async fn handle(
        &self,
        event: &EventPayload,
        invocation: InvocationContext,
    ) -> Result<Reply, UnsupportedEvent> {
        let event = event
            .trigger()
            .inspect_err(|error| self.log.error("event not handled", error))?;
        let started = Instant::now();
        let mut line = telemetry::DeliverySummary {
            request_id: invocation.request_id,
            cold_start: self.cold.swap(false, Ordering::Relaxed),
            ..telemetry::DeliverySummary::default()
        };
        let budget = self.settings.delivery_budget;
        let lambda = invocation
            .time_left
            .map(|left| left.saturating_sub(LAMBDA_MARGIN));
        let deadline = started + lambda.map_or(budget, |lambda| lambda.min(budget));

        let reply = match event {
            // A fault here costs this invocation and no other; what was sent is sent again.
            Trigger::Webhook(request) => {
                line.is_from_segment = true;
                let answer = AssertUnwindSafe(self.receive(&request, deadline, &mut line))
                    .catch_unwind()
                    .await;
                let answer = answer.unwrap_or_else(|_| WebhookResponse::internal_error());
                line.status = answer.status;
                Reply::Http(answer)
            }
            Trigger::Records(records) => {
                let failed = AssertUnwindSafe(self.resume(records, deadline, &mut line))
                    .catch_unwind()
                    .await;
                let failed =
                    failed.unwrap_or_else(|_| records.iter().map(QueueRecord::id).collect());
                let failed = failed.into_iter().map(|id| FailedRecord {
                    item_identifier: id.to_owned(),
                });
                Reply::Records(FailedRecords {
                    batch_item_failures: failed.collect(),
                })
            }
            Trigger::Check => return Ok(Reply::Check(self.check(deadline).await)),
        };
        line.duration_ms = elapsed_ms(started);
        self.log.delivery(&line, &self.settings.environment);
        Ok(reply)
    }

    /// Whether everything is there that deliveries need.
    async fn check(&self, deadline: Instant) -> CheckReport {
        let mut findings = check::settings(&self.settings);
        match self.secrets.check(deadline).await {
            Ok(secret) => {
                findings.push(finding(
                    "secret",
                    Severity::Ok,
                    "fetched, and of the form that is expected",
                ));
                let key = secret.klaviyo_api_key();
                findings.extend(
                    check::klaviyo(&self.klaviyo, key, &self.settings.rules, deadline).await,
                );
            }
            Err(error) => findings.push(finding("secret", Severity::Failed, error.to_string())),
        }
        let report = CheckReport::of(findings);
        self.log.check(&report, report.check != Severity::Failed);
        report
    }

    /// A delivery of Segment's.
    async fn receive(
        &self,
        request: &WebhookRequest<'_>,
        deadline: Instant,
        line: &mut telemetry::DeliverySummary,
    ) -> WebhookResponse {
        let body = match self.verify(request, deadline).await {
            Ok(body) => body,
            Err(unverified) => return refuse(RequestRejection::Signature(unverified), line),
        };
        let elements = match segment::raw_messages(&body) {
            Ok(elements) => elements,
            Err(error) => return refuse(RequestRejection::Body(error), line),
        };
        let now = OffsetDateTime::now_utc();
        let parcels: Vec<_> = elements
            .into_iter()
            .map(|raw| InboundMessage::new(raw, now))
            .collect();
        WebhookResponse::ended(&self.deliver(&parcels, deadline, line).await)
    }

    /// How each of these messages ended, until `deadline` at the latest. Whoever hands them over vouches for
    /// them; what is to be retried may come again, with what is done of it, and nothing of that is repeated.
    pub async fn deliver(
        &self,
        parcels: &[InboundMessage<'_>],
        deadline: Instant,
        line: &mut telemetry::DeliverySummary,
    ) -> Vec<MessageResult> {
        let ended = self.process(parcels, Sender::Segment, deadline, line).await;
        self.log_ended(parcels, &ended, line);
        ended
    }

    /// Lets the request in, with a fresh secret if the one in hand does not fit: it may have been rotated.
    async fn verify<'r>(
        &self,
        request: &'r WebhookRequest<'_>,
        deadline: Instant,
    ) -> Result<VerifiedBody<'r>, VerifyError> {
        let (body, credentials) = (request.body.as_ref(), request.credentials());
        let secret = self.secrets.current(deadline).await;
        match signature::verify(body, credentials, &secret) {
            Err(VerifyError::SignatureMismatch | VerifyError::InvalidToken) => {
                let fresh = self
                    .secrets
                    .refresh(RefreshReason::SignatureMismatch, &secret, deadline)
                    .await;
                signature::verify(body, credentials, &fresh)
            }
            verified => verified,
        }
    }

    /// Records of the retry queue: the ids of those that stay in it.
    async fn resume<'r>(
        &self,
        records: &'r [QueueRecord],
        deadline: Instant,
        line: &mut telemetry::DeliverySummary,
    ) -> Vec<&'r str> {
        let (mut ids, mut parcels, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for record in records {
            match QueueEntry::parse(record.body()) {
                Ok(entry) => {
                    ids.push(record.id());
                    parcels.push(entry.parcel());
                }
                Err(unreadable) => {
                    self.log.error(
                        "a record of the queue cannot be read and stays there",
                        &unreadable,
                    );
                    failed.push(record.id());
                }
            }
        }
        // What gets no further stays as the record it is; what does is a new entry, so that nothing of it is
        // done again.
        let mut ended = self.process(&parcels, Sender::Queue, deadline, line).await;
        let advanced = |(parcel, ended): (&InboundMessage, &MessageResult)| {
            ended.done.len() > parcel.done.len()
        };
        let advanced: Vec<bool> = parcels.iter().zip(&ended).map(advanced).collect();
        self.keep(&parcels, &mut ended, &advanced, deadline).await;
        self.log_ended(&parcels, &ended, line);
        let stays = |(id, ended): (&'r str, &MessageResult)| {
            matches!(ended.outcome, Outcome::Retry(_)).then_some(id)
        };
        failed.extend(ids.into_iter().zip(&ended).filter_map(stays));
        failed
    }

    fn log_ended(
        &self,
        parcels: &[InboundMessage],
        ended: &[MessageResult],
        line: &mut telemetry::DeliverySummary,
    ) {
        for (index, message) in ended.iter().enumerate() {
            if let Outcome::Rejected(why) = &message.outcome {
                let message_id = message
                    .message_id
                    .as_deref()
                    .and_then(response::loggable_id);
                let (reason, detail) = (why.reason(), why.to_string());
                self.log.rejection(&telemetry::Rejection {
                    index,
                    message_id,
                    reason,
                    detail,
                });
            }
        }
        line.count(ended.iter().map(|ended| &ended.outcome));
        let orders = parcels
            .iter()
            .zip(ended)
            .filter(|(parcel, _)| parcel.is_order());
        line.count_orders(orders.map(|(_, ended)| &ended.outcome));
        line.reasons = WebhookResponse::reasons(ended);
    }
}

fn refuse(refused: RequestRejection, line: &mut telemetry::DeliverySummary) -> WebhookResponse {
    let reason = match refused {
        RequestRejection::Signature(_) => UNVERIFIED,
        RequestRejection::Body(_) => "unreadable_body",
    };
    line.reasons.insert(reason, 1);
    WebhookResponse::refused(&refused)
}
