//! A delivery in a few lines that can be read at a glance.

use anstream::println;
use segment_klaviyo::response::{ResponseBody, ResultEntry, WebhookResponse};
use segment_klaviyo_stand_in::RecordedRequest;
use serde_json::Value;

use super::delivery::{Answer, Delivery};
use super::request_summary::RequestSummary;
use crate::output::{self, DIM, ERROR, WARN, escape_control, status_style, wrapped};

/// The most requests that are listed, after equal ones are counted together.
const MAX_REQUESTS: usize = 30;

/// The most messages that are listed with their reasons.
const MAX_RESULTS: usize = 20;

/// Prints what Segment is told, a line for each request, and what is to be known about messages.
pub(super) fn print(delivery: &Delivery) {
    print_answer(delivery);
    let results = match &delivery.answer {
        Answer::Check(_) => return,
        Answer::SendAgain(_) => &[],
        Answer::Response(response) => response.body.results.as_slice(),
        Answer::Records { results, .. } => results.results.as_slice(),
    };
    print_requests(&delivery.requests);
    print_results(results);
}

/// Prints what the sender is told.
pub(super) fn print_answer(delivery: &Delivery) {
    if let Answer::Check(report) = &delivery.answer {
        output::check_report(&delivery.file, report);
        return;
    }
    output::title(&delivery.file);
    match &delivery.answer {
        Answer::Check(_) => {}
        Answer::Response(response) => print_response(response),
        Answer::SendAgain(reason) => println!(
            "  {ERROR}the invocation fails{ERROR:#}, so that the message is sent again: {}",
            escape_control(reason)
        ),
        Answer::Records {
            results,
            unreadable,
        } => {
            println!("  from a queue: {}", escape_control(&headline(results)));
            for problem in unreadable {
                println!("  {ERROR}stays in the queue{ERROR:#} {problem}");
            }
        }
    }
}

fn print_response(response: &WebhookResponse) {
    let style = status_style(response.status);
    let wait = match response.retry_after {
        Some(seconds) => format!("; it waits {seconds} s"),
        None => String::new(),
    };
    println!(
        "  Segment is told {style}{}{style:#}: {}{wait}",
        response.status,
        escape_control(&headline(&response.body))
    );
}

/// The outcome in numbers. The response to a single message has its reason instead, which is
/// printed as every other reason is.
fn headline(body: &ResponseBody) -> String {
    match body.results.as_slice() {
        [only] if body.received == 1 => match only.outcome {
            "retry" => "1 to be sent again".to_owned(),
            outcome => format!("1 {outcome}"),
        },
        _ => body.message.clone(),
    }
}

fn print_requests(requests: &[RecordedRequest]) {
    if requests.is_empty() {
        println!("  {DIM}no request to Klaviyo{DIM:#}");
    }
    let mut rows: Vec<(Row, usize)> = Vec::new();
    for request in requests {
        let row = Row::of(request);
        match rows.iter_mut().find(|(known, _)| *known == row) {
            Some((_, count)) => *count += 1,
            None => rows.push((row, 1)),
        }
    }
    for (row, count) in rows.iter().take(MAX_REQUESTS) {
        row.print(*count);
    }
    if rows.len() > MAX_REQUESTS {
        println!("  {DIM}… and {} more{DIM:#}", rows.len() - MAX_REQUESTS);
    }
}

/// The line about a request.
#[derive(PartialEq)]
struct Row {
    status: u16,
    endpoint: String,
    about: String,
    refusals: Vec<String>,
}

impl Row {
    fn of(request: &RecordedRequest) -> Self {
        // A query names people, who are not worth a second line.
        let path = request.path.split('?').next().unwrap_or_default();
        Row {
            status: request.status,
            endpoint: escape_control(&format!("{} {path}", request.method)),
            about: RequestSummary::of(request).text(),
            refusals: refusals(request),
        }
    }

    fn print(&self, count: usize) {
        let style = status_style(self.status);
        let times = match count {
            1 => String::new(),
            count => format!("  ({count} times)"),
        };
        let line = format!("{}  {}{times}", self.endpoint, self.about);
        println!(
            "  {style}{}{style:#} {}",
            status_text(self.status),
            line.trim_end()
        );
        for refusal in &self.refusals {
            println!("{WARN}{}{WARN:#}", wrapped(refusal, 6));
        }
    }
}

fn status_text(status: u16) -> String {
    match status {
        0 => "no answer".to_owned(),
        status => status.to_string(),
    }
}

/// Klaviyo's reasons for a refusal.
fn refusals(request: &RecordedRequest) -> Vec<String> {
    let mut refusals = Vec::new();
    if request.status < 400 {
        return refusals;
    }
    let errors = request.answer.get("errors").and_then(Value::as_array);
    for error in errors.into_iter().flatten() {
        let text_at = |pointer| error.pointer(pointer).and_then(Value::as_str);
        let mut text = text_at("/code").unwrap_or("error").to_owned();
        if let Some(pointer) = text_at("/source/pointer") {
            text.push_str(&format!(" at {pointer}"));
        }
        if let Some(detail) = text_at("/detail") {
            text.push_str(&format!(": {detail}"));
        }
        refusals.push(escape_control(&text));
    }
    refusals
}

fn print_results(results: &[ResultEntry]) {
    for result in results.iter().take(MAX_RESULTS) {
        let (style, word) = match result.outcome {
            "delivered" => (WARN, "warning"),
            "rejected" => (ERROR, "rejected"),
            "retry" => (ERROR, "to be sent again"),
            outcome => (WARN, outcome),
        };
        let id = escape_control(result.message_id.as_deref().unwrap_or("no messageId"));
        let detail = escape_control(&result.detail);
        println!(
            "  {style}{word}{style:#} {} {DIM}(message {}, {id}){DIM:#}",
            result.reason, result.index
        );
        println!("{}", wrapped(&detail, 6));
    }
    if results.len() > MAX_RESULTS {
        println!(
            "  {DIM}… and {} more, which --json shows{DIM:#}",
            results.len() - MAX_RESULTS
        );
    }
}
