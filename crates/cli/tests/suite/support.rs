//! The built tool, and messages as input for it.

#[cfg(unix)]
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

pub(crate) fn track(message_id: &str, properties: &Value) -> Value {
    json!({
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "timestamp": "2026-11-20T10:00:00Z",
        "userId": "usr_1",
        "context": {"traits": {"email": "sarah@klaviyo-demo.com"}},
        "properties": properties,
    })
}

pub(crate) fn identify(traits: &Value, integrations: &Value) -> Value {
    json!({
        "type": "identify",
        "messageId": "m-identify",
        "timestamp": "2026-11-20T10:00:00Z",
        "userId": "usr_1",
        "traits": traits,
        "integrations": integrations,
    })
}

/// An order with so many lines.
pub(crate) fn order(id: &str, lines: usize) -> Value {
    let products: Vec<_> = (0..lines)
        .map(|n| json!({"product_id": format!("p{n}"), "price": 19.99, "quantity": 3}))
        .collect();
    json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("m-{id}"),
        "timestamp": "2026-11-20T10:00:00Z",
        "properties": {"email": "sarah@klaviyo-demo.com", "order_id": id, "total": 59.97, "products": products},
    })
}

/// Runs the tool with this on stdin. Returns the exit code, and stdout followed by stderr.
pub(crate) fn segment_klaviyo(arguments: &[&str], input: &str) -> (i32, String) {
    let (code, stdout, stderr) = outputs(arguments, input);
    (code, stdout + &stderr)
}

/// Runs the tool with this on stdin. Returns the exit code, stdout and stderr.
pub(crate) fn outputs(arguments: &[&str], input: &str) -> (i32, String, String) {
    outputs_with(arguments, input, &[])
}

/// Runs the tool with these variables too.
pub(crate) fn outputs_with(
    arguments: &[&str],
    input: &str,
    variables: &[(&str, &str)],
) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
    command
        .args(arguments)
        .current_dir(root(""))
        .env("NO_COLOR", "1")
        .env_remove("SEGMENT_SHARED_SECRET")
        .env_remove("KLAVIYO_API_KEY")
        .envs(variables.iter().copied());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tool = command.spawn().unwrap();
    // A command that does not read stdin has closed it.
    let _ = tool.stdin.take().unwrap().write_all(input.as_bytes());
    let output = tool.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// A path in the repository.
pub(crate) fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// A directory with programs that take the place of real ones; it is removed at the end.
#[cfg(unix)]
pub(crate) struct Programs {
    folder: PathBuf,
}

#[cfg(unix)]
impl Programs {
    pub(crate) fn new(name: &str, programs: &[(&str, &str)]) -> Self {
        use std::os::unix::fs::PermissionsExt;

        let name = format!("{name}-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        for (name, script) in programs {
            let program = folder.join(name);
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Programs { folder }
    }

    /// The variable PATH by which they are found first.
    pub(crate) fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.folder.display())
    }
}

#[cfg(unix)]
impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
