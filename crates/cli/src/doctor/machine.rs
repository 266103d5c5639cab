//! The programs that a deployment needs.

use std::path::Path;
use std::process::{Command, Stdio};

use super::finding::Finding;
use crate::samconfig;

/// Looks for the programs and files.
pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![
        program("aws", "https://aws.amazon.com/cli/ has the AWS CLI 2"),
        program("sam", "pip install aws-sam-cli"),
    ];
    findings.push(match Path::new(samconfig::FILE).is_file() {
        true => Finding::ok(samconfig::FILE, "found in this directory"),
        false => Finding::warning(
            samconfig::FILE,
            "not in this directory",
            "run this in the directory of the repository or of the unpacked release",
        ),
    });
    findings
}

fn program(name: &str, mend: &str) -> Finding {
    let output = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Finding::ok(name, text.lines().next().unwrap_or("installed"))
        }
        _ => Finding::failed(name, "cannot be started", mend),
    }
}
