//! The sections after the requests: unused fields, decisive inputs and suggestions.

use anstream::println;

use super::cell::{VALUE, column_width, cut};
use super::field_names::abbreviate;
use crate::explain::explanation::Explanation;
use crate::explain::json_path::JsonPath;
use crate::explain::text::one_line;
use crate::explain::unused::OmissionReason;
use crate::output::{BOLD, DIM, wrapped};

/// Prints the unused fields.
pub(super) fn print_unused(explanation: &Explanation) {
    if explanation.unused.is_empty() {
        return;
    }
    println!("\n  {BOLD}unused{BOLD:#}");
    let mut names = Vec::new();
    let mut reasons = Vec::new();
    let mut empty = Vec::new();
    let mut unread = Vec::new();
    for field in &explanation.unused {
        match &field.reason {
            OmissionReason::Empty => empty.push(&field.path),
            OmissionReason::Unread => unread.push(&field.path),
            reason => {
                names.push(field.path.to_string());
                reasons.push(reason);
            }
        }
    }
    let width = column_width(names.iter());
    for (name, reason) in names.iter().zip(reasons) {
        println!("     {name:width$}  {reason}");
    }
    print_names("empty", &empty, &explanation.fields);
    print_names("no rule reads", &unread, &explanation.fields);
}

fn print_names(label: &str, chosen: &[&JsonPath], all_fields: &[JsonPath]) {
    if !chosen.is_empty() {
        let names = abbreviate(chosen, all_fields).join(", ");
        println!("{DIM}{}{DIM:#}", wrapped(&format!("{label}: {names}"), 5));
    }
}

/// Prints the fields and settings that decide about the message.
pub(super) fn print_decided_by(explanation: &Explanation) {
    if explanation.decisive_settings.is_empty() && explanation.decisive_fields.is_empty() {
        return;
    }
    println!("\n  {BOLD}decided by{BOLD:#}");
    for path in &explanation.decisive_fields {
        let value = path
            .get(&explanation.message)
            .map(one_line)
            .unwrap_or_default();
        println!("     {path} {VALUE}{}{VALUE:#}", cut(&value));
    }
    for setting in &explanation.decisive_settings {
        println!("     {}={VALUE}{}{VALUE:#}", setting.name, setting.value);
        let alternative = match setting.alternative.as_str() {
            "" => "not set",
            value => value,
        };
        let difference = setting.difference.summary().join(", ");
        let text = format!("{alternative}: {difference}");
        println!("{DIM}{}{DIM:#}", wrapped(&text, 7));
    }
}

/// Prints the changes after which the message would be sent.
pub(super) fn print_suggestions(explanation: &Explanation) {
    let suggestions = suggestion_lines(explanation);
    if suggestions.is_empty() {
        return;
    }
    println!("\n  {BOLD}would be sent{BOLD:#}");
    for suggestion in suggestions {
        println!("     {suggestion}");
    }
}

fn suggestion_lines(explanation: &Explanation) -> Vec<String> {
    let suggestions = &explanation.suggestions;
    let mut lines = Vec::new();
    for settings in &suggestions.settings {
        let settings: Vec<_> = settings.iter().map(ToString::to_string).collect();
        lines.push(format!("with {}", settings.join(" and ")));
    }

    let mut both = Vec::new();
    let mut only_removal = Vec::new();
    let mut only_variant = Vec::new();
    for field in &explanation.fields {
        let is_removal = suggestions.removals.contains(field);
        let is_variant = suggestions.variants.contains(field);
        match (is_removal, is_variant) {
            (true, true) => both.push(field),
            (true, false) => only_removal.push(field),
            (false, true) => only_variant.push(field),
            (false, false) => {}
        }
    }
    for name in abbreviate(&both, &explanation.fields) {
        lines.push(format!("without {name}, or with another value in it"));
    }
    for name in abbreviate(&only_removal, &explanation.fields) {
        lines.push(format!("without {name}"));
    }
    for name in abbreviate(&only_variant, &explanation.fields) {
        lines.push(format!("with another value in {name}"));
    }
    lines
}
