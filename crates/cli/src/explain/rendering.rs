//! Reports as text for a terminal.

mod decision;
mod request;
mod attribute_rows;
mod field_names;
mod sections;
mod difference;
mod cell;

use anstream::println;

use super::explanation::Explanation;
use super::report::{FileReport, MessageReport, ReportContent};
use super::request_preview::RequestPreview;
use crate::input::QueueReason;
use crate::output::{BOLD, DIM, WARN, escape_control, wrapped};

/// The number of requests that are printed in short, after one that is like them. An order may have
/// hundreds of lines.
const MAX_SIMILAR_REQUESTS: usize = 4;

/// Prints the report on a file.
pub(super) fn print_file(report: &FileReport) {
    println!("\n{BOLD}{}{BOLD:#}", escape_control(&report.name));
    match &report.rejection {
        Some(rejection) => {
            println!("  {WARN}Segment would get {rejection}{WARN:#}");
            if !report.messages.is_empty() {
                println!(
                    "  {DIM}Below: what the function would do if the signature were valid.{DIM:#}"
                );
            }
        }
        None if report.messages.is_empty() => println!("  no messages"),
        None => {}
    }
    for (index, message) in report.messages.iter().enumerate() {
        print_message(index, message);
    }
}

fn print_message(index: usize, report: &MessageReport) {
    let title = &report.title;
    let message_type = title.message_type.as_deref().unwrap_or_default();
    let event = title.event.as_deref().unwrap_or_default();
    let heading = escape_control(&format!("message {index}  {message_type} {event}"));
    let message_id = match title.message_id.as_deref() {
        None | Some("") => String::new(),
        Some(message_id) => format!("  {}", escape_control(message_id)),
    };
    println!(
        "\n  {BOLD}{}{BOLD:#}{DIM}{message_id}{DIM:#}",
        heading.trim_end()
    );
    if let Some(queued) = &report.queued {
        print_queued(queued);
    }
    match &report.content {
        ReportContent::Explanation(explanation) => print_explanation(explanation),
        ReportContent::Difference(difference) => difference::print_difference(difference),
        ReportContent::Evaluation {
            evaluation,
            problem,
        } => {
            decision::print_evaluation(evaluation);
            println!("  {WARN}its fields cannot be analyzed{WARN:#}: {problem}");
        }
    }
}

/// Prints why a message is in a queue. What the rules decide now comes after it.
fn print_queued(queued: &QueueReason) {
    let QueueReason {
        reason,
        detail,
        klaviyo_detail,
    } = queued;
    let text = escape_control(&format!("in the queue ({reason}): {detail}"));
    println!("{WARN}{}{WARN:#}", wrapped(&text, 2));
    if let Some(detail) = klaviyo_detail {
        println!(
            "{}",
            wrapped(&escape_control(&format!("Klaviyo: {detail}")), 4)
        );
    }
}

fn print_explanation(explanation: &Explanation) {
    decision::print_evaluation(&explanation.evaluation);
    print_requests(explanation);
    sections::print_unused(explanation);
    sections::print_decided_by(explanation);
    sections::print_suggestions(explanation);
}

fn print_requests(explanation: &Explanation) {
    let requests = &explanation.evaluation.requests;
    let mut similar_requests = 0;
    for (index, request) in requests.iter().enumerate() {
        let earlier_requests = requests.iter().enumerate().take(index);
        let similar_request = earlier_requests
            .map(|(index, earlier)| (index, earlier.as_ref()))
            .find(|(_, earlier)| is_similar(earlier, request));
        match similar_request {
            None => request::print_request(explanation, index, request),
            Some(earlier) => {
                similar_requests += 1;
                if similar_requests <= MAX_SIMILAR_REQUESTS {
                    request::print_similar_request(explanation, index, request, earlier);
                }
            }
        }
    }
    if similar_requests > MAX_SIMILAR_REQUESTS {
        let hidden = similar_requests - MAX_SIMILAR_REQUESTS;
        println!("\n  {DIM}… and {hidden} more like these{DIM:#}");
    }
}

/// Whether two requests are of the same kind, as those for the lines of an order are.
fn is_similar(one: &RequestPreview, other: &RequestPreview) -> bool {
    one.endpoint == other.endpoint && one.title().is_some() && one.title() == other.title()
}
