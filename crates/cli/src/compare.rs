//! `compare`: what other settings would do to many messages, summed up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anstream::println;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::explain::diff::{self, ChangeKind, Difference};
use crate::explain::seen::{Verdict, see};
use crate::explain::{self, moment};
use crate::input;
use crate::output::{BOLD, DIM, WARN, escape_control, wrapped};
use crate::overrides::SettingOverrides;
use crate::sign::SharedSecret;

/// Messages that are named for each difference.
const EXAMPLES: usize = 3;

/// Says what changes for a file of messages when one file of settings takes the place of another. Nothing is
/// sent. Exit code 0: nothing changes, 1: something does, 2: it could not be told.
///
/// A file of settings has a KEY=VALUE on each line, as .env files have; what it does not name has its default.
#[derive(clap::Args)]
#[command(after_help = "Example: segment-klaviyo compare now.env planned.env messages.ndjson")]
pub(crate) struct Arguments {
    /// The settings as they are.
    old: PathBuf,

    /// The settings as they would be.
    new: PathBuf,

    /// A Segment message, an array of them, NDJSON or a Lambda event; `-` is stdin.
    file: PathBuf,

    /// Takes the messages as coming at this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    now: Option<OffsetDateTime>,
}

/// Whether nothing changes.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let read = |path: &PathBuf| {
        let rules = SettingOverrides::from_file(path)?.rules();
        rules.map_err(|problem| format!("{}: {problem}", input::name(path)))
    };
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let now = arguments.now.unwrap_or_else(OffsetDateTime::now_utc);
    let name = input::name(&arguments.file);
    let messages = explain::messages(&input::event(&arguments.file)?, &SharedSecret::default());
    let (messages, refused) = messages.map_err(|problem| format!("{name}: {problem}"))?;
    if let (true, Some(refused)) = (messages.is_empty(), refused) {
        return Err(format!("{name}: {refused}"));
    }
    let mut summary = Summary::default();
    for (at, message) in messages.iter().enumerate() {
        let difference =
            diff::between(&see(message, &old, now, &[]), &see(message, &new, now, &[]));
        if !difference.is_none() {
            summary.add(&titles(at, message), difference);
        }
    }
    summary.show(messages.len());
    Ok(summary.is_empty())
}

/// What a message is and how it can be found again.
struct Titles {
    /// Its type, and its event if it has one.
    kind: String,
    /// Its id, else its place.
    id: String,
}

fn titles(at: usize, message: &RawValue) -> Titles {
    let fields: Value = serde_json::from_str(message.get()).unwrap_or_default();
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(escape_control);
    let kind = [text("type"), text("event")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    Titles {
        kind: if kind.is_empty() {
            "no type".to_owned()
        } else {
            kind
        },
        id: text("messageId").unwrap_or_else(|| format!("message {at}")),
    }
}

/// The differences of many messages.
#[derive(Default)]
struct Summary {
    /// By what the messages are, and how they end before and after.
    outcomes: BTreeMap<(String, Verdict, Verdict), Vec<String>>,
    /// What Klaviyo gets of messages that end as before, by what they are.
    contents: BTreeMap<String, Contents>,
}

/// What Klaviyo gets otherwise of messages of one kind.
#[derive(Default)]
struct Contents {
    ids: Vec<String>,
    /// In how many messages something comes, goes or is other.
    counts: BTreeMap<(ChangeKind, String), usize>,
    /// The same of custom properties.
    properties: BTreeMap<(ChangeKind, String), usize>,
}

impl Summary {
    fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.contents.is_empty()
    }

    fn add(&mut self, titles: &Titles, difference: Difference) {
        let Titles { kind, id } = titles;
        if let Some((before, after)) = difference.verdict {
            self.outcomes
                .entry((kind.clone(), before, after))
                .or_default()
                .push(id.clone());
            return;
        }
        let contents = self.contents.entry(kind.clone()).or_default();
        contents.ids.push(id.clone());
        let mut names: BTreeSet<(ChangeKind, bool, String)> = BTreeSet::new();
        for (way, requests) in [
            (ChangeKind::Removed, difference.removed),
            (ChangeKind::Added, difference.added),
        ] {
            names.extend(requests.into_iter().map(|request| (way, false, request)));
        }
        if let Some((_, warnings)) = difference.warnings {
            names.extend(
                warnings
                    .into_iter()
                    .map(|note| (ChangeKind::Changed, false, format!("note {note}"))),
            );
        }
        for change in difference.changes {
            let property = change.property();
            let name = property
                .clone()
                .unwrap_or_else(|| change.attribute.to_string());
            names.insert((change.way(), property.is_some(), name));
        }
        for (way, is_property, name) in names {
            let counts = if is_property {
                &mut contents.properties
            } else {
                &mut contents.counts
            };
            *counts.entry((way, name)).or_default() += 1;
        }
    }

    fn show(&self, messages: usize) {
        let outcomes: usize = self.outcomes.values().map(Vec::len).sum();
        let contents: usize = self
            .contents
            .values()
            .map(|contents| contents.ids.len())
            .sum();
        let messages = if messages == 1 {
            "1 message".to_owned()
        } else {
            format!("{messages} messages")
        };
        println!(
            "{messages}: {outcomes} with another outcome, {contents} of which Klaviyo gets something else"
        );
        if outcomes > 0 {
            println!("\n{BOLD}another outcome{BOLD:#}");
        }
        for ((kind, before, after), ids) in &self.outcomes {
            println!("  {} × {kind}: {WARN}{before} → {after}{WARN:#}", ids.len());
            println!("{DIM}{}{DIM:#}", wrapped(&examples(ids), 4));
        }
        if contents > 0 {
            println!("\n{BOLD}something else for Klaviyo{BOLD:#}");
        }
        for (kind, contents) in &self.contents {
            println!("  {} × {kind}", contents.ids.len());
            contents.show();
            println!("{DIM}{}{DIM:#}", wrapped(&examples(&contents.ids), 4));
        }
    }
}

impl Contents {
    fn show(&self) {
        let all = self.ids.len();
        let of = |count: usize| {
            if count == all {
                String::new()
            } else {
                format!(" (in {count})")
            }
        };
        for ((way, name), count) in &self.counts {
            println!("    {WARN}{} {name}{WARN:#}{}", way.sign(), of(*count));
        }
        let mut alike: BTreeMap<(ChangeKind, usize), Vec<&str>> = BTreeMap::new();
        for ((way, name), count) in &self.properties {
            alike.entry((*way, *count)).or_default().push(name);
        }
        for ((way, count), names) in alike {
            let text = format!(
                "{} properties {}{}",
                way.sign(),
                names.join(", "),
                of(count)
            );
            println!("{WARN}{}{WARN:#}", wrapped(&text, 4));
        }
    }
}

fn examples(ids: &[String]) -> String {
    let mut shown: Vec<&str> = ids.iter().take(EXAMPLES).map(String::as_str).collect();
    if ids.len() > EXAMPLES {
        shown.push("…");
    }
    shown.join(", ")
}
