//! Metrics in CloudWatch's embedded metric format: a log line that CloudWatch reads numbers from, which costs
//! no call and no time.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
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
        if self == Metric::KlaviyoLatency { "Milliseconds" } else { "Count" }
    }
}

/// Metrics of one log line. Nothing is written for what did not happen: CloudWatch bills what it is told.
#[derive(Debug)]
pub struct Metrics<'e> {
    environment: &'e str,
    values: BTreeMap<Metric, Value>,
}

impl<'e> Metrics<'e> {
    /// None yet, of this deployment.
    pub fn new(environment: &'e str) -> Self {
        Metrics { environment, values: BTreeMap::new() }
    }

    /// With a count, unless it is 0.
    #[must_use]
    pub fn count(mut self, metric: Metric, count: usize) -> Self {
        if count > 0 {
            self.values.insert(metric, count.into());
        }
        self
    }

    /// With measured values, as many as a line may have.
    #[must_use]
    pub fn values(mut self, metric: Metric, values: &[u64]) -> Self {
        if !values.is_empty() {
            self.values.insert(metric, values.iter().take(MOST_VALUES).copied().collect());
        }
        self
    }
}

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.values.is_empty() {
            return serializer.collect_map(std::iter::empty::<(&str, Value)>());
        }
        let definitions: Vec<_> =
            self.values.keys().map(|metric| json!({"Name": metric, "Unit": metric.unit()})).collect();
        let milliseconds = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        let directive = json!({"Namespace": NAMESPACE, "Dimensions": [["Environment"]], "Metrics": definitions});
        let metadata = json!({"Timestamp": i64::try_from(milliseconds).ok(), "CloudWatchMetrics": [directive]});
        let head = [("_aws".to_owned(), metadata), ("Environment".to_owned(), self.environment.into())];
        let name = |metric: &Metric| format!("{metric:?}");
        serializer.collect_map(head.into_iter().chain(self.values.iter().map(|(it, value)| (name(it), value.clone()))))
    }
}
