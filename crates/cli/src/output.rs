//! What a person sees. Colours only on a terminal (and not with NO_COLOR).

use std::collections::BTreeMap;
use std::path::Path;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use segment_klaviyo::check::{CheckReport, Severity};
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo_stand_in::RecordedRequest;
use serde::Serialize;
use time::OffsetDateTime;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const OK: Style = AnsiColor::Green.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// One delivery: the answer, the calls, and why something was not delivered.
pub(crate) fn delivery(path: &Path, answer: &WebhookResponse, calls: &[RecordedRequest]) {
    println!("\n{BOLD}{}{BOLD:#}", path.display());

    let style = style_of(answer.status);
    println!("\n  Segment is told {style}{}{style:#}", answer.status);
    if let Some(seconds) = answer.retry_after {
        println!("    {DIM}Retry-After: {seconds}{DIM:#}");
    }
    println!("{}", indented(&answer.body));

    println!("\n  Calls to Klaviyo: {}", calls.len());
    for (number, call) in (1..).zip(calls) {
        self::call(number, call);
    }

    for item in &answer.body.results {
        let id = escape_control(item.message_id.as_deref().unwrap_or("no messageId"));
        println!("\n  Message {} {DIM}({id}){DIM:#}", item.index);
        println!(
            "    {WARN}{} ({}){WARN:#}: {}",
            item.outcome,
            item.reason,
            escape_control(&item.detail)
        );
    }
}

/// One delivery that came over HTTP, in a line.
pub(crate) fn served(at: OffsetDateTime, answer: &WebhookResponse, calls: usize) {
    let report = &answer.body;
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    report
        .results
        .iter()
        .for_each(|item| *reasons.entry(item.reason).or_default() += 1);
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    let reasons = if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    };
    let (time, style) = (at.time(), style_of(answer.status));
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let noun = if calls == 1 { "call " } else { "calls" };
    println!(
        "{DIM}{hour:02}:{minute:02}:{second:02}Z{DIM:#}  {style}{}{style:#}  {calls:>3} {noun}  {}{DIM}{reasons}{DIM:#}",
        answer.status,
        escape_control(&report.message),
    );
}

/// One call to Klaviyo.
pub(crate) fn call(number: usize, call: &RecordedRequest) {
    let style = style_of(call.status);
    println!(
        "\n  {number}. {BOLD}{} {}{BOLD:#} → {style}{}{style:#}",
        call.method,
        escape_control(&call.path),
        call.status
    );
    println!("{}", indented(&call.body));
    if call.status >= 400 {
        println!("  {DIM}answer{DIM:#}\n{}", indented(&call.answer));
    }
}

/// Something to know.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What a check found.
pub(crate) fn report(path: &Path, report: &CheckReport) {
    println!("\n{BOLD}{}{BOLD:#}\n", path.display());
    for finding in &report.findings {
        let (style, word) = match finding.state {
            Severity::Ok => (OK, "ok"),
            Severity::Warning => (WARN, "warning"),
            Severity::Failed => (ERROR, "failed"),
        };
        println!(
            "  {style}{word:8}{style:#}{BOLD}{}{BOLD:#}: {}",
            finding.about, finding.detail
        );
    }
}

/// Something to know beside what was asked for.
pub(crate) fn note(text: &str) {
    eprintln!("{WARN}note{WARN:#}: {text}");
}

/// Something that keeps the tool from working.
pub(crate) fn problem(text: &str) {
    eprintln!("{ERROR}error{ERROR:#}: {text}");
}

/// Somebody else's text, without what a terminal would obey.
pub(crate) fn escape_control(text: &str) -> String {
    text.replace(is_obeyed, " ")
}

/// JSON as people read it, with escapes in place of what a terminal would obey: it stays the same JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    let mut shown = String::new();
    for c in serde_json::to_string_pretty(value)
        .unwrap_or_default()
        .chars()
    {
        match c {
            c if c != '\n' && is_obeyed(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// Whether a terminal does something at this character: it moves, changes colours or turns the order of the others.
fn is_obeyed(c: char) -> bool {
    let is_of_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_of_direction
}

/// Text in lines of at most this length, each begun with so many spaces, those after the first with two more.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    const LENGTH: usize = 110;
    let mut lines = vec![" ".repeat(indent)];
    for word in text.split(' ') {
        let so_far = lines.last().map_or(0, |line| line.chars().count());
        if so_far > indent + 2 && so_far + 1 + word.chars().count() > LENGTH {
            lines.push(" ".repeat(indent + 2));
        }
        if let Some(line) = lines.last_mut() {
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn style_of(status: u16) -> Style {
    match status {
        200..=299 => OK,
        300..=499 => WARN,
        _ => ERROR,
    }
}

fn indented(json: &impl Serialize) -> String {
    self::json(json)
        .lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_does_not_reach_it() {
        let bad = "\u{1b}[2J\u{9b}1m\u{7f}\r\u{202e}\u{2066}\u{200f}";
        assert_eq!(escape_control(&format!("a{bad}ü购")), "a [2J 1m     ü购");
        let value = json!({bad: [bad, "ü购"]});
        let shown = self::json(&value);
        assert!(!shown.chars().any(|c| c != '\n' && is_obeyed(c)), "{shown}");
        assert!(
            shown.contains("\\u001b[2J\\u009b1m\\u007f\\r\\u202e"),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
