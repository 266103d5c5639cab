//! A comparison as text for a terminal.

use std::collections::BTreeMap;

use anstream::println;

use super::comparison::{Comparison, DecisionChange, RequestChanges};
use crate::explain::difference::ChangeKind;
use crate::output::{BOLD, DIM, WARN, wrapped};

/// The number of messages that are named for each difference.
const MAX_EXAMPLES: usize = 3;

/// Prints a comparison.
pub(super) fn print_comparison(comparison: &Comparison) {
    let different_outcomes = comparison.different_outcomes();
    let different_requests = comparison.different_requests();
    let messages = match comparison.messages {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    println!(
        "{messages}: {different_outcomes} with a different outcome, {different_requests} with different requests or warnings"
    );

    if different_outcomes > 0 {
        println!("\n{BOLD}different outcome{BOLD:#}");
    }
    for (change, message_ids) in &comparison.decision_changes {
        let DecisionChange {
            kind,
            before,
            after,
        } = change;
        let count = message_ids.len();
        println!("  {count} × {kind}: {WARN}{before} → {after}{WARN:#}");
        print_examples(message_ids);
    }

    if different_requests > 0 {
        println!("\n{BOLD}different requests or warnings{BOLD:#}");
    }
    for (kind, changes) in &comparison.request_changes {
        println!("  {} × {kind}", changes.message_ids.len());
        print_changes(changes);
        print_examples(&changes.message_ids);
    }
}

fn print_changes(changes: &RequestChanges) {
    let messages = changes.message_ids.len();
    for ((kind, name), count) in &changes.counts {
        let frequency = frequency(*count, messages);
        println!("    {WARN}{} {name}{WARN:#}{frequency}", kind.sign());
    }
    let mut equally_frequent: BTreeMap<(ChangeKind, usize), Vec<&str>> = BTreeMap::new();
    for ((kind, name), count) in &changes.property_counts {
        let names = equally_frequent.entry((*kind, *count)).or_default();
        names.push(name);
    }
    for ((kind, count), names) in equally_frequent {
        let sign = kind.sign();
        let names = names.join(", ");
        let text = format!("{sign} properties {names}{}", frequency(count, messages));
        println!("{WARN}{}{WARN:#}", wrapped(&text, 4));
    }
}

/// Says in how many messages a change occurs, unless it occurs in all of them.
fn frequency(count: usize, messages: usize) -> String {
    if count == messages {
        String::new()
    } else {
        format!(" (in {count})")
    }
}

fn print_examples(message_ids: &[String]) {
    let examples: Vec<&str> = message_ids
        .iter()
        .take(MAX_EXAMPLES)
        .map(String::as_str)
        .collect();
    let mut text = examples.join(", ");
    if message_ids.len() > MAX_EXAMPLES {
        text.push_str(", …");
    }
    println!("{DIM}{}{DIM:#}", wrapped(&text, 4));
}
