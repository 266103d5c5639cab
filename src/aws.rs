//! AWS as Lambda's environment describes it. The SDK's full provider chain (profiles, SSO, instance
//! metadata) has nothing to find in a function and would double the binary.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::{Client, Config};
use thiserror::Error;

use crate::http::SdkHttp;

/// One fetch, all of its attempts included: a delivery has to go on after it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 3;

/// What the environment does not say.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0} is not set: AWS Lambda sets it, elsewhere set it yourself")]
pub struct NotSet(&'static str);

/// A Secrets Manager client with the function's own role. `AWS_ENDPOINT_URL_SECRETS_MANAGER` or
/// `AWS_ENDPOINT_URL` names another endpoint:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
pub fn secrets_manager(get: impl Fn(&str) -> Option<String>, http: &reqwest::Client) -> Result<Client, NotSet> {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    let required = |name: &'static str| get(name).ok_or(NotSet(name));
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        get("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")).ok_or(NotSet("AWS_REGION"))?;
    let timeouts = TimeoutConfig::builder().operation_timeout(OPERATION_TIMEOUT).build();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SdkHttp(http.clone()))
        .credentials_provider(credentials)
        .region(Region::new(region))
        .retry_config(
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(timeouts);
    if let Some(url) = get("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| get("AWS_ENDPOINT_URL")) {
        config = config.endpoint_url(url);
    }
    Ok(Client::from_conf(config.build()))
}
