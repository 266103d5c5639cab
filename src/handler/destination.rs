//! The function: everything that lives as long as its process, and how it answers.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use thiserror::Error;
use tokio::time::Instant;

use super::queues::Queues;
use super::reply::{FailedRecord, FailedRecords, InvocationError, Reply};
use crate::aws::{Aws, MissingVariable};
use crate::check::{self, CheckReport, Finding};
use crate::clock;
use crate::delivery::{Delivery, Dispatcher, InboundMessage, ListOptIns, MessageResult};
use crate::http::SdkHttp;
use crate::ingress::{EventPayload, QueueRecord, Trigger};
use crate::klaviyo::{Klaviyo, SingleLimits, revision};
use crate::ledger::ConsentLedger;
use crate::memory::IdentityMemory;
use crate::outcome::RejectReason;
use crate::queue::Queue;
use crate::response::{WebhookResponse, loggable_id};
use crate::secrets::{SecretError, Secrets};
use crate::settings::{Settings, SettingsError};
use crate::telemetry::{DeliverySummary, Log, Metric, Metrics, Origin, Rejection, elapsed_ms};

/// The part of Lambda's own time that is left for the reply to get out.
const LAMBDA_MARGIN: Duration = Duration::from_millis(300);

/// The reason why the function does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting cannot be read.
    #[error("settings")]
    Settings(#[from] SettingsError),
    /// A variable is missing that Lambda sets.
    #[error("environment")]
    Environment(#[from] MissingVariable),
    /// The secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// TLS cannot be set up.
    #[error("HTTP client")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Lambda's context of an invocation.
#[derive(Debug, Default)]
pub struct InvocationContext {
    /// Lambda's id of the invocation.
    pub request_id: Option<String>,
    /// The time that Lambda has left for it.
    pub time_left: Option<Duration>,
}

/// The function.
pub struct Destination {
    pub(super) settings: Settings,
    pub(super) secrets: Secrets,
    klaviyo: Klaviyo,
    list_opt_ins: ListOptIns,
    ledger: Option<ConsentLedger>,
    pub(super) memory: Option<IdentityMemory>,
    pub(super) queues: Queues,
    pub(super) log: Log,
    is_cold: AtomicBool,
}

impl Destination {
    /// Reads the settings through `get`, and starts the function.
    pub async fn start(get: impl Fn(&str) -> Option<String>, log: Log) -> Result<Self, StartError> {
        let settings = Settings::from_env(&get)?;
        Destination::start_with(settings, get, log).await
    }

    /// Starts the function with these settings: loads the secret and creates the clients, all of it
    /// during init. `get` reads the variables that Lambda itself sets.
    pub async fn start_with(
        settings: Settings,
        get: impl Fn(&str) -> Option<String>,
        log: Log,
    ) -> Result<Self, StartError> {
        let http = crate::http::client().map_err(StartError::Http)?;
        let aws = Aws::from_env(&get, SdkHttp { http: http.clone() })?;
        let secrets = Secrets::load(
            aws.secrets_manager(),
            &settings.secret_id,
            settings.secret_ttl,
            log.clone(),
        )
        .await?;
        let queue_at = |url: &String| Queue::new(aws.sqs(), url.clone(), log.clone());
        let queues = Queues {
            retry: settings.retry_queue_url.as_ref().map(queue_at),
            dead_letters: settings.dead_letter_queue_url.as_ref().map(queue_at),
        };
        let ledger = settings.memory_table.as_ref().map(|name| {
            let table = aws.table(name.clone());
            ConsentLedger::new(table, log.clone())
        });
        let memory = match (&settings.memory_table, settings.remember_identities) {
            (Some(name), Some(lifetime)) => {
                let table = aws.table(name.clone());
                Some(IdentityMemory::new(table, lifetime, log.clone()))
            }
            _ => None,
        };
        let mut klaviyo = Klaviyo::new(http, settings.klaviyo_base_url.clone());
        // Without a queue nothing can wait, and each delivery tries.
        if queues.retry.is_some() {
            klaviyo = klaviyo.remember_throttles();
        }
        if let Some(aging) = revision::aging(clock::now().date()) {
            let metrics = Metrics::new(&settings.environment).count(Metric::RevisionAgeing, 1);
            log.warn_counted("Klaviyo's API revision", &aging, metrics);
        }
        let is_cold = AtomicBool::new(true);
        Ok(Destination {
            settings,
            secrets,
            klaviyo,
            list_opt_ins: ListOptIns::default(),
            ledger,
            memory,
            queues,
            log,
            is_cold,
        })
    }

    /// Answers one event and writes its log line. Returns an error for an unsupported event and for
    /// a message that has to be sent again, so that its sender does not take it for delivered.
    pub async fn handle(
        &self,
        payload: &EventPayload,
        context: InvocationContext,
    ) -> Result<Reply, InvocationError> {
        let trigger = payload
            .trigger()
            .inspect_err(|error| self.log.error("event not handled", error))?;
        let started = Instant::now();
        let deadline = started + self.time_budget(&trigger, &context);
        let mut summary = DeliverySummary {
            request_id: context.request_id,
            cold_start: self.is_cold.swap(false, Ordering::Relaxed),
            ..DeliverySummary::default()
        };
        // A panic costs this invocation and no other. Its sender sends the same messages again.
        let reply = match trigger {
            Trigger::Webhook(request) => {
                let handling = self.handle_webhook(&request, deadline, &mut summary);
                let response = AssertUnwindSafe(handling).catch_unwind().await;
                let response = response.unwrap_or_else(|_| WebhookResponse::internal_error());
                summary.status = response.status;
                Reply::Webhook(response)
            }
            Trigger::Message(message) => {
                let handling = self.handle_message(message, deadline, &mut summary);
                let response = AssertUnwindSafe(handling).catch_unwind().await;
                let response = response.unwrap_or_else(|_| WebhookResponse::internal_error());
                summary.status = response.status;
                Reply::Message(response)
            }
            Trigger::Records(records) => {
                summary.origin = Origin::RetryQueue;
                let handling = self.handle_records(records, deadline, &mut summary);
                let failed = AssertUnwindSafe(handling).catch_unwind().await;
                let failed =
                    failed.unwrap_or_else(|_| records.iter().map(QueueRecord::id).collect());
                Reply::Records(failed_records(&failed))
            }
            Trigger::Check => return Ok(Reply::Check(self.check(deadline).await)),
        };
        summary.duration_ms = elapsed_ms(started);
        self.log.delivery(&summary, &self.settings.environment);
        match reply {
            Reply::Message(response) if response.asks_to_resend() => {
                Err(InvocationError::Unfinished(response.body.message))
            }
            reply => Ok(reply),
        }
    }

    /// Returns the time for one delivery: the setting, or less if Lambda has less. Nobody waits for
    /// the answer about a queue's records, which get all the time that Lambda has.
    fn time_budget(&self, trigger: &Trigger, context: &InvocationContext) -> Duration {
        let budget = self.settings.delivery_budget;
        let of_lambda = context
            .time_left
            .map(|time_left| time_left.saturating_sub(LAMBDA_MARGIN));
        match (trigger, of_lambda) {
            (Trigger::Records(_), Some(of_lambda)) => of_lambda,
            (_, Some(of_lambda)) => budget.min(of_lambda),
            (_, None) => budget,
        }
    }

    /// Checks everything that deliveries need, without delivering anything.
    async fn check(&self, deadline: Instant) -> CheckReport {
        let mut findings = check::check_settings(&self.settings);
        match self.secrets.check(deadline).await {
            Ok(secret) => {
                let key = secret.klaviyo_api_key();
                let rules = &self.settings.rules;
                findings.extend(check::check_secret(&secret, rules));
                findings.extend(check::check_klaviyo(&self.klaviyo, key, rules, deadline).await);
            }
            Err(error) => findings.push(Finding::failed("secret", error.to_string())),
        }
        if let Some(ledger) = &self.ledger {
            findings.push(match ledger.check(deadline).await {
                Ok(()) => Finding::ok("ledger", "the table of MEMORY_TABLE can be written"),
                Err(error) => Finding::failed("ledger", error.to_string()),
            });
        }
        if let Some(memory) = &self.memory {
            findings.push(match memory.check(deadline).await {
                Ok(()) => Finding::ok("memory", "the table of MEMORY_TABLE can be read"),
                Err(error) => Finding::failed("memory", error.to_string()),
            });
        }
        let report = CheckReport::new(findings);
        self.log.check(&report, report.is_passed());
        report
    }

    /// Delivers messages until `deadline` at the latest. The caller vouches for their origin.
    /// Messages that need a retry can be passed again with their completed operations, which are not
    /// repeated.
    pub async fn deliver(
        &self,
        mut messages: Vec<InboundMessage<'_>>,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> Vec<MessageResult> {
        self.recall_for(&mut messages, deadline).await;
        let delivery = Delivery::plan(messages, &self.settings.rules);
        self.process(
            delivery,
            Origin::Webhook,
            |message| message.result(),
            deadline,
            summary,
        )
        .await
    }

    /// Creates a dispatcher for this many messages, which leaves time for the queues.
    pub(super) fn dispatcher(
        &self,
        message_count: usize,
        origin: Origin,
        deadline: Instant,
    ) -> Dispatcher<'_> {
        let limits = match origin {
            Origin::Webhook => SingleLimits::OF_DELIVERY,
            Origin::RetryQueue => SingleLimits::OF_QUEUE,
        };
        Dispatcher::new(
            &self.klaviyo,
            &self.secrets,
            &self.list_opt_ins,
            self.ledger.as_ref(),
            limits,
            message_count,
            deadline - self.queues.budget(deadline),
        )
    }
}

impl Destination {
    /// Logs a rejected message.
    pub(super) fn log_rejection(
        &self,
        index: usize,
        result: &MessageResult,
        reason: &RejectReason,
    ) {
        let message_id = result.message_id.as_deref().and_then(loggable_id);
        self.log.rejection(&Rejection {
            index,
            message_id,
            reason,
        });
    }
}

fn failed_records(ids: &[&str]) -> FailedRecords {
    let mut failed = FailedRecords::default();
    for id in ids {
        failed.batch_item_failures.push(FailedRecord {
            item_identifier: (*id).to_owned(),
        });
    }
    failed
}
