//! What an invocation is answered with.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use serde::Serialize;

use crate::check::CheckReport;
use crate::response::WebhookResponse;

/// What an invocation is answered with.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// To an HTTP request.
    Http(WebhookResponse),
    /// To records of a queue.
    Records(FailedRecords),
    /// To `{"check": true}`.
    Check(CheckReport),
}

/// The records that stay in the queue:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailedRecords {
    /// All others are deleted.
    pub batch_item_failures: Vec<FailedRecord>,
}

/// A record that stays in the queue.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailedRecord {
    /// SQS's id of it.
    pub item_identifier: String,
}

/// A reply as Lambda takes it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Response {
    /// Status, headers and body.
    Http(Box<ApiGatewayProxyResponse>),
    /// `{"batchItemFailures": […]}`.
    Records(FailedRecords),
    /// The report itself.
    Check(CheckReport),
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Http(answer) => Response::Http(Box::new(answer.into_response())),
            Reply::Records(failed) => Response::Records(failed),
            Reply::Check(report) => Response::Check(report),
        }
    }
}
