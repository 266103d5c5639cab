//! The clients of Secrets Manager, SQS and DynamoDB, configured by the variables that Lambda sets.
//!
//! The SDK's own provider chain (`aws-config`) also looks for profiles, SSO and instance metadata.
//! None of these exist in a function, and the chain would double the size of the binary.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use thiserror::Error;

use crate::http::SdkHttp;
use crate::ledger::Table;

/// The time for one call to AWS, with all of its attempts.
///
/// A call must never use up a delivery, which has 4.5 seconds by default. A stale secret is fetched
/// before the first request to Klaviyo, so a hanging Secrets Manager costs less than half of that
/// time. SQS comes last, in the time that is kept for the queues.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);

/// The number of attempts of one call, the SDK's default. Two repeats are enough for throttling or
/// for a connection that died while Lambda had frozen the function. A call that still fails is made
/// up for later: the cached secret stays in use, and Segment resends a message that no queue
/// accepted.
const MAX_ATTEMPTS: u32 = 3;

/// The longest pause before the second attempt, doubled before the third; the SDK picks a random
/// part of it. Its default of one second would leave no time for three attempts within
/// [`OPERATION_TIMEOUT`].
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);

/// A variable that AWS Lambda always sets and that is not set.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0} is not set: AWS Lambda sets it, and outside of Lambda you must set it yourself")]
pub struct MissingVariable(&'static str);

/// The configuration of the AWS clients.
pub struct Aws {
    http: SdkHttp,
    credentials: Credentials,
    region: String,
    secrets_manager_endpoint: Option<String>,
    sqs_endpoint: Option<String>,
    dynamodb_endpoint: Option<String>,
}

// The two clients are configured alike, each by the builder of its own crate. One shared
// `aws_types::SdkConfig` would read better, but converting it adds 40 KB to the binary.
impl Aws {
    /// Reads the credentials of the function's role, its region and other endpoints through `get`,
    /// which returns the value of an environment variable. An empty variable counts as not set.
    ///
    /// The endpoint of a service is `AWS_ENDPOINT_URL_<SERVICE>`, else `AWS_ENDPOINT_URL`, as in
    /// the SDKs: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
    pub fn from_env(
        get: impl Fn(&str) -> Option<String>,
        http: SdkHttp,
    ) -> Result<Self, MissingVariable> {
        let env = Environment { get };
        let credentials = Credentials::new(
            env.required("AWS_ACCESS_KEY_ID")?,
            env.required("AWS_SECRET_ACCESS_KEY")?,
            env.optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let region = match env.optional("AWS_REGION") {
            Some(region) => region,
            None => env
                .optional("AWS_DEFAULT_REGION")
                .ok_or(MissingVariable("AWS_REGION"))?,
        };
        Ok(Aws {
            http,
            credentials,
            region,
            secrets_manager_endpoint: env.endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            sqs_endpoint: env.endpoint("AWS_ENDPOINT_URL_SQS"),
            dynamodb_endpoint: env.endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
        })
    }

    /// Returns a client of Secrets Manager.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Region};

        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(Region::new(self.region.clone()))
            .retry_config(retry_config())
            .timeout_config(timeout_config());
        config.set_endpoint_url(self.secrets_manager_endpoint.clone());
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// Returns a client of SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        use aws_sdk_sqs::config::{BehaviorVersion, Config, Region};

        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(Region::new(self.region.clone()))
            .retry_config(retry_config())
            .timeout_config(timeout_config());
        config.set_endpoint_url(self.sqs_endpoint.clone());
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// Returns a table of DynamoDB.
    pub fn table(&self, name: String) -> Table {
        Table::new(
            name,
            self.http.http.clone(),
            self.credentials.clone(),
            self.region.clone(),
            self.dynamodb_endpoint.clone(),
        )
    }
}

fn retry_config() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(INITIAL_BACKOFF)
}

fn timeout_config() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// The environment variables, through a getter.
struct Environment<G> {
    get: G,
}

impl<G: Fn(&str) -> Option<String>> Environment<G> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, MissingVariable> {
        self.optional(name).ok_or(MissingVariable(name))
    }

    /// Returns the endpoint that replaces a service's own, if any.
    fn endpoint(&self, service_variable: &str) -> Option<String> {
        self.optional(service_variable)
            .or_else(|| self.optional("AWS_ENDPOINT_URL"))
    }
}
