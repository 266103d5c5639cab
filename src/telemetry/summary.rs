//! The summary of a delivery: the fields of its log line, and its metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::outcome::{Outcome, RejectReason, RetryReason, Warning};

use super::metrics::{Metric, Metrics};

/// The source of a delivery's messages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Segment's webhook.
    #[default]
    Webhook,
    /// The retry queue, whose messages have been received and counted before.
    RetryQueue,
}

/// The summary of one delivery. The names of the fields are those of the log line.
#[derive(Debug, Default, Serialize)]
pub struct DeliverySummary {
    /// The HTTP status of the answer to Segment; 0 for records of a queue.
    pub status: u16,
    /// The id of the Lambda invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Messages received.
    pub received: usize,
    /// Messages that Klaviyo has acknowledged.
    pub delivered: usize,
    /// Messages that a rule does not send.
    pub ignored: usize,
    /// Messages that can never succeed.
    pub rejected: usize,
    /// Messages put into the retry queue.
    pub queued: usize,
    /// Those of them that nobody has tried to send before.
    #[serde(skip)]
    pub taken_in: usize,
    /// Messages that Segment or the retry queue must send again.
    pub retry: usize,
    /// Completed orders among the messages from Segment, without ignored ones. Those from the retry
    /// queue have been counted before.
    pub orders_received: usize,
    /// Completed orders among the delivered messages.
    pub orders_delivered: usize,
    /// The number of messages for each reason and warning.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<&'static str, usize>,
    /// Requests to Klaviyo.
    pub klaviyo_requests: usize,
    /// Requests that Klaviyo throttled.
    pub klaviyo_throttled: usize,
    /// The time from the first request to Klaviyo to the last response, in milliseconds. Writing the
    /// queues in between counts too.
    pub klaviyo_ms: u64,
    /// The time of the whole delivery, in milliseconds.
    pub duration_ms: u64,
    /// Whether this is the first delivery of the process.
    pub cold_start: bool,
    /// The source of the messages.
    #[serde(skip)]
    pub origin: Origin,
    /// The time that each request to Klaviyo took, in milliseconds.
    #[serde(skip)]
    pub klaviyo_latencies: Vec<u64>,
    /// Profiles that an import job did not accept.
    #[serde(skip_serializing_if = "is_zero")]
    pub import_errors: usize,
    /// Requests that Klaviyo does not serve any more.
    #[serde(skip)]
    pub revision_refused: usize,
    /// Requests without a valid signature or token. This and the next four are in `reasons` as well,
    /// but by strings. Metrics and the log level count the enums, so that renaming a string cannot
    /// stop an alarm.
    #[serde(skip)]
    pub signatures_rejected: usize,
    /// Deletions of people whom Klaviyo does not know.
    #[serde(skip)]
    pub deletions_unresolved: usize,
    /// Fields that could not be used.
    #[serde(skip)]
    pub fields_left_out: usize,
    /// People who were not subscribed, since they have left or nothing says that they have not.
    #[serde(skip)]
    pub subscriptions_withheld: usize,
    /// The seconds for which the message has waited that has waited the longest and is not finished
    /// yet.
    #[serde(skip)]
    pub longest_wait: u64,
    /// Messages with [`Warning::DroppedByKlaviyo`].
    #[serde(skip)]
    pub dropped_by_klaviyo: usize,
}

impl DeliverySummary {
    /// Counts one message by its outcome and reasons. Warnings count only for a delivered message;
    /// any other has its reason.
    pub fn count_message(&mut self, outcome: &Outcome, warnings: &[Warning]) {
        self.received += 1;
        match outcome {
            Outcome::Delivered => {
                self.delivered += 1;
                self.count_warnings(warnings);
            }
            Outcome::Ignored(reason) => {
                self.ignored += 1;
                self.count_reason(reason.reason());
            }
            Outcome::Rejected(reason) => {
                self.rejected += 1;
                self.count_reason(reason.reason());
                if *reason == RejectReason::DeletionUnresolved {
                    self.deletions_unresolved += 1;
                }
            }
            Outcome::Queued(reason) => {
                self.queued += 1;
                self.taken_in += usize::from(*reason == RetryReason::Intake);
                self.count_reason(reason.reason());
            }
            Outcome::Retry(reason) => {
                self.retry += 1;
                self.count_reason(reason.reason());
            }
        }
    }

    /// Notes how long a message has waited that is not finished yet. Nothing is wrong while a
    /// subscription is held back that Klaviyo may be about to do.
    pub fn count_wait(&mut self, outcome: &Outcome, waited: Duration) {
        let (Outcome::Queued(reason) | Outcome::Retry(reason)) = outcome else {
            return;
        };
        let is_held_back = matches!(
            reason,
            RetryReason::SubscriptionUnanswered | RetryReason::SubscriptionUnderWay
        );
        if !is_held_back {
            self.longest_wait = self.longest_wait.max(waited.as_secs());
        }
    }

    /// Counts the warnings of a message that Klaviyo has acknowledged.
    pub fn count_warnings(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            self.count_reason(warning.reason());
            match warning {
                Warning::FieldLeftOut(_) => self.fields_left_out += 1,
                Warning::DroppedByKlaviyo => self.dropped_by_klaviyo += 1,
                Warning::UnsubscribedBefore | Warning::ConsentUnknown => {
                    self.subscriptions_withheld += 1;
                }
                Warning::NotSubscribed
                | Warning::InvalidListId
                | Warning::ConfirmationKept
                | Warning::Duplicate
                | Warning::NearlyAnOrder => {}
            }
        }
    }

    /// Counts one completed order by its outcome. An ignored one is not for Klaviyo, so it counts
    /// neither as received nor as missing.
    pub fn count_order(&mut self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Ignored(_)) {
            return;
        }
        if self.origin == Origin::Webhook {
            self.orders_received += 1;
        }
        if *outcome == Outcome::Delivered {
            self.orders_delivered += 1;
        }
    }

    /// Counts a request without a valid signature or token.
    pub fn count_rejected_signature(&mut self) {
        self.signatures_rejected += 1;
        self.count_reason("unverified");
    }

    /// Counts a request from Segment whose body holds no messages.
    pub fn count_unreadable_body(&mut self) {
        self.count_reason("unreadable_body");
    }

    fn count_reason(&mut self, reason: &'static str) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Whether the log line is a warning: the request failed, or Klaviyo drops events silently,
    /// which only the log can tell.
    pub(super) fn needs_attention(&self) -> bool {
        self.status >= 400 || self.dropped_by_klaviyo > 0
    }

    /// Returns the metrics, of which `environment` is the dimension.
    pub(super) fn metrics<'e>(&'e self, environment: &'e str) -> Metrics<'e> {
        let (received, queued) = match self.origin {
            Origin::Webhook => (self.received, self.queued - self.taken_in),
            Origin::RetryQueue => (0, 0),
        };
        Metrics::new(environment)
            .count(Metric::MessagesReceived, received)
            .count(Metric::Delivered, self.delivered)
            .count(Metric::Ignored, self.ignored)
            .count(Metric::Rejected, self.rejected)
            .count(Metric::Queued, queued)
            .count(Metric::SignatureRejected, self.signatures_rejected)
            .count(Metric::KlaviyoCalls, self.klaviyo_latencies.len())
            .count(Metric::KlaviyoThrottled, self.klaviyo_throttled)
            .values(Metric::KlaviyoLatency, &self.klaviyo_latencies)
            .count(Metric::FieldsLeftOut, self.fields_left_out)
            .count(Metric::SubscriptionsWithheld, self.subscriptions_withheld)
            .count(Metric::ImportErrors, self.import_errors)
            .count(Metric::RevisionRefused, self.revision_refused)
            .count(Metric::DeletionUnresolved, self.deletions_unresolved)
            .seconds(Metric::LongestWait, self.longest_wait)
            .count(Metric::ColdStart, self.cold_start.into())
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Returns the whole milliseconds that have passed since `start`.
pub fn elapsed_ms(start: Instant) -> u64 {
    start.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}
