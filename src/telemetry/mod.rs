//! The log: one JSON object a line, one line a delivery, metrics included. Never an email, phone, key or body.

mod metrics;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::outcome::{Outcome, RejectReason, Warning};
use crate::segment::timestamp;
pub use metrics::{Metric, Metrics, NAMESPACE};

/// The reason in the log line of a request that is not let in.
pub const UNVERIFIED: &str = "unverified";

/// The levels of Lambda's own JSON log format, by which it filters.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Info,
    Warn,
    Error,
}

#[derive(Serialize)]
struct Line<'l, T: Serialize> {
    timestamp: Option<String>,
    level: Level,
    message: &'l str,
    #[serde(flatten)]
    fields: T,
}

/// A line that is counted.
#[derive(Serialize)]
struct Counted<'m, T: Serialize> {
    #[serde(flatten)]
    fields: T,
    #[serde(flatten)]
    metrics: Metrics<'m>,
}

/// What one delivery came to.
#[derive(Debug, Default, Serialize)]
pub struct DeliverySummary {
    /// The status that Segment is told.
    pub status: u16,
    /// The id of the Lambda invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Messages received.
    pub received: usize,
    /// Messages by how they ended.
    pub delivered: usize,
    /// Messages that a rule does not send.
    pub ignored: usize,
    /// Messages that can never succeed.
    pub rejected: usize,
    /// Messages put into the retry queue.
    pub queued: usize,
    /// Messages for Segment, or the queue, to send again.
    pub retry: usize,
    /// Completed orders among the received messages that are for Klaviyo; not again when they come back from
    /// the retry queue.
    pub orders_received: usize,
    /// Completed orders among the delivered messages.
    pub orders_delivered: usize,
    /// How many messages there are for each reason or note.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<&'static str, usize>,
    /// Requests to Klaviyo.
    pub klaviyo_calls: usize,
    /// Of these, how many were throttled.
    pub klaviyo_throttled: usize,
    /// Time spent on Klaviyo from first to last call, in milliseconds.
    pub klaviyo_ms: u64,
    /// Time spent on all of it, in milliseconds.
    pub duration_ms: u64,
    /// Whether the function had just started.
    pub cold_start: bool,
    /// Whether Segment sent it: what comes back from the retry queue has been received before.
    #[serde(skip)]
    pub is_from_segment: bool,
    /// How long each request to Klaviyo took, in milliseconds.
    #[serde(skip)]
    pub klaviyo_latencies: Vec<u64>,
}

impl DeliverySummary {
    /// Counts messages by how they ended.
    pub fn count<'o>(&mut self, outcomes: impl Iterator<Item = &'o Outcome>) {
        for outcome in outcomes {
            self.received += 1;
            match outcome {
                Outcome::Delivered => self.delivered += 1,
                Outcome::Ignored(_) => self.ignored += 1,
                Outcome::Rejected(_) => self.rejected += 1,
                Outcome::Queued(_) => self.queued += 1,
                Outcome::Retry(_) => self.retry += 1,
            }
        }
    }

    /// Counts how the completed orders among them ended. One that a rule does not send is none for Klaviyo.
    pub fn count_orders<'o>(&mut self, outcomes: impl Iterator<Item = &'o Outcome>) {
        for outcome in outcomes.filter(|outcome| !matches!(outcome, Outcome::Ignored(_))) {
            self.orders_received += usize::from(self.is_from_segment);
            self.orders_delivered += usize::from(*outcome == Outcome::Delivered);
        }
    }

    fn metrics<'e>(&'e self, environment: &'e str) -> Metrics<'e> {
        let times = |reason: &str| self.reasons.get(reason).copied().unwrap_or_default();
        Metrics::new(environment)
            .count(
                Metric::MessagesReceived,
                if self.is_from_segment {
                    self.received
                } else {
                    0
                },
            )
            .count(Metric::Delivered, self.delivered)
            .count(Metric::Ignored, self.ignored)
            .count(Metric::Rejected, self.rejected)
            .count(Metric::Queued, self.queued)
            .count(Metric::SignatureRejected, times(UNVERIFIED))
            .count(Metric::KlaviyoCalls, self.klaviyo_latencies.len())
            .count(Metric::KlaviyoThrottled, self.klaviyo_throttled)
            .values(Metric::KlaviyoLatency, &self.klaviyo_latencies)
            .count(
                Metric::DeletionUnresolved,
                times(RejectReason::DeletionUnresolved.reason()),
            )
            .count(Metric::ColdStart, self.cold_start.into())
    }
}

/// A message that can never succeed: the only trace of it when Segment is told 200.
#[derive(Debug, Serialize)]
pub struct Rejection {
    /// Its place in the delivery, from 0.
    pub index: usize,
    /// Segment's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The stable name of the reason.
    pub reason: &'static str,
    /// What is wrong and what is accepted.
    pub detail: String,
}

/// Where lines go. `Clone` shares it.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// Lambda takes every line of standard output into the function's log group.
    pub fn stdout() -> Self {
        Log::new(|line| {
            // A log that cannot be written must not cost a message.
            let _ = writeln!(std::io::stdout(), "{line}");
        })
    }

    /// A log of one's own: each line is a JSON object.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Log(Arc::new(sink))
    }

    /// Logs where a fault of our own happened, and not what it says: that could quote a message.
    pub fn install_panic_hook(&self) {
        let log = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            log.write(Level::Error, "panic", BTreeMap::from([("at", place)]));
        }));
    }

    /// Logs one delivery, with its metrics for this deployment.
    pub fn delivery(&self, delivery: &DeliverySummary, environment: &str) {
        let is_fine = delivery.status < 400
            && !delivery
                .reasons
                .contains_key(Warning::DroppedByKlaviyo.reason());
        let level = if is_fine { Level::Info } else { Level::Warn };
        self.write(
            level,
            "delivery",
            Counted {
                fields: delivery,
                metrics: delivery.metrics(environment),
            },
        );
    }

    /// Logs one rejected message.
    pub fn rejection(&self, rejection: &Rejection) {
        let needs_a_person = rejection.reason == RejectReason::DeletionUnresolved.reason();
        let level = if needs_a_person {
            Level::Error
        } else {
            Level::Warn
        };
        self.write(level, "message rejected", rejection);
    }

    /// Logs something that works but should not be so.
    pub fn warn(&self, message: &str, error: &dyn Error) {
        self.write(Level::Warn, message, cause(error));
    }

    /// Logs something that works but should not be so, and counts it.
    pub fn warn_counted(&self, message: &str, error: &dyn Error, metrics: Metrics) {
        self.write(
            Level::Warn,
            message,
            Counted {
                fields: cause(error),
                metrics,
            },
        );
    }

    /// Logs what a check found.
    pub fn check(&self, report: &impl Serialize, is_passed: bool) {
        self.write(
            if is_passed { Level::Info } else { Level::Error },
            "check",
            report,
        );
    }

    /// Logs something that does not work.
    pub fn error(&self, message: &str, error: &dyn Error) {
        self.write(Level::Error, message, cause(error));
    }

    fn write(&self, level: Level, message: &str, fields: impl Serialize) {
        let line = Line {
            timestamp: timestamp::write(OffsetDateTime::now_utc()),
            level,
            message,
            fields,
        };
        if let Ok(json) = serde_json::to_string(&line) {
            (self.0)(&json);
        }
    }
}

fn cause(error: &dyn Error) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("error", error_chain(error))])
}

/// An error and its sources, in one line.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whole milliseconds since then.
pub fn elapsed_ms(since: Instant) -> u64 {
    since.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}
