//! The last word of a replay, for a person or a script.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::tally::Tally;

/// What a replay came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether nothing is left to do.
    pub(super) finished: bool,
    /// Whether it was only decided, and nothing sent.
    pub(super) dry_run: bool,
    /// Files that were named.
    pub(super) files: usize,
    #[serde(flatten)]
    pub(super) tally: Tally,
    /// Messages that an earlier run had read.
    pub(super) read_before: u64,
    /// How long this run took.
    pub(super) seconds: f64,
    /// Where the next one goes on, as `file:line`.
    pub(super) goes_on_at: Option<String>,
    /// Whether it was to begin anew, whatever the checkpoint said.
    #[serde(skip)]
    pub(super) restarted: bool,
    /// What keeps that in mind.
    pub(super) checkpoint: Option<PathBuf>,
    /// What the stand-in holds, if that was the target.
    pub(super) stand_in: Option<StandInHolds>,
}

/// What the stand-in's account holds.
#[derive(Debug, Serialize)]
pub(super) struct StandInHolds {
    pub(super) events: usize,
    pub(super) profiles: usize,
    pub(super) subscriptions: usize,
}

impl Report {
    /// The report as text.
    pub(super) fn text(&self) -> String {
        let tally = &self.tally;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |args: std::fmt::Arguments| {
            let _ = writeln!(text, "{args}");
        };
        let what = if self.dry_run {
            "Decided, and sent nothing"
        } else {
            "Replayed"
        };
        let before = format!(" ({} of them before)", grouped(self.read_before));
        line(format_args!(
            "{what}: {}{} from {} in {}, {} to Klaviyo\n",
            count(tally.read, "message"),
            if self.read_before > 0 {
                before.as_str()
            } else {
                ""
            },
            count(self.files as u64, "file"),
            seconds(Duration::from_secs_f64(self.seconds)),
            count(tally.calls, "call")
        ));
        for (name, number, outcome) in [
            ("delivered", tally.delivered, "delivered"),
            ("ignored", tally.ignored, "ignored"),
            ("rejected", tally.rejected, "rejected"),
            ("given up", tally.given_up, "given_up"),
            ("unreadable", tally.unreadable, "unreadable"),
            ("left out", tally.left_out, "left_out"),
        ] {
            let name = if self.dry_run && name == "delivered" {
                "to deliver"
            } else {
                name
            };
            if number > 0 || outcome == "delivered" {
                let reasons = tally.reasons.get(outcome).into_iter().flatten();
                let reasons: Vec<_> = reasons
                    .map(|(reason, count)| format!("{reason} {}", grouped(*count)))
                    .collect();
                let row = format!("  {name:11}{:>12}  {}", grouped(number), reasons.join(", "));
                line(format_args!("{}", row.trim_end()));
            }
        }
        if !tally.examples.is_empty() {
            line(format_args!(""));
        }
        for example in &tally.examples {
            let id = example
                .message_id
                .as_deref()
                .map(|id| format!(" ({id})"))
                .unwrap_or_default();
            let outcome = example.outcome.replace('_', " ");
            line(format_args!(
                "  {}{id}: {outcome}: {}",
                example.at, example.detail
            ));
        }
        if let Some(held) = &self.stand_in {
            let (events, profiles) = (
                count(held.events as u64, "event"),
                count(held.profiles as u64, "profile"),
            );
            let subscriptions = count(held.subscriptions as u64, "subscription");
            line(format_args!(
                "\n  The stand-in holds {events}, {profiles}, {subscriptions}; it forgets them now."
            ));
        }
        match (&self.checkpoint, &self.goes_on_at) {
            (Some(path), Some(at)) => line(format_args!(
                "\n  Not finished: the same command{} goes on at {at} ({} keeps that in mind).",
                if self.restarted {
                    " without --restart"
                } else {
                    ""
                },
                path.display()
            )),
            (None, Some(at)) => line(format_args!("\n  Not finished: it ended at {at}.")),
            _ => {}
        }
        text.trim_end().to_owned()
    }
}

/// A number and what it is of.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number as people read it: 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of time as people say it.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..=9 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_with_the_same_command_without_the_option_that_begins_anew() {
        for (restarted, expected) in [
            (false, "the same command goes on"),
            (true, "command without --restart goes on"),
        ] {
            let report = Report {
                finished: false,
                dry_run: false,
                files: 1,
                tally: Tally::default(),
                read_before: 0,
                seconds: 1.0,
                goes_on_at: Some("a.ndjson:2".to_owned()),
                restarted,
                checkpoint: Some("a.ndjson.replay.json".into()),
                stand_in: None,
            };
            assert!(report.text().contains(expected), "{}", report.text());
        }
    }

    #[test]
    fn numbers_are_grouped() {
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
