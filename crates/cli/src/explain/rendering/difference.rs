//! The difference between two evaluations, as text.

use anstream::println;
use anstyle::Style;
use serde_json::Value;

use super::cell::{column_width, cut};
use super::decision::decision_style;
use crate::explain::difference::{AttributeChange, ChangeKind, Difference};
use crate::explain::text::one_line;
use crate::output::{BOLD, DIM, ERROR, OK, WARN, escape_control};

/// Prints what changes for a message.
pub(super) fn print_difference(difference: &Difference) {
    if difference.is_empty() {
        println!("  {DIM}no difference{DIM:#}");
        return;
    }
    if let Some((before, after)) = &difference.decision {
        let (style_before, style_after) = (decision_style(before), decision_style(after));
        let detail = match after.reason() {
            Some(reason) => escape_control(&reason.detail),
            None => String::new(),
        };
        println!(
            "  {style_before}{before}{style_before:#} → {style_after}{after}{style_after:#}  {detail}"
        );
    }
    print_requests(ChangeKind::Removed, &difference.removed);
    print_requests(ChangeKind::Added, &difference.added);
    print_changes(&difference.changes);
    if let Some((before, after)) = &difference.warnings {
        println!("  warnings: {} → {}", list(before), list(after));
    }
}

fn print_requests(kind: ChangeKind, requests: &[String]) {
    let style = kind_style(kind);
    for request in requests {
        println!("  {style}{} {request}{style:#}", kind.sign());
    }
}

fn print_changes(changes: &[AttributeChange]) {
    let names: Vec<String> = changes
        .iter()
        .map(|change| change.attribute.to_string())
        .collect();
    let width = column_width(names.iter());
    let mut current_request = None;
    for (change, name) in changes.iter().zip(&names) {
        if current_request != Some(change.request_index) {
            println!("  {BOLD}{}{BOLD:#}", change.request);
            current_request = Some(change.request_index);
        }
        let style = kind_style(change.kind());
        println!(
            "    {style}{} {name:width$}  {}{style:#}",
            change.kind().sign(),
            values(change)
        );
    }
}

fn values(change: &AttributeChange) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{} → {}", cell(before), cell(after)),
        (Some(value), None) | (None, Some(value)) => cell(value),
        (None, None) => String::new(),
    }
}

fn cell(value: &Value) -> String {
    cut(&one_line(value))
}

fn list(warnings: &[String]) -> String {
    if warnings.is_empty() {
        "none".to_owned()
    } else {
        warnings.join(", ")
    }
}

fn kind_style(kind: ChangeKind) -> Style {
    match kind {
        ChangeKind::Added => OK,
        ChangeKind::Removed => ERROR,
        ChangeKind::Changed => WARN,
    }
}
