//! The progress of a replay on stderr: a bar on a terminal, otherwise a line from time to time.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The least time between two lines, where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

const TEMPLATE: &str = "  {bar:30} {percent:>3}% of {total_bytes}  {msg}  {eta} left";

/// Shows the progress of a replay.
#[derive(Clone)]
pub(super) struct ProgressDisplay {
    /// `None` if stderr is not a terminal.
    bar: Option<ProgressBar>,
    total_bytes: u64,
    started: Instant,
    last_line: Instant,
    /// The messages of earlier runs.
    messages_before: u64,
}

impl ProgressDisplay {
    /// A display for `total_bytes`, of which an earlier run has done `bytes`, with so many
    /// messages.
    pub(super) fn new(total_bytes: u64, bytes: u64, messages: u64) -> Self {
        let now = Instant::now();
        ProgressDisplay {
            bar: std::io::stderr()
                .is_terminal()
                .then(|| new_bar(total_bytes, bytes)),
            total_bytes,
            started: now,
            last_line: now,
            messages_before: messages,
        }
    }

    /// Shows how many bytes and messages are done.
    pub(super) fn update(&mut self, bytes: u64, messages: u64) {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = (messages - self.messages_before) as f64 / seconds;
        let text = format!("{messages} messages, {rate:.0}/s");
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(text);
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            let percent = bytes.saturating_mul(100) / self.total_bytes.max(1);
            anstream::eprintln!("{percent}%: {text}");
        }
    }

    /// Prints a line above the bar.
    pub(super) fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => anstream::eprintln!("{text}"),
        }
    }

    /// Removes the bar, so that the report comes last.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(total_bytes: u64, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar.set_position(bytes);
    bar.reset_eta();
    bar
}
