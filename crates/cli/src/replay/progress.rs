//! How far it is, on stderr: a bar on a terminal, else a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two lines, where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

const BAR: &str = "  {bar:30} {percent:>3}% of {total_bytes}  {msg}  {eta} left";

/// How far a replay is.
#[derive(Clone)]
pub(super) struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
    total: u64,
    started: Instant,
    shown: Instant,
    /// Messages before this run.
    before: u64,
}

impl Progress {
    /// A progress of which so many bytes and messages are done before.
    pub(super) fn new(total: u64, bytes: u64, messages: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_position(bytes);
            bar.reset_eta();
            bar
        });
        let now = Instant::now();
        Progress {
            bar,
            total,
            started: now,
            shown: now,
            before: messages,
        }
    }

    /// So many bytes and messages are done.
    pub(super) fn show(&mut self, bytes: u64, messages: u64) {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = (messages - self.before) as f64 / seconds;
        let text = format!("{messages} messages, {rate:.0}/s");
        match &self.bar {
            Some(bar) => {
                bar.set_position(bytes);
                bar.set_message(text);
            }
            None if self.shown.elapsed() >= PAUSE => {
                self.shown = Instant::now();
                let percent = bytes.saturating_mul(100) / self.total.max(1);
                anstream::eprintln!("{percent}%: {text}");
            }
            None => {}
        }
    }

    /// Something to know meanwhile.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => anstream::eprintln!("{text}"),
        }
    }

    /// The report has the last word.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
