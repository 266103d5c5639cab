//! The log: one JSON object a line, and one line a delivery, which carries the metrics too.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::Timestamp;
use crate::outcome::RejectReason;

use super::metrics::Metrics;
use super::summary::DeliverySummary;

/// A log level of Lambda's JSON log format. Lambda filters by it:
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Info,
    Warn,
    Error,
}

/// One line of the log.
#[derive(Serialize)]
struct Line<'l, T: Serialize> {
    timestamp: Timestamp,
    level: Level,
    message: &'l str,
    #[serde(flatten)]
    fields: T,
}

/// The fields of a line that carries metrics.
#[derive(Serialize)]
struct WithMetrics<'m, T: Serialize> {
    #[serde(flatten)]
    fields: T,
    #[serde(flatten)]
    metrics: Metrics<'m>,
}

/// A message that can never succeed. If Segment gets a 200 and there is no dead-letter queue, its
/// log line is the only trace of it.
#[derive(Debug)]
pub struct Rejection<'r> {
    /// The position in the delivery, from 0.
    pub index: usize,
    /// Segment's id of the message, if it may be logged.
    pub message_id: Option<String>,
    /// The reason.
    pub reason: &'r RejectReason,
}

/// The fields of a rejected message's line.
#[derive(Serialize)]
struct RejectionFields<'r> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'r str>,
    reason: &'static str,
    detail: String,
}

/// The log. A clone writes to the same place.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// Returns a log that writes to standard output, from where Lambda takes each line into the
    /// function's log group.
    pub fn stdout() -> Self {
        Log::new(|line| {
            // An error is ignored: a log that cannot be written must not cost a message.
            let _ = writeln!(std::io::stdout(), "{line}");
        })
    }

    /// Returns a log that passes each line, a JSON object without a line break, to `sink`.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Log(Arc::new(sink))
    }

    /// Makes panics a line of the log. It holds the place of the panic and not its message, which
    /// could quote a customer's data.
    pub fn install_panic_hook(&self) {
        let log = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let place = match panic.location() {
                Some(location) => location.to_string(),
                None => "unknown".to_owned(),
            };
            log.write(Level::Error, "panic", BTreeMap::from([("at", place)]));
        }));
    }

    /// Logs one delivery with its metrics, of which `environment` is the dimension.
    pub fn delivery(&self, summary: &DeliverySummary, environment: &str) {
        let level = if summary.needs_attention() {
            Level::Warn
        } else {
            Level::Info
        };
        self.write(
            level,
            "delivery",
            WithMetrics {
                fields: summary,
                metrics: summary.metrics(environment),
            },
        );
    }

    /// Logs one rejected message. An unresolved deletion is an error, since an operator must delete
    /// the profile by hand.
    pub fn rejection(&self, rejection: &Rejection) {
        let level = match rejection.reason {
            RejectReason::DeletionUnresolved => Level::Error,
            _ => Level::Warn,
        };
        self.write(
            level,
            "message rejected",
            RejectionFields {
                index: rejection.index,
                message_id: rejection.message_id.as_deref(),
                reason: rejection.reason.reason(),
                detail: rejection.reason.to_string(),
            },
        );
    }

    /// Logs the report of a check, as an error if the check has failed.
    pub fn check(&self, report: &impl Serialize, is_passed: bool) {
        let level = if is_passed { Level::Info } else { Level::Error };
        self.write(level, "check", report);
    }

    /// Logs a problem that does not keep the function from working.
    pub fn warn(&self, message: &str, error: &dyn Error) {
        self.write(Level::Warn, message, error_fields(error));
    }

    /// Logs a problem that does not keep the function from working, and counts it.
    pub fn warn_counted(&self, message: &str, error: &dyn Error, metrics: Metrics) {
        self.write(
            Level::Warn,
            message,
            WithMetrics {
                fields: error_fields(error),
                metrics,
            },
        );
    }

    /// Logs a failure.
    pub fn error(&self, message: &str, error: &dyn Error) {
        self.write(Level::Error, message, error_fields(error));
    }

    fn write(&self, level: Level, message: &str, fields: impl Serialize) {
        let line = Line {
            timestamp: Timestamp::now(),
            level,
            message,
            fields,
        };
        // Only a map with keys that are not text cannot be serialized, and there is none.
        if let Ok(json) = serde_json::to_string(&line) {
            (self.0)(&json);
        }
    }
}

fn error_fields(error: &dyn Error) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("error", error_chain(error))])
}

/// Returns an error and its sources in one line, separated by colons.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
