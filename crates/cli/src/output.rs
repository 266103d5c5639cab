//! Everything that the tool prints. It has colors only on a terminal, and respects NO_COLOR.

use std::collections::BTreeMap;

use anstream::{eprintln, println};
use anstyle::{AnsiColor, Style};
use segment_klaviyo::check::{CheckReport, Severity};
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo_stand_in::RecordedRequest;
use serde::Serialize;
use time::OffsetDateTime;

use crate::harness::KlaviyoName;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const OK: Style = AnsiColor::Green.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Prints the title of a file, a delivery or a report.
pub(crate) fn title(text: &str) {
    println!("\n{BOLD}{}{BOLD:#}", escape_control(text));
}

/// Prints which Klaviyo a command talks to.
pub(crate) fn klaviyo(name: &KlaviyoName) {
    let safety = match name {
        KlaviyoName::StandIn => " (nothing leaves it)",
        KlaviyoName::Url(_) => "",
    };
    println!("Klaviyo: {BOLD}{name}{BOLD:#}{safety}");
}

/// Prints one delivery with all bodies: the response, the requests, and the reasons of messages
/// that were not simply delivered.
pub(crate) fn delivery(title: &str, response: &WebhookResponse, requests: &[RecordedRequest]) {
    self::title(title);
    let style = status_style(response.status);
    println!(
        "\n  Response to Segment: {style}{}{style:#}",
        response.status
    );
    if let Some(seconds) = response.retry_after {
        println!("    {DIM}Retry-After: {seconds}{DIM:#}");
    }
    println!("{}", indented_json(&response.body));
    self::requests(requests);

    for result in &response.body.results {
        let id = escape_control(result.message_id.as_deref().unwrap_or("no messageId"));
        println!("\n  Message {} {DIM}({id}){DIM:#}", result.index);
        println!(
            "    {WARN}{} ({}){WARN:#}: {}",
            result.outcome,
            result.reason,
            escape_control(&result.detail)
        );
    }
}

/// Prints requests to Klaviyo with their bodies.
pub(crate) fn requests(requests: &[RecordedRequest]) {
    println!("\n  Requests to Klaviyo: {}", requests.len());
    for (index, request) in requests.iter().enumerate() {
        self::request(index + 1, request);
    }
}

/// Prints one delivery that came over HTTP, on one line.
pub(crate) fn delivery_line(at: OffsetDateTime, response: &WebhookResponse, requests: usize) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in &response.body.results {
        *counts.entry(result.reason).or_default() += 1;
    }
    let mut reasons = String::new();
    if !counts.is_empty() {
        let counts: Vec<_> = counts
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        reasons = format!(" ({})", counts.join(", "));
    }
    let (hour, minute, second) = at.time().as_hms();
    let style = status_style(response.status);
    let noun = if requests == 1 {
        "request "
    } else {
        "requests"
    };
    println!(
        "{DIM}{hour:02}:{minute:02}:{second:02}Z{DIM:#}  {style}{}{style:#}  {requests:>3} {noun}  {}{DIM}{reasons}{DIM:#}",
        response.status,
        escape_control(&response.body.message),
    );
}

/// Prints one request to Klaviyo, with the response if it is an error.
pub(crate) fn request(number: usize, request: &RecordedRequest) {
    let style = status_style(request.status);
    println!(
        "\n  {number}. {BOLD}{} {}{BOLD:#} → {style}{}{style:#}",
        request.method,
        escape_control(&request.path),
        request.status
    );
    println!("{}", indented_json(&request.body));
    if request.status >= 400 {
        println!("  {DIM}response{DIM:#}\n{}", indented_json(&request.answer));
    }
}

/// Prints a text.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints a line that says where more is to be seen.
pub(crate) fn hint(text: &str) {
    println!("\n{DIM}{text}{DIM:#}");
}

/// Prints the findings of a check.
pub(crate) fn check_report(title: &str, report: &CheckReport) {
    self::title(title);
    println!();
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

/// Prints to stderr what the command does, beside its result.
pub(crate) fn info(text: &str) {
    eprintln!("{DIM}{}{DIM:#}", escape_control(text));
}

/// Prints a note to stderr.
pub(crate) fn note(text: &str) {
    eprintln!("{WARN}note{WARN:#}: {text}");
}

/// Prints the error that ends the tool, to stderr.
pub(crate) fn error(text: &str) {
    eprintln!("{ERROR}error{ERROR:#}: {text}");
}

/// Returns a text from outside with a space in place of each character that would control a
/// terminal.
pub(crate) fn escape_control(text: &str) -> String {
    text.replace(controls_terminal, " ")
}

/// Returns indented JSON, with an escape in place of each character that would control a terminal.
/// It parses to the same value.
#[expect(
    clippy::expect_used,
    reason = "the tool prints only values with text as keys, which always become JSON"
)]
pub(crate) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("keys are text");
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // Line breaks come from the indentation: those inside of a text are escaped already.
        if c != '\n' && controls_terminal(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Whether a character makes a terminal move, change colors or change the direction of the others.
fn controls_terminal(c: char) -> bool {
    let changes_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || changes_direction
}

/// Wraps a text at 110 characters. Lines begin with `indent` spaces, those after the first with two
/// more.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    const WIDTH: usize = 110;
    let mut wrapped = String::new();
    let mut line = " ".repeat(indent);
    for word in text.split(' ') {
        let length = line.chars().count();
        if length > indent + 2 && length + 1 + word.chars().count() > WIDTH {
            wrapped.push_str(&line);
            wrapped.push('\n');
            line = " ".repeat(indent + 2);
        } else if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    wrapped + &line
}

/// Returns the style of an HTTP status.
pub(crate) fn status_style(status: u16) -> Style {
    match status {
        200..=299 => OK,
        300..=499 => WARN,
        _ => ERROR,
    }
}

fn indented_json(value: &impl Serialize) -> String {
    let lines: Vec<_> = json(value)
        .lines()
        .map(|line| format!("    {line}"))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let bad = "\u{1b}[2J\u{9b}1m\u{7f}\r\u{202e}\u{2066}\u{200f}";
        assert_eq!(escape_control(&format!("a{bad}ü购")), "a [2J 1m     ü购");
        let value = json!({bad: [bad, "ü购"]});
        let shown = self::json(&value);
        assert!(
            !shown.chars().any(|c| c != '\n' && controls_terminal(c)),
            "{shown}"
        );
        assert!(
            shown.contains("\\u001b[2J\\u009b1m\\u007f\\r\\u202e"),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn long_texts_are_wrapped_at_spaces() {
        assert_eq!(wrapped("a b", 2), "  a b");
        let words = ["x".repeat(60), "y".repeat(60), "z".to_owned()].join(" ");
        let expected = format!("    {}\n      {} z", "x".repeat(60), "y".repeat(60));
        assert_eq!(wrapped(&words, 4), expected);
        let long = "x".repeat(200);
        assert_eq!(wrapped(&long, 2), format!("  {long}"), "no word is broken");
    }
}
