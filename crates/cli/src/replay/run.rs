//! From the first line to the last: read a batch, send it, write down that it is done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use segment_klaviyo::batch;
use segment_klaviyo::settings::RuleSettings;
use time::OffsetDateTime;

use super::arguments::Arguments;
use super::batch::{Batch, ReplayMessage, next};
use super::checkpoint::{Checkpoint, Done};
use super::deliver::{Courier, End};
use super::lines::{Lines, Position};
use super::progress::Progress;
use super::report::{Report, StandInHolds, seconds};
use super::stop::Stop;
use super::tally::place;
use crate::harness::Harness;

/// A replay, from where its checkpoint is.
pub(super) struct Run<'a> {
    arguments: &'a Arguments,
    checkpoint: Checkpoint,
    path: Option<PathBuf>,
    started: Instant,
    /// Messages that an earlier run had read.
    before: u64,
}

/// What a batch goes through.
enum Through<'d> {
    /// The rules alone.
    RuleSettings(&'d RuleSettings),
    /// The function.
    Function(Courier<'d>, &'d Harness),
}

impl<'a> Run<'a> {
    pub(super) fn new(
        arguments: &'a Arguments,
        checkpoint: Checkpoint,
        path: Option<PathBuf>,
    ) -> Self {
        let before = checkpoint.tally.read;
        Run {
            arguments,
            checkpoint,
            path,
            started: Instant::now(),
            before,
        }
    }

    /// Decides by the rules, and sends nothing.
    pub(super) async fn decide(self, rules: &RuleSettings) -> Result<Report, String> {
        self.all(Through::RuleSettings(rules)).await
    }

    /// Sends to Klaviyo what the rules decide.
    pub(super) async fn send(self, harness: &Harness) -> Result<Report, String> {
        let courier = Courier {
            destination: harness.destination(),
            decided_at: self.decided_at(),
            patience: self.arguments.give_up_after,
            calls: self.checkpoint.tally.calls,
        };
        self.all(Through::Function(courier, harness)).await
    }

    async fn all(mut self, mut through: Through<'_>) -> Result<Report, String> {
        // Nothing is sent before it is known that the checkpoint can be written, and that of a run before is gone.
        self.save()?;
        let sources = self.checkpoint.sources.clone();
        let mut lines = Lines::from(&sources, self.checkpoint.position);
        let mut known: BTreeMap<Position, Vec<String>> = self
            .checkpoint
            .done
            .drain(..)
            .map(|done| (done.at, done.labels))
            .collect();
        let total = sources.iter().map(|source| source.bytes).sum();
        let mut progress = Progress::new(total, lines.bytes(), self.checkpoint.tally.read);
        let mut stop = Stop::listen({
            let progress = progress.clone();
            move || progress.say("finishing what is under way; Ctrl-C again ends at once")
        });
        let Arguments {
            batch: most,
            filter,
            strict,
            ..
        } = self.arguments;
        let mut tally = None;
        loop {
            let Some(mut batch) = next(&mut lines, *most as usize, filter, *strict) else {
                self.checkpoint.finished = true;
                self.save()?;
                break;
            };
            if stop.is_asked() {
                break;
            }
            for message in &mut batch.messages {
                message.done = known.remove(&message.at).unwrap_or_default();
            }
            match self
                .one(&mut batch, &mut through, &known, &mut stop, &progress)
                .await?
            {
                End::Finished => {}
                End::Stopped => break,
                End::GivenUp => {
                    let mut given_up = self.checkpoint.tally.clone();
                    given_up.count(&batch, &sources);
                    tally = Some(given_up);
                    break;
                }
            }
            self.checkpoint.tally.count(&batch, &sources);
            self.checkpoint.position = batch.end;
            self.checkpoint.done = done(&[], &known);
            let source = batch
                .ended_by
                .as_ref()
                .and_then(|line| Some((sources.get(line.at.file)?, line.at)));
            self.checkpoint.mended_after = source.and_then(|(source, at)| source.before(at));
            self.save()?;
            progress.show(lines.bytes(), self.checkpoint.tally.read);
            if let Some(line) = &batch.ended_by {
                let mut ended = self.checkpoint.tally.clone();
                ended.count_unreadable(line, &sources);
                tally = Some(ended);
                break;
            }
            tokio::task::yield_now().await;
        }
        progress.clear();
        let holds = match through {
            Through::Function(_, harness) if self.arguments.harness.klaviyo_url().is_none() => {
                Some(holds(harness))
            }
            _ => None,
        };
        let report = self.report();
        Ok(Report {
            stand_in: holds,
            tally: tally.unwrap_or(report.tally),
            ..report
        })
    }

    /// Sends one batch. What is done of it so far is written down whenever it has to wait.
    async fn one(
        &mut self,
        batch: &mut Batch,
        through: &mut Through<'_>,
        known: &BTreeMap<Position, Vec<String>>,
        stop: &mut Stop,
        progress: &Progress,
    ) -> Result<End, String> {
        let (courier, harness) = match through {
            Through::Function(courier, harness) => (courier, harness),
            Through::RuleSettings(rules) => {
                decide(&mut batch.messages, rules, self.decided_at());
                return Ok(End::Finished);
            }
        };
        let end = courier
            .deliver(&mut batch.messages, stop, |wait| {
                self.checkpoint.done = done(wait.messages, known);
                self.checkpoint.tally.calls = wait.calls;
                let then = wait.pause.map_or_else(
                    || "given up".to_owned(),
                    |pause| format!("wait {}", seconds(pause)),
                );
                progress.say(&format!("{}; {} {then}", wait.cause, wait.left));
                self.save()
            })
            .await?;
        self.checkpoint.tally.calls = courier.calls;
        harness.stand_in().state().requests.clear();
        Ok(end)
    }

    fn decided_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.checkpoint.decided_at)
            .unwrap_or_else(|_| OffsetDateTime::now_utc())
    }

    fn save(&self) -> Result<(), String> {
        self.path
            .as_ref()
            .map_or(Ok(()), |path| self.checkpoint.write(path))
    }

    /// What it came to so far.
    pub(super) fn report(self) -> Report {
        let Checkpoint {
            sources,
            tally,
            position,
            finished,
            ..
        } = self.checkpoint;
        Report {
            finished,
            dry_run: self.arguments.dry_run,
            files: sources.len(),
            seconds: self.started.elapsed().as_secs_f64(),
            goes_on_at: (!finished).then(|| place(&sources, position)),
            tally,
            read_before: self.before,
            restarted: self.arguments.restart,
            checkpoint: self.path,
            stand_in: None,
        }
    }
}

fn decide(messages: &mut [ReplayMessage], rules: &RuleSettings, decided_at: OffsetDateTime) {
    let parcels: Vec<_> = messages
        .iter()
        .map(|message| message.parcel(decided_at))
        .collect();
    let ended = batch::decide(&parcels, rules).ended;
    for (message, ended) in messages.iter_mut().zip(ended) {
        message.ended = Some(ended);
    }
}

/// What is done of these messages, and of those that an earlier run came to and this one has not yet.
fn done(messages: &[ReplayMessage], known: &BTreeMap<Position, Vec<String>>) -> Vec<Done> {
    let here = messages.iter().filter(|message| !message.done.is_empty());
    let here = here.map(|message| Done {
        at: message.at,
        labels: message.done.clone(),
    });
    here.chain(known.iter().map(|(at, labels)| Done {
        at: *at,
        labels: labels.clone(),
    }))
    .collect()
}

fn holds(harness: &Harness) -> StandInHolds {
    let held = harness.stand_in().state();
    let account = &held.account;
    StandInHolds {
        events: account.events.len(),
        profiles: account.profiles.len(),
        subscriptions: account.consents.len(),
    }
}
