//! Which lines of the log are shown.

use clap::ValueEnum;

use super::line::LogLine;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Status {
    Delivered,
    Ignored,
    Rejected,
    Queued,
    Retry,
    /// Lines with the level ERROR, and answers of 5xx.
    Error,
}

impl Status {
    /// The field that counts such messages in the line of a delivery.
    pub(super) fn field(self) -> &'static str {
        match self {
            Status::Delivered => "delivered",
            Status::Ignored => "ignored",
            Status::Rejected => "rejected",
            Status::Queued => "queued",
            Status::Retry => "retry",
            Status::Error => "",
        }
    }
}

/// The options that choose lines.
#[derive(clap::Args, Debug, Default)]
pub(super) struct Filter {
    /// Only deliveries with such messages, and their lines; may be repeated.
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Vec<Status>,

    /// Only lines that contain this text, in any case: a messageId, a reason, a request id.
    #[arg(long, value_name = "TEXT")]
    pub(super) search: Option<String>,
}

impl Filter {
    /// Whether a line is shown.
    pub(super) fn matches(&self, line: &LogLine) -> bool {
        let has_status =
            self.status.is_empty() || self.status.iter().any(|status| line.has_status(*status));
        let has_text = match &self.search {
            None => true,
            Some(text) => line.json().to_lowercase().contains(&text.to_lowercase()),
        };
        has_status && has_text
    }
}
