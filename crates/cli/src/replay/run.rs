//! One run of a replay: reads, sends and saves one batch after another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use segment_klaviyo::klaviyo::OperationId;
use segment_klaviyo::settings::RuleSettings;
use time::OffsetDateTime;

use super::arguments::Arguments;
use super::batch_sender::{BatchEnd, BatchSender, RetryPause};
use super::checkpoint::{Checkpoint, CompletedOperations};
use super::lines::Lines;
use super::read_batch::read_batch;
use super::record::{self, Batch, ReplayMessage};
use super::report::{Report, StandInContent, counted, duration_text};
use super::source::{Position, SourceFile};
use super::stats::{Stats, location};
use super::stop::StopSignal;
use crate::harness::Harness;
use crate::progress::{self, ProgressDisplay};

/// A run, from the position of its checkpoint on.
pub(super) struct Replay<'a> {
    arguments: &'a Arguments,
    checkpoint: Checkpoint,
    path: Option<PathBuf>,
    started: Instant,
    /// The number of messages that earlier runs had read.
    read_before: u64,
}

/// The receiver of the batches.
enum Target<'t> {
    /// The rules alone.
    Rules(&'t RuleSettings),
    /// The function, which sends to Klaviyo.
    Function(BatchSender<'t>),
}

/// The ids of completed operations, by the positions of their messages.
type CompletedByPosition = BTreeMap<Position, Vec<OperationId>>;

impl<'a> Replay<'a> {
    pub(super) fn new(
        arguments: &'a Arguments,
        checkpoint: Checkpoint,
        path: Option<PathBuf>,
    ) -> Self {
        let read_before = checkpoint.totals.stats.read;
        Replay {
            arguments,
            checkpoint,
            path,
            started: Instant::now(),
            read_before,
        }
    }

    /// Applies the rules to all messages and sends nothing.
    pub(super) async fn dry_run(mut self, rules: &RuleSettings) -> Result<Report, String> {
        let stats = self.run(Target::Rules(rules)).await?;
        let mut report = self.report();
        report.stats = stats;
        Ok(report)
    }

    /// Sends all messages to Klaviyo.
    pub(super) async fn send(mut self, harness: &Harness) -> Result<Report, String> {
        let sender = BatchSender {
            harness,
            first_seen_at: self.first_seen_at(),
            give_up_after: self.arguments.give_up_after,
            requests: self.checkpoint.totals.requests,
        };
        let stats = self.run(Target::Function(sender)).await?;
        let is_stand_in = self.arguments.harness.klaviyo_url().is_none();
        let mut report = self.report();
        report.stats = stats;
        if is_stand_in {
            report.stand_in = Some(content_of(harness));
        }
        Ok(report)
    }

    /// Runs all batches and returns the results. Those of messages that the next run sends again
    /// are not part of the checkpoint.
    async fn run(&mut self, mut target: Target<'_>) -> Result<Stats, String> {
        // Before anything is sent: a checkpoint that cannot be written ends the run, and after
        // --restart the finished one must be gone.
        self.save()?;
        let sources = self.checkpoint.sources.clone();
        let mut lines = Lines::new(&sources, self.checkpoint.position);
        let mut completed_before = self.take_completed();
        let total_bytes = sources.iter().map(|source| source.bytes).sum();
        let read = self.checkpoint.totals.stats.read;
        let mut progress = ProgressDisplay::of_bytes(total_bytes, lines.bytes_read(), read);
        let mut stop = listen_for_stop(&progress);
        let Arguments {
            batch_size,
            filter,
            strict,
            ..
        } = self.arguments;

        loop {
            let Some(mut batch) = read_batch(&mut lines, *batch_size as usize, filter, *strict)
            else {
                self.checkpoint.finished = true;
                self.save()?;
                break;
            };
            if stop.is_requested() {
                break;
            }
            for message in &mut batch.messages {
                if let Some(operation_ids) = completed_before.remove(&message.position) {
                    message.completed = operation_ids;
                }
            }
            let end = match &mut target {
                Target::Rules(rules) => {
                    record::decide(&mut batch.messages, rules, self.first_seen_at());
                    BatchEnd::Finished
                }
                Target::Function(sender) => {
                    self.send_batch(&mut batch, sender, &completed_before, &mut stop, &progress)
                        .await?
                }
            };
            match end {
                BatchEnd::Finished => {}
                BatchEnd::Stopped => break,
                BatchEnd::GivenUp => {
                    progress.clear();
                    let mut stats = self.checkpoint.totals.stats.clone();
                    stats.count(&batch, &sources);
                    return Ok(stats);
                }
            }
            self.finish_batch(&batch, &sources, &completed_before)?;
            progress.update(lines.bytes_read(), self.checkpoint.totals.stats.read);
            if let Some(line) = &batch.stopped_at {
                progress.clear();
                let mut stats = self.checkpoint.totals.stats.clone();
                stats.count_unreadable(line, &sources);
                return Ok(stats);
            }
            // A dry run never waits, so signals would not be handled otherwise.
            tokio::task::yield_now().await;
        }
        progress.clear();
        Ok(self.checkpoint.totals.stats.clone())
    }

    /// Sends one batch, and saves the completed operations whenever it has to wait.
    async fn send_batch(
        &mut self,
        batch: &mut Batch,
        sender: &mut BatchSender<'_>,
        completed_before: &CompletedByPosition,
        stop: &mut StopSignal,
        progress: &ProgressDisplay,
    ) -> Result<BatchEnd, String> {
        let mut display = progress.clone();
        let sending = sender.send(&mut batch.messages, stop, |pause| {
            self.checkpoint.completed = completed_operations(pause.messages, completed_before);
            self.checkpoint.totals.requests = pause.requests;
            progress.print(&pause_text(&pause));
            self.save()
        });
        let end = progress::watch(sending, |elapsed| {
            let duration = duration_text(elapsed);
            display.wait(&format!("waiting for Klaviyo, {duration} with this batch"));
        })
        .await?;
        self.checkpoint.totals.requests = sender.requests;
        // Without a real Klaviyo, the stand-in would keep every request until the end.
        sender.harness.stand_in().state().requests.clear();
        Ok(end)
    }

    /// Saves that a batch is finished.
    fn finish_batch(
        &mut self,
        batch: &Batch,
        sources: &[SourceFile],
        completed_before: &CompletedByPosition,
    ) -> Result<(), String> {
        self.checkpoint.totals.stats.count(batch, sources);
        self.checkpoint.position = batch.end;
        self.checkpoint.completed = completed_operations(&[], completed_before);
        self.save()
    }

    /// Takes the operations that an earlier run completed out of the checkpoint. Its batch may have
    /// been larger than the next one of this run, so they stay known until their messages are read.
    fn take_completed(&mut self) -> CompletedByPosition {
        let mut completed = CompletedByPosition::new();
        for message in self.checkpoint.completed.drain(..) {
            completed.insert(message.position, message.operation_ids);
        }
        completed
    }

    fn first_seen_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.checkpoint.first_seen_at)
            .unwrap_or_else(|_| OffsetDateTime::now_utc())
    }

    fn save(&self) -> Result<(), String> {
        match &self.path {
            Some(path) => self.checkpoint.write(path),
            None => Ok(()),
        }
    }

    /// Returns the report by the checkpoint.
    pub(super) fn report(self) -> Report {
        let checkpoint = self.checkpoint;
        let resume_at = if checkpoint.finished {
            None
        } else {
            Some(location(&checkpoint.sources, checkpoint.position))
        };
        Report {
            finished: checkpoint.finished,
            dry_run: self.arguments.dry_run,
            files: checkpoint.sources.len(),
            stats: checkpoint.totals.stats,
            requests: checkpoint.totals.requests,
            klaviyo: self.arguments.harness.klaviyo(),
            read_before: self.read_before,
            seconds: self.started.elapsed().as_secs_f64(),
            resume_at,
            restarted: self.arguments.restart,
            checkpoint: self.path,
            stand_in: None,
        }
    }
}

fn listen_for_stop(progress: &ProgressDisplay) -> StopSignal {
    let progress = progress.clone();
    StopSignal::listen(move || {
        progress.print("finishing the current batch; press Ctrl-C again to quit now");
    })
}

/// Returns the completed operations of the messages of a batch, and those of later messages that an
/// earlier run completed.
fn completed_operations(
    messages: &[ReplayMessage],
    completed_before: &CompletedByPosition,
) -> Vec<CompletedOperations> {
    let mut completed = Vec::new();
    for message in messages {
        if !message.completed.is_empty() {
            completed.push(CompletedOperations {
                position: message.position,
                operation_ids: message.completed.clone(),
            });
        }
    }
    for (position, operation_ids) in completed_before {
        completed.push(CompletedOperations {
            position: *position,
            operation_ids: operation_ids.clone(),
        });
    }
    completed
}

fn pause_text(pause: &RetryPause) -> String {
    let messages = counted(pause.unsettled as u64, "message");
    match pause.pause {
        Some(duration) => format!(
            "{}; retrying {messages} in {}",
            pause.reason,
            duration_text(duration)
        ),
        None => format!("{}; giving up on {messages}", pause.reason),
    }
}

fn content_of(harness: &Harness) -> StandInContent {
    let state = harness.stand_in().state();
    StandInContent {
        events: state.account.events.len(),
        profiles: state.account.profiles.len(),
        subscriptions: state.account.consents.len(),
    }
}
