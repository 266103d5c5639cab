//! A request to a function that runs elsewhere, as Segment sends it.

use std::time::{Duration, Instant};

use anstream::println;
use segment_klaviyo::http;
use segment_klaviyo::signature::{SIGNATURE_HEADER, TOKEN_HEADER};
use segment_klaviyo::telemetry::error_chain;
use serde::Deserialize;

use crate::output::{BOLD, WARN, escape_control, status_style, wrapped};

/// The time that the tool waits: longer than the function takes, and than a cold start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A signed request.
pub(super) struct Delivery {
    pub(super) body: String,
    pub(super) signature: Option<String>,
}

impl Delivery {
    /// Posts it and prints the answer. Returns whether every message is delivered or ignored.
    pub(super) async fn post(self, url: &str) -> Result<bool, String> {
        let client = http::client().map_err(|error| error.to_string())?;
        let mut request = client
            .post(url)
            .timeout(TIMEOUT)
            .header("content-type", "application/json")
            .body(self.body);
        if let Some(signature) = self.signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        if let Ok(token) = std::env::var("WEBHOOK_TOKEN") {
            request = request.header(TOKEN_HEADER, format!("Bearer {token}"));
        }
        let started = Instant::now();
        let answer = request
            .send()
            .await
            .map_err(|error| format!("{url} cannot be reached: {}", error_chain(&error)))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let milliseconds = started.elapsed().as_millis();
        println!(
            "{BOLD}POST {}{BOLD:#}  ({milliseconds} ms)",
            escape_control(url)
        );
        let style = status_style(status);
        let Ok(answer) = serde_json::from_str::<Answer>(&text) else {
            println!(
                "  {style}{status}{style:#}: {}",
                escape_control(text.trim())
            );
            return Ok(false);
        };
        // The answer about a single message is its reason, which is printed below.
        let message = match answer.results.as_slice() {
            [only] if answer.received == 1 => &only.outcome,
            _ => &answer.message,
        };
        println!("  {style}{status}{style:#}: {}", escape_control(message));
        for result in &answer.results {
            result.print();
        }
        let is_settled = answer.delivered + answer.ignored == answer.received;
        Ok(status == 200 && answer.received > 0 && is_settled)
    }
}

/// The answer to Segment.
#[derive(Deserialize)]
struct Answer {
    message: String,
    received: usize,
    delivered: usize,
    ignored: usize,
    #[serde(default)]
    results: Vec<AnsweredMessage>,
}

/// A message that was not simply delivered.
#[derive(Deserialize)]
struct AnsweredMessage {
    message_id: Option<String>,
    outcome: String,
    reason: String,
    detail: String,
}

impl AnsweredMessage {
    fn print(&self) {
        let outcome = match self.outcome.as_str() {
            "delivered" => "warning",
            outcome => outcome,
        };
        let id = self.message_id.as_deref().unwrap_or("no messageId");
        println!(
            "  {WARN}{}{WARN:#} {} ({})",
            escape_control(outcome),
            escape_control(&self.reason),
            escape_control(id)
        );
        println!("{}", wrapped(&escape_control(&self.detail), 6));
    }
}
