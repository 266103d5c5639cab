//! Metrics in CloudWatch's embedded metric format: a log line that CloudWatch reads numbers from, which costs
//! no call and no time.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

/// Where CloudWatch keeps the metrics.
pub const NAMESPACE: &str = "SegmentKlaviyo";

/// Values that one line may have for one metric.
const MOST_VALUES: usize = 100;

/// What is counted or measured. The names are those in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Metric {
    /// Messages that Segment sent.
    MessagesReceived,
    /// Messages that Klaviyo has acknowledged, those from the retry queue too.
    Delivered,
    /// Messages that a rule does not send.
    Ignored,
    /// Messages that can never succeed.
    Rejected,
    /// Messages put into the retry queue.
    Queued,
    /// Requests without a right signature or token.
    SignatureRejected,
    /// Requests to Klaviyo.
    KlaviyoCalls,
    /// Of these, the throttled ones.
    KlaviyoThrottled,
    /// How long each request to Klaviyo took.
    KlaviyoLatency,
    /// Deletions of somebody Klaviyo does not know.
    DeletionUnresolved,
    /// Starts on a revision of Klaviyo's API that is soon no longer served.
    RevisionAgeing,
    /// Deliveries that were the first of a process.
    ColdStart,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 12] = [
        Metric::MessagesReceived,
        Metric::Delivered,
        Metric::Ignored,
        Metric::Rejected,
        Metric::Queued,
        Metric::SignatureRejected,
        Metric::KlaviyoCalls,
        Metric::KlaviyoThrottled,
        Metric::KlaviyoLatency,
        Metric::DeletionUnresolved,
        Metric::RevisionAgeing,
        Metric::ColdStart,
    ];

    fn unit(self) -> &'static str {
        if self == Metric::KlaviyoLatency {
            "Milliseconds"
        } else {
            "Count"
        }
    }
}

/// Metrics of one log line. Nothing is written for what did not happen: CloudWatch bills what it is told.
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
    /// None yet, of this deployment.
    pub fn new(environment: &'e str) -> Self {
        Metrics {
            environment,
            measured: Vec::new(),
        }
    }

    /// With a count, unless it is 0.
    #[must_use]
    pub fn count(mut self, metric: Metric, count: usize) -> Self {
        if count > 0 {
            self.measured.push((metric, Measured::Count(count)));
        }
        self
    }

    /// With measured values, as many as a line may have.
    #[must_use]
    pub fn values(mut self, metric: Metric, values: &'e [u64]) -> Self {
        if let Some(values) = values
            .get(..values.len().min(MOST_VALUES))
            .filter(|values| !values.is_empty())
        {
            self.measured.push((metric, Measured::Values(values)));
        }
        self
    }

    fn metadata(&self) -> Metadata {
        let milliseconds = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        let metrics = self
            .measured
            .iter()
            .map(|(name, _)| Definition {
                name: *name,
                unit: name.unit(),
            })
            .collect();
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

/// What tells CloudWatch which fields of the line are metrics.
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
