//! The output in docs/cli.md is what the tool prints. `UPDATE_EXPECT=1` writes it there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// Commands whose output is the same each time and needs nothing but the samples.
const STABLE: [&str; 7] = [
    "send",
    "explain",
    "compare",
    "check",
    "dead-letters",
    "trigger",
    "tail",
];

/// A directory with what the guide's reader has.
fn readers_folder(guide: &str) -> PathBuf {
    let name = format!("guide-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(folder.join("events")).unwrap();
    for entry in fs::read_dir(root("events")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join("events").join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.join("now.env"), "").unwrap();
    for name in ["dead-letters.json", "function.log"] {
        let fixture = root("crates/cli/tests/fixtures").join(name);
        fs::copy(fixture, folder.join(name)).unwrap();
    }
    let planned = guide.split("`planned.env`:\n\n```text\n").nth(1).unwrap();
    let planned = planned.split("```").next().unwrap();
    fs::write(folder.join("planned.env"), planned).unwrap();
    folder
}

/// Returns what the tool prints for these words; `None` if it may be another text next time.
fn output_of(command: &str, folder: &Path) -> Option<String> {
    let mut words = command.split(' ');
    let is_stable = words.next() == Some("segment-klaviyo") && STABLE.contains(&words.next()?);
    if !is_stable || command.contains("--klaviyo-url") {
        return None;
    }
    let mut tool = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
    tool.args(command.split(' ').skip(1)).current_dir(folder);
    tool.env("NO_COLOR", "1").env_remove("KLAVIYO_API_KEY");
    Some(String::from_utf8(tool.output().unwrap().stdout).unwrap())
}

#[test]
fn the_guide_shows_what_the_tool_prints() {
    let path = root("docs/cli.md");
    let guide = fs::read_to_string(&path).unwrap();
    let folder = readers_folder(&guide);
    let mut written = String::new();
    let mut compared = 0;
    let mut is_console = false;
    // Whether the lines up to the next command are replaced.
    let mut is_replaced = false;
    for line in guide.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
            is_replaced = false;
        } else if is_console && let Some(command) = line.strip_prefix("$ ") {
            let output = output_of(command, &folder);
            is_replaced = output.is_some();
            compared += usize::from(is_replaced);
            written += &format!("{line}\n{}", output.unwrap_or_default());
            continue;
        }
        if !is_replaced {
            written += &format!("{line}\n");
        }
    }
    fs::remove_dir_all(folder).unwrap();
    assert!(compared > 5, "{compared} commands");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, written).unwrap();
        return;
    }
    for (found, expected) in written.lines().zip(guide.lines()) {
        assert_eq!(found, expected, "docs/cli.md; UPDATE_EXPECT=1 writes it");
    }
    assert_eq!(written, guide);
}
