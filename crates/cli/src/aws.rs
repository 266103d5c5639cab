//! AWS as its command-line tool sees it: the credentials, the region, and the outputs of a stack.

use std::process::{Command, Stdio};

use aws_sdk_sqs::Client;
use segment_klaviyo::aws::Aws;
use segment_klaviyo::http::{self, SdkHttp};
use segment_klaviyo::telemetry::error_chain;
use serde::Deserialize;

/// Credentials, as `aws configure export-credentials` prints them:
/// <https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExportedCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// An output of a stack.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackOutput {
    output_key: String,
    output_value: String,
}

/// The outputs of a stack.
pub(crate) struct StackOutputs(Vec<StackOutput>);

impl StackOutputs {
    /// Asks CloudFormation for the outputs, through the AWS CLI.
    pub(crate) fn of(stack: &str) -> Result<Self, String> {
        let json = cli(&[
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            stack,
            "--query",
            "Stacks[0].Outputs",
            "--output",
            "json",
        ])?;
        match serde_json::from_str(&json) {
            Ok(Some(outputs)) => Ok(StackOutputs(outputs)),
            Ok(None) => Err(format!("the stack {stack} has no outputs")),
            Err(error) => Err(format!("the outputs of the stack {stack}: {error}")),
        }
    }

    /// Returns an output that every stack of this product has.
    pub(crate) fn value_of(&self, key: &str) -> Result<&str, String> {
        for output in &self.0 {
            if output.output_key == key {
                return Ok(&output.output_value);
            }
        }
        Err(format!("the stack has no output {key}"))
    }
}

/// Returns a client of SQS for the queue at `queue_url`, with the credentials of the environment,
/// otherwise those that the AWS CLI has for its profile.
pub(crate) fn sqs(queue_url: &str) -> Result<Client, String> {
    let mut credentials = None;
    if variable("AWS_ACCESS_KEY_ID").is_none() {
        let json = cli(&["configure", "export-credentials", "--format", "process"])?;
        let exported: ExportedCredentials = serde_json::from_str(&json)
            .map_err(|error| format!("credentials of the AWS CLI: {error}"))?;
        credentials = Some(exported);
    }
    let mut region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    if region.is_none() {
        region = region_of(queue_url);
    }
    if region.is_none() {
        region = Some(cli(&["configure", "get", "region"])?.trim().to_owned());
    }
    let http = http::client().map_err(|error| error.to_string())?;
    let aws = Aws::from_env(
        |name| match (name, &credentials) {
            ("AWS_REGION", _) => region.clone(),
            ("AWS_ACCESS_KEY_ID", Some(found)) => Some(found.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", Some(found)) => Some(found.secret_access_key.clone()),
            ("AWS_SESSION_TOKEN", Some(found)) => found.session_token.clone(),
            _ => variable(name),
        },
        SdkHttp { http },
    )
    .map_err(|error| error_chain(&error))?;
    Ok(aws.sqs())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The region in the URL of a queue, `https://sqs.REGION.amazonaws.com/…`.
fn region_of(queue_url: &str) -> Option<String> {
    let url = reqwest::Url::parse(queue_url).ok()?;
    let (region, domain) = url.host_str()?.strip_prefix("sqs.")?.split_once('.')?;
    domain.starts_with("amazonaws.").then(|| region.to_owned())
}

/// Runs the AWS CLI and returns what it prints.
pub(crate) fn cli(arguments: &[&str]) -> Result<String, String> {
    let command = format!("aws {}", arguments.join(" "));
    let output = Command::new("aws")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            format!("the AWS CLI is needed for `{command}`, and cannot be started: {error}")
        })?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{command}` failed: {}", problem.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{command}` printed no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_url_of_a_queue_of_aws() {
        for (url, expected) in [
            (
                "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
                Some("eu-west-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/1/dead",
                Some("cn-north-1"),
            ),
            ("http://127.0.0.1:8025/dead-letters", None),
            ("https://sqs.example/1/dead", None),
        ] {
            assert_eq!(region_of(url).as_deref(), expected, "{url}");
        }
    }
}
