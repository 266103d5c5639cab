//! The stack in the account, and what its function says about itself.

use std::fs;

use serde::Deserialize;

use super::finding::{Finding, State};
use crate::aws::{self, StackOutputs};

/// The report of `{"check": true}`.
#[derive(Deserialize)]
struct CheckReport {
    findings: Vec<CheckFinding>,
}

#[derive(Deserialize)]
struct CheckFinding {
    about: String,
    state: String,
    detail: String,
}

/// Looks at the credentials, the stack, and its function.
pub(super) fn look(stack: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let account = aws::cli(&[
        "sts",
        "get-caller-identity",
        "--query",
        "Account",
        "--output",
        "text",
    ]);
    match account {
        Ok(account) => findings.push(Finding::ok(
            "credentials",
            format!("account {}", account.trim()),
        )),
        Err(problem) => {
            findings.push(Finding::failed("credentials", problem, "aws configure sso"));
            return findings;
        }
    }
    let outputs = match StackOutputs::of(stack) {
        Ok(outputs) => outputs,
        Err(problem) => {
            findings.push(Finding::failed(
                "stack",
                problem,
                "sam deploy --config-env prod",
            ));
            return findings;
        }
    };
    findings.push(Finding::ok("stack", format!("{stack} is deployed")));
    match check(&outputs) {
        Ok(report) => {
            for finding in report.findings {
                findings.push(Finding::new(
                    &finding.about,
                    state_of(&finding.state),
                    finding.detail,
                    None,
                ));
            }
        }
        Err(problem) => findings.push(Finding::failed("check", problem, &store_secret(&outputs))),
    }
    findings
}

fn state_of(name: &str) -> State {
    match name {
        "ok" => State::Ok,
        "warning" => State::Warning,
        _ => State::Failed,
    }
}

/// A function without a usable secret does not start, so its check fails as a whole.
fn store_secret(outputs: &StackOutputs) -> String {
    let arn = outputs.value_of("SecretArn").unwrap_or("SECRET_ARN");
    format!(
        "aws secretsmanager put-secret-value --secret-id {arn} --secret-string file://secret.json"
    )
}

/// Invokes the function with `{"check": true}`.
fn check(outputs: &StackOutputs) -> Result<CheckReport, String> {
    let function = outputs.value_of("FunctionName")?;
    let path =
        std::env::temp_dir().join(format!("segment-klaviyo-check-{}.json", std::process::id()));
    let invoked = aws::cli(&[
        "lambda",
        "invoke",
        "--function-name",
        function,
        "--cli-binary-format",
        "raw-in-base64-out",
        "--payload",
        r#"{"check": true}"#,
        &path.to_string_lossy(),
    ]);
    let text = fs::read_to_string(&path);
    // What is not there need not be removed.
    let _ = fs::remove_file(&path);
    invoked?;
    let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|_| {
        "the function does not answer its check: it may have no usable secret".to_owned()
    })
}
