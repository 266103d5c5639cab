//! One invocation, from event to answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::answer::{self, Answer, Ended, Refused};
use crate::aws;
use crate::delivery::{Delivery, Unmet, Work};
use crate::ingress::{LambdaEvent, NotARequest, Request};
use crate::klaviyo::{Klaviyo, revision};
use crate::outcome::{Outcome, Rejected, Unfinished};
use crate::rules::{self, Decision};
use crate::secrets::{Doubt, SecretError, Secrets};
use crate::segment::{self, Message, NotAMessage};
use crate::settings::{Settings, SettingsError};
use crate::signature::{self, Unverified, Verified};
use crate::telemetry::{self, Log};

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
    Environment(#[from] aws::NotSet),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// TLS.
    #[error("HTTP client")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What an invocation knows of itself.
#[derive(Debug, Default)]
pub struct Invocation {
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
    log: Log,
    cold: AtomicBool,
}

impl Destination {
    /// Reads the settings through `get`, loads the secret and is ready. All of it happens in init.
    pub async fn start(get: impl Fn(&str) -> Option<String>, log: Log) -> Result<Self, StartError> {
        let settings = Settings::read(&get)?;
        let http = crate::http::client().map_err(StartError::Http)?;
        let secrets_manager = aws::secrets_manager(&get, &http)?;
        let secrets = Secrets::load(secrets_manager, &settings.secret_id, settings.secret_ttl, log.clone()).await?;
        let klaviyo = Klaviyo::new(http, settings.klaviyo_base_url.clone());
        if let Some(ageing) = revision::ageing(OffsetDateTime::now_utc().date()) {
            log.warn("Klaviyo's API revision", &ageing);
        }
        Ok(Destination { settings, secrets, klaviyo, log, cold: AtomicBool::new(true) })
    }

    /// Answers one request and writes its log line. An event that is no request is an error of the
    /// invocation: whoever sent it must not take it for delivered.
    pub async fn handle(&self, event: &LambdaEvent, invocation: Invocation) -> Result<Answer, NotARequest> {
        let request = event.request().inspect_err(|error| self.log.error("event not handled", error))?;
        let started = Instant::now();
        let mut line = telemetry::Delivery {
            request_id: invocation.request_id,
            cold_start: self.cold.swap(false, Ordering::Relaxed),
            ..telemetry::Delivery::default()
        };
        let budget = self.settings.delivery_budget;
        let lambda = invocation.time_left.map(|left| left.saturating_sub(LAMBDA_MARGIN));
        let deadline = started + lambda.map_or(budget, |lambda| lambda.min(budget));

        let answer = match self.receive(&request, deadline, &mut line).await {
            Ok(answer) => answer,
            Err(refused) => {
                line.reasons.insert(reason(&refused), 1);
                Answer::refused(&refused)
            }
        };
        line.status = answer.status;
        line.duration_ms = milliseconds(started);
        self.log.delivery(&line);
        Ok(answer)
    }

    async fn receive(
        &self,
        request: &Request<'_>,
        deadline: Instant,
        line: &mut telemetry::Delivery,
    ) -> Result<Answer, Refused> {
        let body = self.verify(request, deadline).await?;
        let messages = segment::messages(&body)?;
        let ended = self.deliver(&messages, deadline, line).await;
        let answer = Answer::ended(&ended);
        self.log_ended(&ended, &answer, line);
        Ok(answer)
    }

    /// Lets the request in, with a fresh secret if the one in hand does not fit: it may have been rotated.
    async fn verify<'r>(&self, request: &'r Request<'_>, deadline: Instant) -> Result<Verified<'r>, Unverified> {
        let (body, credentials) = (request.body.as_ref(), request.credentials());
        let secret = self.secrets.current(deadline).await;
        match signature::verify(body, credentials, &secret) {
            Err(Unverified::Mismatch | Unverified::Token) => {
                let fresh = self.secrets.refreshed(Doubt::Signature, &secret, deadline).await;
                signature::verify(body, credentials, &fresh)
            }
            verified => verified,
        }
    }

    async fn deliver(
        &self,
        messages: &[Result<Message<'_>, NotAMessage>],
        deadline: Instant,
        line: &mut telemetry::Delivery,
    ) -> Vec<Ended> {
        let now = OffsetDateTime::now_utc();
        let mut work = Vec::new();
        let mut ended = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            let decision = match message {
                Ok(message) => rules::decide(message, &self.settings.rules, now),
                Err(NotAMessage) => Decision::Reject(Rejected::NotAMessage),
            };
            let (outcome, notes) = match decision {
                Decision::Send { operations, notes } => {
                    work.extend(operations.into_iter().map(|operation| Work { message: index, operation }));
                    (Outcome::Delivered, notes)
                }
                Decision::Ignore(reason) => (Outcome::Ignored(reason), Vec::new()),
                Decision::Reject(reason) => (Outcome::Rejected(reason), Vec::new()),
            };
            let message_id = message.as_ref().ok().and_then(|message| message.message_id.as_deref());
            ended.push(Ended { message_id: message_id.map(str::to_owned), outcome, notes });
        }

        let calling = Instant::now();
        let delivery = Delivery::new(&self.klaviyo, &self.secrets, deadline);
        let of: Vec<usize> = work.iter().map(|work| work.message).collect();
        let results = delivery.deliver(work).await;
        line.klaviyo_ms = milliseconds(calling);
        (line.klaviyo_calls, line.klaviyo_throttled) = delivery.counts();
        for (message, result) in of.into_iter().zip(results) {
            if let (Some(ended), Err(unmet)) = (ended.get_mut(message), result) {
                ended.outcome = worse(&ended.outcome, unmet);
            }
        }
        ended
    }

    fn log_ended(&self, ended: &[Ended], answer: &Answer, line: &mut telemetry::Delivery) {
        for (index, message) in ended.iter().enumerate() {
            if let Outcome::Rejected(why) = &message.outcome {
                let message_id = message.message_id.as_deref().and_then(answer::shown);
                let (reason, detail) = (why.reason(), why.to_string());
                self.log.rejection(&telemetry::Rejection { index, message_id, reason, detail });
            }
        }
        let report = &answer.report;
        (line.received, line.delivered) = (report.received, report.delivered);
        (line.ignored, line.rejected) = (report.ignored, report.rejected);
        line.retry = answer.retry;
        line.reasons = Answer::reasons(ended);
    }
}

/// A message is as far as the least of its operations: one that can still succeed keeps it alive. Of
/// several causes the one that is not throttling counts, else the longest wait.
fn worse(so_far: &Outcome, unmet: Unmet) -> Outcome {
    match (so_far, unmet) {
        (Outcome::Retry(Unfinished::Throttled(one)), Unmet::Later(Unfinished::Throttled(other))) => {
            Outcome::Retry(Unfinished::Throttled(*one.max(&other)))
        }
        (Outcome::Retry(Unfinished::Throttled(_) | Unfinished::HeldBack), Unmet::Later(cause))
            if cause != Unfinished::HeldBack =>
        {
            Outcome::Retry(cause)
        }
        (Outcome::Retry(cause), _) => Outcome::Retry(*cause),
        (_, Unmet::Later(cause)) => Outcome::Retry(cause),
        (Outcome::Rejected(first), Unmet::Never(_)) => Outcome::Rejected(first.clone()),
        (_, Unmet::Never(why)) => Outcome::Rejected(why),
    }
}

fn reason(refused: &Refused) -> &'static str {
    match refused {
        Refused::Unverified(_) => "unverified",
        Refused::Body(_) => "unreadable_body",
    }
}

fn milliseconds(since: Instant) -> u64 {
    since.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}
