//! A line of the function's log.

use anstyle::Style;
use serde_json::Value;

use super::filter::Status;
use crate::output::{DIM, ERROR, OK, WARN, escape_control, status_style};

/// A line that the function wrote. Its fields are in docs/responses.md.
pub(super) struct LogLine {
    json: String,
    fields: Value,
}

/// The fields of other lines that are shown, in this order.
const DETAILS: [&str; 4] = ["reason", "detail", "error", "at"];

impl LogLine {
    /// Reads a line. Other programs put the time and the stream before it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let start = text.find('{')?;
        let json = text.get(start..)?.trim_end();
        let fields: Value = serde_json::from_str(json).ok()?;
        // Lambda's own lines have a time and a record.
        let is_ours = fields.get("level").is_some() && fields.get("message").is_some();
        is_ours.then(|| LogLine {
            json: json.to_owned(),
            fields,
        })
    }

    /// The line as it is in the log.
    pub(super) fn json(&self) -> &str {
        &self.json
    }

    /// Whether it is about messages of this status.
    pub(super) fn has_status(&self, status: Status) -> bool {
        match status {
            Status::Error => self.text_of("level") == "ERROR" || self.count("status") >= 500,
            Status::Rejected if self.message() == "message rejected" => true,
            status => self.count(status.field()) > 0,
        }
    }

    /// Returns the line for people.
    pub(super) fn text(&self) -> String {
        let time = self.text_of("timestamp");
        // The date is that of today, or the line's neighbors have it.
        let time = time.get(11..19).unwrap_or(time);
        let time = format!("{DIM}{}Z{DIM:#}", escape_control(time));
        if self.message() == "delivery" {
            return format!("{time}  {}", self.delivery());
        }
        let style = self.level_style();
        let mut text = format!("{time}  {style}{}{style:#}", escape_control(self.message()));
        let id = self.text_of("message_id");
        if !id.is_empty() {
            text.push_str(&format!("  {}", escape_control(id)));
        }
        for name in DETAILS {
            let detail = self.text_of(name);
            if !detail.is_empty() {
                text.push_str(&format!("  {}", escape_control(detail)));
            }
        }
        text
    }

    fn delivery(&self) -> String {
        let status = self.count("status");
        let (style, word) = match u16::try_from(status) {
            Ok(0) | Err(_) => (DIM, "queue".to_owned()),
            Ok(status) => (status_style(status), status.to_string()),
        };
        let mut counts = Vec::new();
        for status in [
            Status::Delivered,
            Status::Ignored,
            Status::Rejected,
            Status::Queued,
            Status::Retry,
        ] {
            let count = self.count(status.field());
            if count > 0 {
                let style = match status {
                    Status::Delivered => OK,
                    Status::Ignored | Status::Queued => WARN,
                    Status::Rejected | Status::Retry | Status::Error => ERROR,
                };
                counts.push(format!("{style}{count} {}{style:#}", status.field()));
            }
        }
        if counts.is_empty() {
            counts.push("no messages".to_owned());
        }
        let mut reasons = Vec::new();
        let counted = self.fields.get("reasons").and_then(Value::as_object);
        for (reason, count) in counted.into_iter().flatten() {
            reasons.push(format!("{reason} {count}"));
        }
        let reasons = match reasons.as_slice() {
            [] => String::new(),
            reasons => format!("  {DIM}({}){DIM:#}", escape_control(&reasons.join(", "))),
        };
        let requests = match self.count("klaviyo_requests") {
            1 => "1 request".to_owned(),
            count => format!("{count} requests"),
        };
        let milliseconds = self.count("duration_ms");
        format!(
            "{style}{word:5}{style:#}  {}{reasons}  {DIM}{requests}, {milliseconds} ms{DIM:#}",
            counts.join(", ")
        )
    }

    fn level_style(&self) -> Style {
        match self.text_of("level") {
            "ERROR" => ERROR,
            "WARN" => WARN,
            _ => DIM,
        }
    }

    fn message(&self) -> &str {
        self.text_of("message")
    }

    fn text_of(&self, name: &str) -> &str {
        let text = self.fields.get(name).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    fn count(&self, name: &str) -> u64 {
        let count = self.fields.get(name).and_then(Value::as_u64);
        count.unwrap_or_default()
    }
}
