//! One delivery: the reply to its sender, and the requests to Klaviyo.

use segment_klaviyo::check::CheckReport;
use segment_klaviyo::delivery::MessageResult;
use segment_klaviyo::handler::{InvocationError, Reply};
use segment_klaviyo::response::{ResponseBody, WebhookResponse};
use segment_klaviyo_stand_in::RecordedRequest;
use serde_json::{Value, json};

use super::request_summary::RequestSummary;
use super::summary;
use crate::harness::{Invocation, KlaviyoName};
use crate::output;

/// A delivery that the function has answered.
pub(super) struct Delivery {
    /// The name of the file that it comes from.
    pub(super) file: String,
    /// The Klaviyo that the requests went to.
    pub(super) klaviyo: KlaviyoName,
    /// The answer.
    pub(super) answer: Answer,
    /// The requests to Klaviyo, in the order of their answers.
    pub(super) requests: Vec<RecordedRequest>,
}

/// The answer of the function.
pub(super) enum Answer {
    /// The response to Segment.
    Response(WebhookResponse),
    /// The invocation fails, so that whoever invoked the function sends the message again.
    SendAgain(String),
    /// The report of a check.
    Check(CheckReport),
    /// The results of records of a queue.
    Records {
        /// The results, in the form of a response.
        results: ResponseBody,
        /// The problems of records that the function cannot read. It leaves them in the queue.
        unreadable: Vec<String>,
    },
}

impl Delivery {
    /// Takes the reply to the event of a file. Fails for an event that the function does not support.
    pub(super) fn of_invocation(
        file: &str,
        klaviyo: &KlaviyoName,
        invocation: Invocation,
    ) -> Result<Self, String> {
        let answer = match invocation.reply {
            Ok(Reply::Webhook(response) | Reply::Message(response)) => Answer::Response(response),
            Ok(Reply::Check(report)) => Answer::Check(report),
            Ok(Reply::Records(_)) => return Err("unexpected records of a queue".to_owned()),
            Err(InvocationError::Unfinished(reason)) => Answer::SendAgain(reason),
            Err(error @ InvocationError::Unsupported(_)) => return Err(error.to_string()),
        };
        Ok(Delivery {
            file: file.to_owned(),
            klaviyo: klaviyo.clone(),
            answer,
            requests: invocation.requests,
        })
    }

    /// Takes the results of records of a queue.
    pub(super) fn of_records(
        file: &str,
        klaviyo: &KlaviyoName,
        results: &[MessageResult],
        unreadable: Vec<String>,
        requests: Vec<RecordedRequest>,
    ) -> Self {
        let results = WebhookResponse::from_results(results).body;
        Delivery {
            file: file.to_owned(),
            klaviyo: klaviyo.clone(),
            answer: Answer::Records {
                results,
                unreadable,
            },
            requests,
        }
    }

    /// Whether every message is delivered or ignored, or no finding of the check failed.
    pub(super) fn is_clean(&self) -> bool {
        match &self.answer {
            Answer::Response(response) => response.status == 200 && is_settled(&response.body),
            Answer::SendAgain(_) => false,
            Answer::Check(report) => report.is_passed(),
            Answer::Records {
                results,
                unreadable,
            } => unreadable.is_empty() && is_settled(results),
        }
    }

    /// Prints everything: the response to Segment, and each request with its body.
    pub(super) fn print_bodies(&self) {
        match &self.answer {
            Answer::Response(response) => {
                output::delivery(&self.file, response, &self.requests);
            }
            Answer::SendAgain(reason) => {
                output::title(&self.file);
                output::line(&format!("\n  The invocation fails: {reason}"));
                output::requests(&self.requests);
            }
            Answer::Check(report) => output::check_report(&self.file, report),
            Answer::Records { .. } => {
                summary::print_answer(self);
                output::requests(&self.requests);
            }
        }
    }

    /// Returns the delivery for scripts.
    pub(super) fn json(&self) -> Value {
        let mut response = Value::Null;
        let mut send_again = None;
        let mut check = None;
        let mut records = Value::Null;
        match &self.answer {
            Answer::Response(answer) => {
                response = json!({
                    "status": answer.status,
                    "retry_after": answer.retry_after,
                    "body": answer.body,
                });
            }
            Answer::SendAgain(reason) => send_again = Some(reason),
            Answer::Check(report) => check = Some(report),
            Answer::Records {
                results,
                unreadable,
            } => records = json!({"body": results, "unreadable": unreadable}),
        }
        let requests: Vec<Value> = self.requests.iter().map(request_json).collect();
        json!({
            "file": self.file,
            "klaviyo": self.klaviyo,
            "clean": self.is_clean(),
            "response": response,
            "send_again": send_again,
            "check": check,
            "records": records,
            "requests": requests,
        })
    }
}

/// Whether every message is delivered or ignored.
fn is_settled(body: &ResponseBody) -> bool {
    body.delivered + body.ignored == body.received
}

fn request_json(request: &RecordedRequest) -> Value {
    let summary = RequestSummary::of(request);
    json!({
        "method": request.method,
        "path": request.path,
        "status": request.status,
        "metrics": summary.metrics,
        "people": summary.people,
        "lists": summary.lists,
        "body": request.body,
        "answer": request.answer,
    })
}
