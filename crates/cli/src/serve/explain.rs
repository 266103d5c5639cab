//! What `explain` prints about a message, for the page.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::overrides::SettingOverrides;

/// Returns the options of `explain` that choose these settings.
pub(super) fn explain_options(overrides: &SettingOverrides) -> Vec<String> {
    let mut options = Vec::new();
    for (name, value) in overrides.values() {
        if !["SECRET_ID", "KLAVIYO_BASE_URL"].contains(&name) {
            options.push("--settings".to_owned());
            options.push(format!("{name}={value}"));
        }
    }
    options
}

/// Returns what `explain` prints about a message. It runs in a process of its own.
pub(super) fn text_of(message: &str, options: &[String]) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("explain cannot be started: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(["explain", "-"])
        .args(options)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // What cannot be read is in the output.
        let _ = stdin.write_all(message.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    let shown = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    let text = String::from_utf8_lossy(&shown);
    // The first lines name the file.
    let text = text.trim_start().strip_prefix("stdin").unwrap_or(&text);
    Ok(text.trim_matches('\n').to_owned())
}
