//! Responses to Segment. One status covers a whole delivery:
//! <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_lambda_events::encodings::Body;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use crate::delivery::MessageResult;
use crate::outcome::{Outcome, RetryReason};
use crate::segment::BodyError;
use crate::signature::VerifyError;

mod loggable_id;

pub use loggable_id::loggable_id;

/// The most results in one response. The log counts all of them.
const MAX_RESULTS: usize = 100;

/// The seconds after which Segment should try again, if Klaviyo does not say.
const DEFAULT_RETRY_AFTER_SECONDS: u64 = 5;

/// Segment gives a message up after four hours, so a longer wait could lose it.
const MAX_RETRY_AFTER_SECONDS: u64 = 3_600;

/// The body of every response.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct ResponseBody {
    /// A line for people, which Segment shows.
    pub message: String,
    /// The messages in the delivery.
    pub received: usize,
    /// The messages that Klaviyo has acknowledged.
    pub delivered: usize,
    /// The messages that a rule does not send.
    pub ignored: usize,
    /// The messages that can never succeed.
    pub rejected: usize,
    /// The messages that wait in the retry queue.
    pub queued: usize,
    /// The messages that were not simply delivered, at most 100 of them.
    pub results: Vec<ResultEntry>,
}

/// A message that was not simply delivered.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct ResultEntry {
    /// The position in the delivery, from 0.
    pub index: usize,
    /// Segment's id of the message.
    pub message_id: Option<String>,
    /// `delivered` (with a warning), `ignored`, `rejected`, `queued` or `retry`.
    pub outcome: &'static str,
    /// The stable name of the reason.
    pub reason: &'static str,
    /// The problem, and what is accepted.
    pub detail: String,
}

/// The reason why a request ends before any of its messages is read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestRejection {
    /// Nothing proves that the request comes from Segment.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// The request comes from Segment, and holds nothing to deliver.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// A response to a webhook.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookResponse {
    /// The HTTP status. Segment resends on 408, 423, 429 and 5xx, but not on 501.
    pub status: u16,
    /// The seconds after which Segment should try again.
    pub retry_after: Option<u64>,
    /// The messages that Segment should resend.
    pub retry: usize,
    /// The body.
    pub body: ResponseBody,
}

impl WebhookResponse {
    /// Creates the response to a request that is not accepted.
    pub fn rejected(rejection: &RequestRejection) -> Self {
        // No wildcard: whoever adds an error has to decide whether Segment drops the request.
        let (status, retry_after) = match rejection {
            RequestRejection::Signature(
                VerifyError::MissingSignature
                | VerifyError::SignatureMismatch
                | VerifyError::InvalidToken,
            ) => (401, None),
            RequestRejection::Signature(VerifyError::SecretMayBeStale(seconds)) => {
                (503, Some(*seconds))
            }
            RequestRejection::Body(
                BodyError::NotJson { .. } | BodyError::NotAMessage | BodyError::TooManyMessages(_),
            ) => (400, None),
        };
        let response = WebhookResponse::without_results(status, rejection.to_string());
        WebhookResponse {
            retry_after,
            ..response
        }
    }

    /// Creates the response to a request that made the function panic. Segment sends it again.
    pub fn internal_error() -> Self {
        WebhookResponse::without_results(500, "internal error".to_owned())
    }

    /// Whether the status makes Segment send the messages again.
    pub fn asks_to_resend(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    fn without_results(status: u16, message: String) -> Self {
        let body = ResponseBody {
            message,
            ..ResponseBody::default()
        };
        WebhookResponse {
            status,
            retry_after: None,
            retry: 0,
            body,
        }
    }

    /// Creates the response to a delivery with these results.
    pub fn from_results(results: &[MessageResult]) -> Self {
        let mut body = ResponseBody {
            received: results.len(),
            ..ResponseBody::default()
        };
        let mut retry_reasons = Vec::new();
        for result in results {
            match &result.outcome {
                Outcome::Delivered => body.delivered += 1,
                Outcome::Ignored(_) => body.ignored += 1,
                Outcome::Rejected(_) => body.rejected += 1,
                Outcome::Queued(_) => body.queued += 1,
                Outcome::Retry(reason) => retry_reasons.push(*reason),
            }
        }
        body.results = result_entries(results);
        body.message = message_for_people(&body, retry_reasons.len());
        let (status, retry_after) = if !retry_reasons.is_empty() {
            (
                retry_status(&retry_reasons),
                Some(retry_after_seconds(&retry_reasons)),
            )
        } else if body.rejected > 0 && body.rejected == body.received {
            (400, None)
        } else {
            (200, None)
        };
        WebhookResponse {
            status,
            retry_after,
            retry: retry_reasons.len(),
            body,
        }
    }

    /// Returns the response as API Gateway and Function URLs take it, in either payload version.
    #[expect(
        clippy::expect_used,
        reason = "a body of text and numbers can be written"
    )]
    pub fn to_gateway_response(&self) -> ApiGatewayProxyResponse {
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        let body = serde_json::to_string(&self.body).expect("text and numbers");
        let mut response = ApiGatewayProxyResponse::default();
        response.status_code = self.status.into();
        response.headers = headers;
        response.body = Some(Body::Text(body));
        response
    }
}

/// Returns 429 if nothing but throttling is in the way, which makes Segment slow down. A
/// subscription that waits for the rest of its delivery is not at fault itself.
fn retry_status(reasons: &[RetryReason]) -> u16 {
    for reason in reasons {
        if !matches!(
            reason,
            RetryReason::Throttled(_)
                | RetryReason::ThrottledSingly(_)
                | RetryReason::WaitingForBatch
        ) {
            return 503;
        }
    }
    429
}

/// Returns the longest wait that Klaviyo asks for, within what Segment's patience allows.
fn retry_after_seconds(reasons: &[RetryReason]) -> u64 {
    let mut longest = None;
    for reason in reasons {
        if let RetryReason::Throttled(seconds) | RetryReason::ThrottledSingly(seconds) = reason {
            longest = longest.max(*seconds);
        }
    }
    longest
        .unwrap_or(DEFAULT_RETRY_AFTER_SECONDS)
        .clamp(1, MAX_RETRY_AFTER_SECONDS)
}

/// Lists the messages that were not simply delivered. Warnings come last: they must not take the
/// place of a message that is lost.
fn result_entries(results: &[MessageResult]) -> Vec<ResultEntry> {
    let mut listed = Vec::new();
    for delivered in [false, true] {
        for (index, result) in results.iter().enumerate() {
            if (result.outcome == Outcome::Delivered) == delivered {
                listed.extend(entries(index, result));
            }
            if listed.len() >= MAX_RESULTS {
                listed.truncate(MAX_RESULTS);
                return listed;
            }
        }
    }
    listed
}

/// Returns the entries of a message at this position of a delivery; none if it was simply
/// delivered.
pub fn entries(index: usize, result: &MessageResult) -> Vec<ResultEntry> {
    let (outcome, reason, detail) = match &result.outcome {
        Outcome::Delivered => return warning_entries(index, result),
        Outcome::Ignored(reason) => ("ignored", reason.reason(), reason.to_string()),
        Outcome::Rejected(reason) => ("rejected", reason.reason(), reason.to_string()),
        Outcome::Queued(reason) => ("queued", reason.reason(), reason.to_string()),
        Outcome::Retry(reason) => ("retry", reason.reason(), reason.to_string()),
    };
    let message_id = result.message_id.as_deref().and_then(loggable_id);
    vec![ResultEntry {
        index,
        message_id,
        outcome,
        reason,
        detail,
    }]
}

fn warning_entries(index: usize, result: &MessageResult) -> Vec<ResultEntry> {
    let mut entries = Vec::with_capacity(result.warnings.len());
    for warning in &result.warnings {
        entries.push(ResultEntry {
            index,
            message_id: result.message_id.as_deref().and_then(loggable_id),
            outcome: "delivered",
            reason: warning.reason(),
            detail: warning.to_string(),
        });
    }
    entries
}

/// Writes one line for people: the reason of a single message, else the counts.
fn message_for_people(body: &ResponseBody, retry: usize) -> String {
    if let (1, [only]) = (body.received, body.results.as_slice()) {
        return format!("{}: {}", only.outcome, only.detail);
    }
    let mut counts = Vec::new();
    for (count, label) in [
        (body.delivered, "delivered"),
        (body.ignored, "ignored"),
        (body.rejected, "rejected"),
        (body.queued, "queued"),
        (retry, "to be sent again"),
    ] {
        if count > 0 {
            counts.push(format!("{count} {label}"));
        }
    }
    if counts.is_empty() {
        "no messages".to_owned()
    } else {
        counts.join(", ")
    }
}
