//! AWS as Lambda's environment describes it. The SDK's full provider chain (profiles, SSO, instance
//! metadata) has nothing to find in a function and would double the binary.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use thiserror::Error;

use crate::http::SdkHttp;

/// One call, all of its attempts included: a delivery has to go on after it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What the environment does not say.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0} is not set: AWS Lambda sets it, elsewhere set it yourself")]
pub struct MissingVariable(&'static str);

/// What the environment says of AWS, for every service alike.
pub struct Aws<G> {
    get: G,
    http: SdkHttp,
    credentials: Credentials,
    region: String,
}

impl<G: Fn(&str) -> Option<String>> Aws<G> {
    /// Reads the function's own role and region through `get`.
    pub fn read(get: G, http: SdkHttp) -> Result<Self, MissingVariable> {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| set(name).ok_or(MissingVariable(name));
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            set("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let region = set("AWS_REGION")
            .or_else(|| set("AWS_DEFAULT_REGION"))
            .ok_or(MissingVariable("AWS_REGION"))?;
        Ok(Aws {
            get,
            http,
            credentials,
            region,
        })
    }

    /// A Secrets Manager client.
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let mut config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(Region::new(self.region.clone()))
            .retry_config(retries())
            .timeout_config(timeouts());
        config.set_endpoint_url(self.endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// An SQS client.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(aws_sdk_sqs::config::Region::new(self.region.clone()))
            .retry_config(retries())
            .timeout_config(timeouts());
        config.set_endpoint_url(self.endpoint("AWS_ENDPOINT_URL_SQS"));
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// Another endpoint for a service, or for all of them:
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
    fn endpoint(&self, of_service: &str) -> Option<String> {
        let set = |name: &str| (self.get)(name).filter(|value| !value.is_empty());
        set(of_service).or_else(|| set("AWS_ENDPOINT_URL"))
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
