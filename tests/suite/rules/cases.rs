//! The rules by example. Each file in `cases/` holds the settings that differ from the defaults, a
//! message as Segment sends it, and `expected`: the requests to Klaviyo and the warnings, or the
//! reason why the message is ignored or rejected. The message arrives at 2026-11-20T12:00:00Z.
//!
//! To add a case, write `cases/<rule>/<name>.json` with `settings` and `message`, and run
//!
//! ```text
//! UPDATE_EXPECT=1 cargo test -p segment-klaviyo --test suite rules::cases
//! ```
//!
//! which fills in `expected`. After a change of a rule the same command replaces it in every case:
//! the diff of the files is then what the change does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::outcome::outcome_of_raw;
use crate::support::function::root;

/// The columns of a line in a case, as in the code.
const WIDTH: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case<'t> {
    /// Kept as it is written, as the message is.
    #[serde(borrow)]
    settings: &'t RawValue,
    message: &'t RawValue,
    #[serde(default)]
    expected: Value,
}

#[test]
fn every_case_becomes_the_requests_it_expects() {
    let is_updated = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differences = Vec::new();
    let mut count = 0;
    for path in case_files(&root("tests/suite/rules/cases")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Case = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let settings: BTreeMap<&str, &str> = serde_json::from_str(case.settings.get())
            .unwrap_or_else(|error| {
                let path = path.display();
                panic!("{path}: settings are texts, such as \"true\": {error}")
            });
        let outcome = outcome_of_raw(settings, case.message);
        if is_updated {
            std::fs::write(&path, case.text(&outcome)).unwrap();
        } else if outcome != case.expected {
            let (expected, found) = (pretty(&case.expected, 0, 0), pretty(&outcome, 0, 0));
            let path = path.display();
            differences.push(format!("{path}\nexpected: {expected}\n   found: {found}\n"));
        }
        count += 1;
    }
    assert!(count > 80, "only {count} cases were found");
    assert!(
        differences.is_empty(),
        "{}\nUPDATE_EXPECT=1 replaces `expected` in these {} of {count} cases",
        differences.join("\n"),
        differences.len(),
    );
}

impl Case<'_> {
    fn text(&self, outcome: &Value) -> String {
        let (settings, message) = (self.settings.get(), self.message.get());
        let expected = pretty(outcome, 1, "  \"expected\": ".len());
        let members = [
            ("settings", settings),
            ("message", message),
            ("expected", &expected),
        ];
        let members = members.map(|(key, value)| format!("  \"{key}\": {value}"));
        format!("{{\n{}\n}}\n", members.join(",\n"))
    }
}

fn case_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(case_files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort_unstable();
    files
}

/// Writes JSON with everything on one line that fits on it: most of a request is nesting.
fn pretty(value: &Value, depth: usize, column: usize) -> String {
    let line = one_line(value);
    if column + line.chars().count() <= WIDTH {
        return line;
    }
    let indent = "  ".repeat(depth + 1);
    let mut items = Vec::new();
    let brackets = match value {
        Value::Object(members) => {
            for (key, member) in members {
                let key = format!("{indent}{}: ", Value::from(key.as_str()));
                let member = pretty(member, depth + 1, key.chars().count() + 1);
                items.push(format!("{key}{member}"));
            }
            ['{', '}']
        }
        Value::Array(elements) => {
            for element in elements {
                let element = pretty(element, depth + 1, indent.len() + 1);
                items.push(format!("{indent}{element}"));
            }
            ['[', ']']
        }
        _ => return line,
    };
    let [open, close] = brackets;
    let end = "  ".repeat(depth);
    format!("{open}\n{}\n{end}{close}", items.join(",\n"))
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(key, member)| format!("{}: {}", Value::from(key.as_str()), one_line(member)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(one_line).collect();
            format!("[{}]", elements.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
