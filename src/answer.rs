//! What Segment is told. One status covers a whole delivery:
//! <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_lambda_events::encodings::Body;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use crate::batch::Ended;
use crate::outcome::{Ignored, Outcome, Rejected, Unfinished};
use crate::segment::BodyError;
use crate::signature::Unverified;

/// Results listed in one answer; the log counts all of them.
const MOST_RESULTS: usize = 100;

/// Seconds after which Segment may try again, when Klaviyo does not say.
const RETRY_AFTER_SECONDS: u64 = 5;

/// Segment gives a message up after four hours.
const LONGEST_RETRY_AFTER_SECONDS: u64 = 3_600;

/// The body of every answer.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct Report {
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
    pub results: Vec<Item>,
}

/// A message that was not simply delivered.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Item {
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
pub enum Refused {
    /// Not from Segment, as far as can be told.
    #[error(transparent)]
    Unverified(#[from] Unverified),
    /// From Segment, and nothing to deliver.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// A status with its report.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status. Segment resends on 408, 423, 429 and 5xx (not 501).
    pub status: u16,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// Messages that Segment should resend.
    pub retry: usize,
    /// The body.
    pub report: Report,
}

impl Answer {
    /// The answer to a request that is not let in or holds nothing.
    pub fn refused(refused: &Refused) -> Self {
        let status = match refused {
            Refused::Unverified(Unverified::Missing | Unverified::Mismatch | Unverified::Token) => {
                401
            }
            Refused::Body(BodyError::NotJson { .. } | BodyError::NotAMessage) => 400,
        };
        Answer {
            status,
            retry_after: None,
            retry: 0,
            report: Report {
                message: refused.to_string(),
                ..Report::default()
            },
        }
    }

    /// The answer when something in here went wrong: Segment sends it again.
    pub fn internal_error() -> Self {
        let report = Report {
            message: "internal error".to_owned(),
            ..Report::default()
        };
        Answer {
            status: 500,
            retry_after: None,
            retry: 0,
            report,
        }
    }

    /// The answer to a delivery whose messages ended so.
    pub fn ended(messages: &[Ended]) -> Self {
        let mut report = Report {
            received: messages.len(),
            ..Report::default()
        };
        let mut unfinished = Vec::new();
        for Ended { outcome, .. } in messages {
            match outcome {
                Outcome::Delivered => report.delivered += 1,
                Outcome::Ignored(_) => report.ignored += 1,
                Outcome::Rejected(_) => report.rejected += 1,
                Outcome::Queued(_) => report.queued += 1,
                Outcome::Retry(cause) => unfinished.push(*cause),
            }
        }
        let status = if !unfinished.is_empty() {
            status_of_unfinished(&unfinished)
        } else if report.rejected > 0 && report.rejected == report.received {
            400
        } else {
            200
        };
        let retry_after = (!unfinished.is_empty()).then(|| {
            let wishes = unfinished.iter().filter_map(|cause| match cause {
                Unfinished::Throttled(seconds) => *seconds,
                _ => None,
            });
            wishes
                .max()
                .unwrap_or(RETRY_AFTER_SECONDS)
                .clamp(1, LONGEST_RETRY_AFTER_SECONDS)
        });
        let is_delivered = |ended: &Ended| ended.outcome == Outcome::Delivered;
        let (delivered, others): (Vec<_>, Vec<_>) = (0..)
            .zip(messages)
            .partition(|(_, ended)| is_delivered(ended));
        // What is only noted must not take the place of what is lost.
        report.results = others
            .into_iter()
            .chain(delivered)
            .flat_map(items)
            .take(MOST_RESULTS)
            .collect();
        report.message = message(&report, unfinished.len());
        Answer {
            status,
            retry_after,
            retry: unfinished.len(),
            report,
        }
    }

    /// How many messages there are for each reason or note, the unlisted ones too.
    pub fn reasons(messages: &[Ended]) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        for item in messages.iter().enumerate().flat_map(items) {
            *reasons.entry(item.reason).or_default() += 1;
        }
        reasons
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
        response.body = serde_json::to_string(&self.report).ok().map(Body::Text);
        response
    }
}

/// 429 when all that is in the way is throttling; it makes Segment slow down.
fn status_of_unfinished(causes: &[Unfinished]) -> u16 {
    let throttling =
        |cause: &Unfinished| matches!(cause, Unfinished::Throttled(_) | Unfinished::HeldBack);
    if causes.iter().all(throttling) {
        429
    } else {
        503
    }
}

/// What is to be said of the message at this place of a delivery; nothing if it is simply delivered.
pub fn items((index, ended): (usize, &Ended)) -> Vec<Item> {
    let item = |outcome, reason, detail: String| Item {
        index,
        message_id: ended.message_id.as_deref().and_then(shown),
        outcome,
        reason,
        detail,
    };
    match &ended.outcome {
        Outcome::Delivered => ended
            .notes
            .iter()
            .map(|note| item("delivered", note.reason(), note.to_string()))
            .collect(),
        Outcome::Ignored(why) => vec![item("ignored", Ignored::reason(why), why.to_string())],
        Outcome::Rejected(why) => vec![item("rejected", Rejected::reason(why), why.to_string())],
        Outcome::Queued(why) => vec![item("queued", Unfinished::reason(why), why.to_string())],
        Outcome::Retry(why) => vec![item("retry", Unfinished::reason(why), why.to_string())],
    }
}

/// Segment's ids are UUIDs; one that a merchant made of an address or number is not repeated.
pub fn shown(message_id: &str) -> Option<String> {
    let fits = message_id.len() <= 100 && !message_id.contains('@') && !message_id.starts_with('+');
    fits.then(|| message_id.to_owned())
}

/// One line for a person: the reason itself when there is a single message, else the counts.
fn message(report: &Report, retry: usize) -> String {
    if let (1, [only]) = (report.received, report.results.as_slice()) {
        return format!("{}: {}", only.outcome, only.detail);
    }
    let counts = [
        (report.delivered, "delivered"),
        (report.ignored, "ignored"),
        (report.rejected, "rejected"),
        (report.queued, "queued"),
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
