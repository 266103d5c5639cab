//! The report at the end of a replay, as text and for scripts.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::stats::Stats;
use crate::harness::KlaviyoName;

/// The results of a replay.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether nothing is left to do.
    pub(super) finished: bool,
    /// Whether the rules were applied and nothing was sent.
    pub(super) dry_run: bool,
    /// The number of files.
    pub(super) files: usize,
    #[serde(flatten)]
    pub(super) stats: Stats,
    /// The number of requests to Klaviyo.
    pub(super) requests: u64,
    /// The Klaviyo that gets them: its URL, or `a stand-in on this machine`.
    pub(super) klaviyo: KlaviyoName,
    /// The number of messages that earlier runs had read.
    pub(super) read_before: u64,
    /// The duration of this run.
    pub(super) seconds: f64,
    /// The line at which the next run resumes, as `file:line`.
    pub(super) resume_at: Option<String>,
    /// Whether this run was started with `--restart`.
    #[serde(skip)]
    pub(super) restarted: bool,
    /// The file with the progress.
    pub(super) checkpoint: Option<PathBuf>,
    /// The content of the stand-in, if that played Klaviyo.
    pub(super) stand_in: Option<StandInContent>,
}

/// The content of the stand-in's account.
#[derive(Debug, Serialize)]
pub(super) struct StandInContent {
    pub(super) events: usize,
    pub(super) profiles: usize,
    pub(super) subscriptions: usize,
}

impl Report {
    /// The report as text.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.headline(), String::new()];
        lines.extend(self.outcome_rows());
        if !self.stats.examples.is_empty() {
            lines.push(String::new());
        }
        for example in &self.stats.examples {
            let id = match &example.message_id {
                Some(id) => format!(" ({id})"),
                None => String::new(),
            };
            let outcome = example.outcome.replace('_', " ");
            lines.push(format!(
                "  {}{id}: {outcome}: {}",
                example.at, example.detail
            ));
        }
        if let Some(content) = &self.stand_in {
            lines.push(format!(
                "\n  The stand-in received {}, {} and {}; it keeps nothing.",
                counted(content.events as u64, "event"),
                counted(content.profiles as u64, "profile"),
                counted(content.subscriptions as u64, "subscription")
            ));
        }
        if let Some(resume_at) = &self.resume_at {
            lines.push(format!("\n  Not finished: {}", self.next_step(resume_at)));
        }
        lines.join("\n")
    }

    fn headline(&self) -> String {
        let title = if self.dry_run { "Dry run" } else { "Replayed" };
        let mut messages = counted(self.stats.read, "message");
        if self.read_before > 0 {
            let before = grouped(self.read_before);
            messages = format!("{messages} ({before} of them in earlier runs)");
        }
        format!(
            "{title}: {messages} from {} in {}, {}",
            counted(self.files as u64, "file"),
            duration_text(Duration::from_secs_f64(self.seconds)),
            match self.dry_run {
                true => "nothing is sent".to_owned(),
                false => format!("{} to {}", counted(self.requests, "request"), self.klaviyo),
            }
        )
    }

    fn outcome_rows(&self) -> Vec<String> {
        let stats = &self.stats;
        let delivered = if self.dry_run {
            "to deliver"
        } else {
            "delivered"
        };
        let mut rows = Vec::new();
        for (title, outcome, count) in [
            (delivered, "delivered", stats.delivered),
            ("ignored", "ignored", stats.ignored),
            ("rejected", "rejected", stats.rejected),
            ("given up", "given_up", stats.given_up),
            ("unreadable", "unreadable", stats.unreadable),
            ("left out", "left_out", stats.left_out),
        ] {
            if count == 0 && outcome != "delivered" {
                continue;
            }
            let mut reasons = Vec::new();
            for (reason, count) in stats.reasons.get(outcome).into_iter().flatten() {
                reasons.push(format!("{reason} {}", grouped(*count)));
            }
            let row = format!("  {title:11}{:>12}  {}", grouped(count), reasons.join(", "));
            rows.push(row.trim_end().to_owned());
        }
        rows
    }

    fn next_step(&self, resume_at: &str) -> String {
        let Some(checkpoint) = &self.checkpoint else {
            return format!("stopped at {resume_at}.");
        };
        let without_restart = if self.restarted {
            " without --restart"
        } else {
            ""
        };
        let checkpoint = checkpoint.display();
        format!(
            "run the same command{without_restart} to resume at {resume_at} (progress saved in {checkpoint})."
        )
    }
}

/// Returns a number with its noun: `1,000 messages`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Returns a number with separators between its thousands: `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a duration in the unit that people would use: `5.0 s`, `12 min`.
pub(super) fn duration_text(duration: Duration) -> String {
    match duration.as_secs() {
        0..=9 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_resume_has_no_restart() {
        for (restarted, expected) in [
            (false, "run the same command to resume at a.ndjson:2"),
            (
                true,
                "run the same command without --restart to resume at a.ndjson:2",
            ),
        ] {
            let report = Report {
                finished: false,
                dry_run: false,
                files: 1,
                stats: Stats::default(),
                requests: 0,
                klaviyo: KlaviyoName::StandIn,
                read_before: 0,
                seconds: 1.0,
                resume_at: Some("a.ndjson:2".to_owned()),
                restarted,
                checkpoint: Some("a.ndjson.replay.json".into()),
                stand_in: None,
            };
            assert!(report.text().contains(expected), "{}", report.text());
        }
    }

    #[test]
    fn thousands_are_separated() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}
