//! Requests to DynamoDB. They are signed and sent as they are: the SDK's client of DynamoDB would
//! make the program larger than everything else of AWS in it, for one operation.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};

use super::wire::{Cancellation, ErrorBody, FoundItems, TableItem};

/// The most writes of a transaction.
pub const MAX_WRITES: usize = 100;

/// The most items of a BatchGetItem:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
pub const MAX_READS: usize = 100;

/// The time for one request. DynamoDB answers within some ten milliseconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of attempts of one request, as in the SDK.
const MAX_ATTEMPTS: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(50);

/// The reason why a transaction has written nothing.
#[derive(Debug, Error)]
pub enum TableError {
    /// A condition did not hold, or another transaction had the items. One reason for each write.
    #[error("the writes were cancelled")]
    Cancelled(Vec<Cancellation>),
    /// DynamoDB refused the request.
    #[error("the table of MEMORY_TABLE cannot be used: {0}")]
    Refused(String),
    /// DynamoDB did not answer in time.
    #[error("the table of MEMORY_TABLE does not answer")]
    Unanswered,
}

/// A table of DynamoDB.
pub struct Table {
    /// The name.
    pub(crate) name: String,
    http: reqwest::Client,
    identity: Identity,
    region: String,
    endpoint: String,
}

impl Table {
    /// Creates the client of a table. `endpoint` is the URL of DynamoDB, its own in the region when
    /// `None`.
    pub fn new(
        name: String,
        http: reqwest::Client,
        credentials: Credentials,
        region: String,
        endpoint: Option<String>,
    ) -> Self {
        let endpoint = endpoint.unwrap_or_else(|| endpoint_in(&region));
        Table {
            name,
            http,
            identity: credentials.into(),
            region,
            endpoint,
        }
    }

    /// Does all of these writes, at most [`MAX_WRITES`], or none of them.
    pub(crate) async fn transact(
        &self,
        writes: &[Value],
        deadline: Instant,
    ) -> Result<(), TableError> {
        if writes.is_empty() {
            return Ok(());
        }
        let body = json!({"TransactItems": writes});
        match self.request("TransactWriteItems", &body, deadline).await {
            Ok(_) => Ok(()),
            // One reason for each write, or it is about something else.
            Err(TableError::Cancelled(reasons)) if reasons.len() != writes.len() => {
                Err(TableError::Unanswered)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads items by their ids, at most [`MAX_READS`], as they are after every finished write.
    pub(crate) async fn get_items(
        &self,
        ids: &[String],
        deadline: Instant,
    ) -> Result<Vec<TableItem>, TableError> {
        let mut items = Vec::with_capacity(ids.len());
        let mut keys: Vec<_> = ids.iter().map(|id| json!({"id": {"S": id}})).collect();
        while !keys.is_empty() {
            let request = json!({&self.name: {"Keys": keys, "ConsistentRead": true}});
            let body = json!({"RequestItems": request});
            let answer = self.request("BatchGetItem", &body, deadline).await?;
            let found: FoundItems =
                serde_json::from_slice(&answer).map_err(|_| TableError::Unanswered)?;
            let left = found.unprocessed_keys(&self.name);
            // A table that is busy leaves some for later, and one that answers none is too busy.
            if left.len() >= keys.len() {
                return Err(TableError::Refused("too busy".to_owned()));
            }
            items.extend(found.into_items(&self.name));
            keys = left;
        }
        Ok(items)
    }

    /// Sends a request, again if that may help. Returns the body of the answer.
    async fn request(
        &self,
        operation: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Vec<u8>, TableError> {
        let body = body.to_string().into_bytes();
        let mut last = TableError::Unanswered;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                sleep(BACKOFF.mul_f64(fastrand::f64()) * attempt).await;
            }
            let until = deadline.min(Instant::now() + REQUEST_TIMEOUT);
            let answer = timeout_at(until, self.send(operation, &body)).await;
            let (status, body) = match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) if Instant::now() < deadline => continue,
                Ok(Err(_)) | Err(_) => break,
            };
            if status == 200 {
                return Ok(body);
            }
            let error: ErrorBody = serde_json::from_slice(&body).unwrap_or_default();
            match error.short_name() {
                "TransactionCanceledException" => {
                    return Err(TableError::Cancelled(error.cancellations));
                }
                name => last = TableError::Refused(format!("{status} {name}")),
            }
            if !is_temporary(status, error.short_name()) {
                break;
            }
        }
        Err(last)
    }

    /// Sends one request. Returns the status and the body of the answer.
    async fn send(
        &self,
        operation: &str,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
        ];
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("dynamodb")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable = SignableRequest::new(
            "POST",
            self.endpoint.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body),
        )?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = http::Request::post(&self.endpoint);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(body.to_vec())?;
        instructions.apply_to_request_http1x(&mut request);
        let answer = self.http.execute(request.try_into()?).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await?.to_vec()))
    }
}

/// Returns DynamoDB's own address:
/// <https://docs.aws.amazon.com/general/latest/gr/ddb.html>
fn endpoint_in(region: &str) -> String {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://dynamodb.{region}.{domain}/")
}

/// Whether the same request may succeed soon:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
fn is_temporary(status: u16, name: &str) -> bool {
    const NAMES: [&str; 4] = [
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionInProgressException",
    ];
    status >= 500 || NAMES.contains(&name)
}
