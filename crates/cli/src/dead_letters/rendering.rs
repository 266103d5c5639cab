//! Dead letters as text.

use anstream::println;
use anstyle::Style;
use serde_json::Value;

use super::letter::DeadLetter;
use super::queue::{ChangeReport, Fate};
use super::verdict::Verdict;
use crate::input::QueueReason;
use crate::output::{self, BOLD, DIM, ERROR, OK, WARN, escape_control, wrapped};

/// The most messages that are listed of one reason.
const MAX_OF_REASON: usize = 20;

/// Prints the selected ones, those with the same reason below each other.
pub(super) fn print_list(name: &str, count: usize, letters: &[&DeadLetter]) {
    let noun = if count == 1 {
        "dead letter"
    } else {
        "dead letters"
    };
    let selected = match letters.len() {
        selected if selected == count => String::new(),
        selected => format!(", {selected} of them selected"),
    };
    println!(
        "{BOLD}{}{BOLD:#}: {count} {noun}{selected}",
        escape_control(name)
    );
    let mut groups: Vec<(&QueueReason, Vec<&DeadLetter>)> = Vec::new();
    for letter in letters {
        let reason = letter.full_reason();
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, group)) => group.push(letter),
            None => groups.push((reason, vec![letter])),
        }
    }
    for (reason, group) in groups {
        print_reason(reason, &format!("{} × ", group.len()));
        for letter in group.iter().take(MAX_OF_REASON) {
            print_row(letter);
        }
        if group.len() > MAX_OF_REASON {
            let more = group.len() - MAX_OF_REASON;
            println!("      {DIM}… and {more} more, which --json shows{DIM:#}");
        }
    }
    let passing = letters.iter().filter(|letter| letter.passes()).count();
    if passing > 0 {
        output::hint(&format!(
            "{passing} would pass now; `dead-letters retry --passing` moves them into the retry queue"
        ));
    }
}

fn print_reason(reason: &QueueReason, prefix: &str) {
    let QueueReason {
        reason,
        detail,
        klaviyo_detail,
    } = reason;
    println!("\n  {prefix}{WARN}{}{WARN:#}", escape_control(reason));
    if !detail.is_empty() {
        println!("{}", wrapped(&escape_control(detail), 4));
    }
    if let Some(detail) = klaviyo_detail {
        println!(
            "{}",
            wrapped(&escape_control(&format!("Klaviyo: {detail}")), 4)
        );
    }
}

fn print_row(letter: &DeadLetter) {
    let verdict = letter.verdict();
    let style = verdict_style(verdict);
    let arrival = match letter.arrival() {
        Some(arrival) => format!("  {arrival}"),
        None => String::new(),
    };
    println!(
        "    {BOLD}{}{BOLD:#}  {}{DIM}{arrival}{DIM:#}",
        escape_control(&letter.kind()),
        escape_control(letter.name()),
    );
    println!("      {style}{}{style:#}", escape_control(&verdict.text()));
}

fn verdict_style(verdict: &Verdict) -> Style {
    match verdict {
        Verdict::Delivered { was_refused: false } => OK,
        Verdict::Delivered { was_refused: true } | Verdict::Ignored { .. } => WARN,
        Verdict::Rejected { .. } => ERROR,
        Verdict::Unknown(_) => DIM,
    }
}

/// Prints everything about one of them.
pub(super) fn print_letter(letter: &DeadLetter) {
    output::title(&format!("{}  {}", letter.kind(), letter.name()));
    print_reason(letter.full_reason(), "");
    println!();
    if let Some(arrival) = letter.arrival() {
        println!("  arrived  {arrival} UTC");
    }
    for (name, operations) in [("done", letter.completed()), ("to do", letter.pending())] {
        if !operations.is_empty() {
            let names: Vec<_> = operations
                .iter()
                .map(|operation| operation.as_str())
                .collect();
            println!("  {name:7}  {}", escape_control(&names.join(", ")));
        }
    }
    let verdict = letter.verdict();
    let style = verdict_style(verdict);
    println!(
        "  now      {style}{}{style:#}",
        escape_control(&verdict.text())
    );
    if let Verdict::Ignored { detail, .. } | Verdict::Rejected { detail, .. } = verdict {
        println!("{}", wrapped(&escape_control(detail), 11));
    }
    let value: Option<Value> = letter
        .message()
        .and_then(|message| serde_json::from_str(message.get()).ok());
    match value {
        Some(value) => println!("\n{}", output::json(&value)),
        None => println!("\n  {}", escape_control(&letter.queued().body)),
    }
}

/// Prints what became of the selected ones.
pub(super) fn print_change(name: &str, fate: Fate, report: &ChangeReport) {
    println!("{BOLD}{}{BOLD:#}", escape_control(name));
    let done = match fate {
        Fate::Retry => "moved into the retry queue",
        Fate::Drop => "dropped",
        Fate::Keep => "would be dropped",
    };
    println!("  {OK}{}{OK:#} {done}", report.done);
    if report.others > 0 {
        println!("  {} not selected, still there", report.others);
    }
    if report.failed > 0 {
        println!("  {ERROR}{} still there{ERROR:#}", report.failed);
    }
    if report.twice > 0 {
        println!(
            "  {WARN}{} in the retry queue, and still here{WARN:#}: drop them here",
            report.twice
        );
    }
    for id in &report.missing {
        println!("  {WARN}{}{WARN:#} is not there", escape_control(id));
    }
    if fate == Fate::Keep {
        output::hint("Nothing is dropped yet: add --yes. What is dropped cannot be brought back.");
    }
}
