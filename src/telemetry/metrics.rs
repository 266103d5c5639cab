//! Metrics in CloudWatch's embedded metric format. CloudWatch reads the numbers from the log line, so
//! they cost no request and no time:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::clock;

/// The CloudWatch namespace of the metrics.
pub const NAMESPACE: &str = "SegmentKlaviyo";

/// The most values of one metric that CloudWatch accepts in one line. The latencies of further
/// requests are left out: a hundred are enough for a percentile.
const MAX_VALUES: usize = 100;

/// A metric. The variants are named as in CloudWatch, where alarms and dashboards of merchants use
/// the names: they are a contract and keep their spelling, such as `KlaviyoCalls` for requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Metric {
    /// Messages that Segment sent.
    MessagesReceived,
    /// Messages that Klaviyo has acknowledged, including those from the retry queue.
    Delivered,
    /// Messages that a rule does not send.
    Ignored,
    /// Messages that can never succeed.
    Rejected,
    /// Messages put into the retry queue.
    Queued,
    /// Requests without a valid signature or token.
    SignatureRejected,
    /// Requests to Klaviyo.
    KlaviyoCalls,
    /// Requests that Klaviyo throttled.
    KlaviyoThrottled,
    /// The time that each request to Klaviyo took, in milliseconds.
    KlaviyoLatency,
    /// Fields of delivered messages that could not be used.
    FieldsLeftOut,
    /// People who were not subscribed, since they have left or nothing says that they have not.
    SubscriptionsWithheld,
    /// Profiles that an import job did not accept.
    ImportErrors,
    /// Requests that Klaviyo does not serve in this revision any more.
    RevisionRefused,
    /// Deletions of people whom Klaviyo does not know.
    DeletionUnresolved,
    /// The seconds for which the oldest message has waited that still waits after another attempt.
    LongestWait,
    /// Starts with a revision of Klaviyo's API that Klaviyo will soon stop serving.
    RevisionAgeing,
    /// Deliveries that are the first of their process.
    ColdStart,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 17] = [
        Metric::MessagesReceived,
        Metric::Delivered,
        Metric::Ignored,
        Metric::Rejected,
        Metric::Queued,
        Metric::SignatureRejected,
        Metric::KlaviyoCalls,
        Metric::KlaviyoThrottled,
        Metric::KlaviyoLatency,
        Metric::FieldsLeftOut,
        Metric::SubscriptionsWithheld,
        Metric::ImportErrors,
        Metric::RevisionRefused,
        Metric::DeletionUnresolved,
        Metric::LongestWait,
        Metric::RevisionAgeing,
        Metric::ColdStart,
    ];

    fn unit(self) -> &'static str {
        match self {
            Metric::KlaviyoLatency => "Milliseconds",
            Metric::LongestWait => "Seconds",
            _ => "Count",
        }
    }
}

/// The metrics of one log line. Counts of zero are left out, since CloudWatch bills by what it
/// receives.
#[derive(Debug)]
pub struct Metrics<'e> {
    environment: &'e str,
    measured: Vec<(Metric, Measured<'e>)>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Measured<'e> {
    Count(usize),
    Values(&'e [u64]),
}

impl<'e> Metrics<'e> {
    /// Returns an empty set, of which `environment` is the dimension.
    pub fn new(environment: &'e str) -> Self {
        Metrics {
            environment,
            measured: Vec::new(),
        }
    }

    /// Adds a count, unless it is 0.
    #[must_use]
    pub fn count(mut self, metric: Metric, count: usize) -> Self {
        if count > 0 {
            self.measured.push((metric, Measured::Count(count)));
        }
        self
    }

    /// Adds a time, unless it is 0.
    #[must_use]
    pub fn seconds(self, metric: Metric, seconds: u64) -> Self {
        self.count(metric, usize::try_from(seconds).unwrap_or(usize::MAX))
    }

    /// Adds measured values, as many as a line may have.
    #[must_use]
    pub fn values(mut self, metric: Metric, values: &'e [u64]) -> Self {
        let (values, _) = values.split_at(values.len().min(MAX_VALUES));
        if !values.is_empty() {
            self.measured.push((metric, Measured::Values(values)));
        }
        self
    }

    /// Returns the `_aws` member of the line.
    fn metadata(&self) -> Metadata {
        let milliseconds = clock::now().unix_timestamp_nanos() / 1_000_000;
        let mut metrics = Vec::with_capacity(self.measured.len());
        for (metric, _) in &self.measured {
            metrics.push(Definition {
                name: *metric,
                unit: metric.unit(),
            });
        }
        Metadata {
            timestamp: i64::try_from(milliseconds).ok(),
            cloud_watch_metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: [["Environment"]],
                metrics,
            }],
        }
    }
}

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.measured.is_empty() {
            map.serialize_entry("_aws", &self.metadata())?;
            map.serialize_entry("Environment", self.environment)?;
            for (metric, measured) in &self.measured {
                map.serialize_entry(metric, measured)?;
            }
        }
        map.end()
    }
}

/// The declaration of the fields that are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: Option<i64>,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: Metric,
    unit: &'static str,
}
