//! What Segment is told. One status covers a whole delivery:
//! <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_lambda_events::encodings::Body;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use crate::batch::MessageResult;
use crate::outcome::{IgnoreReason, Outcome, RejectReason, RetryReason};
use crate::segment::BodyError;
use crate::signature::VerifyError;

/// Results listed in one answer; the log counts all of them.
const MOST_RESULTS: usize = 100;

/// Seconds after which Segment may try again, when Klaviyo does not say.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Segment gives a message up after four hours.
const LONGEST_RETRY_AFTER_SECONDS: u64 = 3_600;

/// The body of every answer.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct ResponseBody {
    /// What Segment shows.
    pub message: String,
    /// Messages in the delivery, and how they ended.
    pub received: usize,
    /// Acknowledged by Klaviyo.
    pub delivered: usize,
    /// Not sent by a rule.
    pub ignored: usize,
    /// Can never succeed.
    pub rejected: usize,
    /// Kept for later.
    pub queued: usize,
    /// What was not simply delivered, at most 100 of it.
    pub results: Vec<ResultEntry>,
}

/// A message that was not simply delivered.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct ResultEntry {
    /// Its place in the delivery, from 0.
    pub index: usize,
    /// Segment's id of it.
    pub message_id: Option<String>,
    /// `delivered` (with something to know), `ignored`, `rejected`, `queued` or `retry`.
    pub outcome: &'static str,
    /// The stable name of the reason.
    pub reason: &'static str,
    /// What is wrong and what is accepted.
    pub detail: String,
}

/// Why a request ends before any message of it is looked at.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestRejection {
    /// Not from Segment, as far as can be told.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// From Segment, and nothing to deliver.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// A status with its body.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookResponse {
    /// HTTP status. Segment resends on 408, 423, 429 and 5xx (not 501).
    pub status: u16,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// Messages that Segment should resend.
    pub retry: usize,
    /// The body.
    pub body: ResponseBody,
}

impl WebhookResponse {
    /// The answer to a request that is not let in or holds nothing.
    pub fn refused(refused: &RequestRejection) -> Self {
        let status = match refused {
            RequestRejection::Signature(
                VerifyError::MissingSignature
                | VerifyError::SignatureMismatch
                | VerifyError::InvalidToken,
            ) => 401,
            RequestRejection::Body(BodyError::NotJson { .. } | BodyError::NotAMessage) => 400,
        };
        WebhookResponse {
            status,
            retry_after: None,
            retry: 0,
            body: ResponseBody {
                message: refused.to_string(),
                ..ResponseBody::default()
            },
        }
    }

    /// The answer when something in here went wrong: Segment sends it again.
    pub fn internal_error() -> Self {
        let body = ResponseBody {
            message: "internal error".to_owned(),
            ..ResponseBody::default()
        };
        WebhookResponse {
            status: 500,
            retry_after: None,
            retry: 0,
            body,
        }
    }

    /// The answer to a delivery whose messages ended so.
    pub fn ended(messages: &[MessageResult]) -> Self {
        let mut body = ResponseBody {
            received: messages.len(),
            ..ResponseBody::default()
        };
        let mut unfinished = Vec::new();
        for MessageResult { outcome, .. } in messages {
            match outcome {
                Outcome::Delivered => body.delivered += 1,
                Outcome::Ignored(_) => body.ignored += 1,
                Outcome::Rejected(_) => body.rejected += 1,
                Outcome::Queued(_) => body.queued += 1,
                Outcome::Retry(cause) => unfinished.push(*cause),
            }
        }
        let status = if !unfinished.is_empty() {
            status_of_unfinished(&unfinished)
        } else if body.rejected > 0 && body.rejected == body.received {
            400
        } else {
            200
        };
        let retry_after = (!unfinished.is_empty()).then(|| {
            let wishes = unfinished.iter().filter_map(|cause| match cause {
                RetryReason::Throttled(seconds) => *seconds,
                _ => None,
            });
            wishes
                .max()
                .unwrap_or(RETRY_AFTER_SECONDS)
                .clamp(1, LONGEST_RETRY_AFTER_SECONDS)
        });
        let is_delivered = |ended: &MessageResult| ended.outcome == Outcome::Delivered;
        let (delivered, others): (Vec<_>, Vec<_>) = (0..)
            .zip(messages)
            .partition(|(_, ended)| is_delivered(ended));
        // What is only noted must not take the place of what is lost.
        body.results = others
            .into_iter()
            .chain(delivered)
            .flat_map(entries)
            .take(MOST_RESULTS)
            .collect();
        body.message = message(&body, unfinished.len());
        WebhookResponse {
            status,
            retry_after,
            retry: unfinished.len(),
            body,
        }
    }

    /// The answer as API Gateway and Function URLs take it, in either payload version.
    pub fn into_response(self) -> ApiGatewayProxyResponse {
        let mut headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        let mut response = ApiGatewayProxyResponse::default();
        response.status_code = self.status.into();
        response.headers = headers;
        response.body = serde_json::to_string(&self.body).ok().map(Body::Text);
        response
    }
}

/// 429 when all that is in the way is throttling; it makes Segment slow down.
fn status_of_unfinished(causes: &[RetryReason]) -> u16 {
    let throttling = |cause: &RetryReason| {
        matches!(
            cause,
            RetryReason::Throttled(_) | RetryReason::WaitingForBatch
        )
    };
    if causes.iter().all(throttling) {
        429
    } else {
        503
    }
}

/// What is to be said of the message at this place of a delivery; nothing if it is simply delivered.
pub fn entries((index, ended): (usize, &MessageResult)) -> Vec<ResultEntry> {
    let item = |outcome, reason, detail: String| ResultEntry {
        index,
        message_id: ended.message_id.as_deref().and_then(loggable_id),
        outcome,
        reason,
        detail,
    };
    match &ended.outcome {
        Outcome::Delivered => ended
            .warnings
            .iter()
            .map(|note| item("delivered", note.reason(), note.to_string()))
            .collect(),
        Outcome::Ignored(why) => vec![item("ignored", IgnoreReason::reason(why), why.to_string())],
        Outcome::Rejected(why) => {
            vec![item("rejected", RejectReason::reason(why), why.to_string())]
        }
        Outcome::Queued(why) => vec![item("queued", RetryReason::reason(why), why.to_string())],
        Outcome::Retry(why) => vec![item("retry", RetryReason::reason(why), why.to_string())],
    }
}

/// Segment's ids are UUIDs; one that a merchant made of an address or number is not repeated.
pub fn loggable_id(message_id: &str) -> Option<String> {
    let fits = message_id.len() <= 100 && !message_id.contains('@') && !message_id.starts_with('+');
    fits.then(|| message_id.to_owned())
}

/// One line for a person: the reason itself when there is a single message, else the counts.
fn message(body: &ResponseBody, retry: usize) -> String {
    if let (1, [only]) = (body.received, body.results.as_slice()) {
        return format!("{}: {}", only.outcome, only.detail);
    }
    let counts = [
        (body.delivered, "delivered"),
        (body.ignored, "ignored"),
        (body.rejected, "rejected"),
        (body.queued, "queued"),
        (retry, "to be sent again"),
    ];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if counts.is_empty() {
        "no messages".to_owned()
    } else {
        counts.join(", ")
    }
}
