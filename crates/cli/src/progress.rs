//! Progress on stderr, so that nobody has to wonder: a bar on a terminal, otherwise a line from time
//! to time.

use std::future::Future;
use std::io::IsTerminal;
use std::pin::pin;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::MissedTickBehavior;

/// The time before the first line, where there is no terminal. Most commands end earlier.
const FIRST_LINE: Duration = Duration::from_secs(3);

/// The least time between two lines, where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The time between two looks at a work that takes long.
const TICK: Duration = Duration::from_secs(1);

const BYTES_TEMPLATE: &str = "  {bar:30} {percent:>3}% of {total_bytes}  {msg}  {eta} left";
const MESSAGES_TEMPLATE: &str = "  {bar:30} {pos} of {len} messages  {eta} left";
const WAIT_TEMPLATE: &str = "  {spinner} {msg}";

/// Shows the progress of a command.
#[derive(Clone)]
pub(crate) struct ProgressDisplay {
    /// `None` if stderr is not a terminal.
    bar: Option<ProgressBar>,
    total: u64,
    started: Instant,
    next_line: Instant,
    /// The messages of earlier runs.
    messages_before: u64,
}

impl ProgressDisplay {
    /// A display for `total` bytes, of which an earlier run has done `bytes`, with so many messages.
    pub(crate) fn of_bytes(total: u64, bytes: u64, messages: u64) -> Self {
        let display = ProgressDisplay::new(total, BYTES_TEMPLATE, messages);
        if let Some(bar) = &display.bar {
            bar.set_position(bytes);
            bar.reset_eta();
        }
        display
    }

    /// A display for so many messages.
    pub(crate) fn of_messages(total: usize) -> Self {
        ProgressDisplay::new(total as u64, MESSAGES_TEMPLATE, 0)
    }

    /// A display for a wait of unknown length.
    pub(crate) fn of_wait() -> Self {
        ProgressDisplay::new(0, WAIT_TEMPLATE, 0)
    }

    fn new(total: u64, template: &str, messages_before: u64) -> Self {
        let now = Instant::now();
        ProgressDisplay {
            bar: std::io::stderr()
                .is_terminal()
                .then(|| new_bar(total, template)),
            total,
            started: now,
            next_line: now + FIRST_LINE,
            messages_before,
        }
    }

    /// Shows how much of the total, and how many messages are done.
    pub(crate) fn update(&mut self, position: u64, messages: u64) {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = (messages - self.messages_before) as f64 / seconds;
        let text = format!("{messages} messages, {rate:.0}/s");
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(text);
        } else if self.is_time_for_line() {
            let percent = position.saturating_mul(100) / self.total.max(1);
            anstream::eprintln!("{percent}%: {text}");
        }
    }

    /// Shows how many of the messages are done.
    pub(crate) fn count(&mut self, messages: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(messages as u64);
        } else if self.is_time_for_line() {
            anstream::eprintln!("{messages} of {} messages", self.total);
        }
    }

    /// Shows for what the command waits.
    pub(crate) fn wait(&mut self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
            bar.tick();
        } else if self.is_time_for_line() {
            anstream::eprintln!("{text}");
        }
    }

    fn is_time_for_line(&mut self) -> bool {
        let now = Instant::now();
        let is_time = now >= self.next_line;
        if is_time {
            self.next_line = now + LINE_INTERVAL;
        }
        is_time
    }

    /// Prints a line above the bar.
    pub(crate) fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => anstream::eprintln!("{text}"),
        }
    }

    /// Removes the bar, so that the report comes last.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Does `work`, and calls `on_tick` every second with the time that it has taken so far.
pub(crate) async fn watch<T>(
    work: impl Future<Output = T>,
    mut on_tick: impl FnMut(Duration),
) -> T {
    let started = Instant::now();
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one comes at once.
    ticks.tick().await;
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = ticks.tick() => on_tick(started.elapsed()),
        }
    }
}
