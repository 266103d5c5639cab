//! `replay`: sends recorded Segment messages to Klaviyo, and resumes after an interruption.

mod arguments;
mod batch_sender;
mod checkpoint;
mod checkpoint_path;
mod file_form;
mod filter;
mod lines;
mod read_batch;
mod record;
mod report;
mod run;
mod source;
mod stats;
mod stop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use segment_klaviyo::settings::VARIABLES;
use time::OffsetDateTime;

pub(crate) use arguments::Arguments;
use checkpoint::Checkpoint;
use report::Report;
use run::Replay;

use crate::harness::{Harness, StartOptions};
use crate::overrides::SettingOverrides;
use crate::{input, output};

/// The time for one attempt at a batch. Klaviyo's steady rate limits count by the minute, and
/// Ctrl-C should not wait that long.
const DELIVERY_BUDGET_MS: &str = "30000";

/// Replays, prints the report, and returns whether every message is delivered or ignored.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let report = replay(&arguments).await?;
    let text = if arguments.json {
        output::json(&report)
    } else {
        report.text()
    };
    output::line(&text);
    Ok(report.finished && report.stats.is_clean())
}

async fn replay(arguments: &Arguments) -> Result<Report, String> {
    let overrides = arguments.harness.overrides()?;
    for queue in ["RETRY_QUEUE_URL", "DEAD_LETTER_QUEUE_URL"] {
        if overrides.value_of(queue).is_some() {
            return Err(format!(
                "{queue}: a replay uses no queue; its checkpoint keeps unfinished messages"
            ));
        }
    }
    let path = checkpoint_path(arguments);
    let own_checkpoint = arguments.checkpoint.as_deref().or(path.as_deref());
    let sources = source::find_sources(&arguments.files, own_checkpoint)?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut checkpoint = Checkpoint::new(sources, fixed_options(arguments, &overrides), now);
    let _lock = path.as_deref().map(checkpoint::lock).transpose()?;
    if let Some(path) = &path {
        // It is read even for --restart, so that a file that is not a checkpoint is never
        // overwritten.
        if let Some(saved) = Checkpoint::read(path)?
            && !arguments.restart
        {
            checkpoint = resume(saved, checkpoint, path)?;
        }
    }

    if checkpoint.finished {
        output::note("already replayed; use --restart to send everything again");
        return Ok(Replay::new(arguments, checkpoint, path).report());
    }
    let mut rules = overrides.rules()?;
    if arguments.backfill {
        rules.backfill_after = Some(Duration::ZERO);
    }
    let replay = Replay::new(arguments, checkpoint, path);
    if arguments.dry_run {
        return replay.dry_run(&rules).await;
    }
    let start = StartOptions {
        defaults: &[("DELIVERY_BUDGET_MS", DELIVERY_BUDGET_MS)],
        rules: Some(rules),
        direct: true,
        ..StartOptions::default()
    };
    let harness = Harness::start_with(&arguments.harness, start).await?;
    output::info(&format!("sends to {}", arguments.harness.klaviyo()));
    replay.send(&harness).await
}

/// Returns the saved checkpoint with the files as they are now, unless this replay differs from the
/// saved one.
fn resume(mut saved: Checkpoint, new: Checkpoint, path: &Path) -> Result<Checkpoint, String> {
    saved.check_same_replay(&new).map_err(|reason| {
        let path = path.display();
        format!(
            "{path}: cannot resume, because {reason}; use --restart to start from the beginning, \
             or --checkpoint to name another checkpoint"
        )
    })?;
    saved.sources = new.sources;
    Ok(saved)
}

/// The path of the checkpoint. A dry run has none, and neither has a replay to the stand-in, which
/// forgets everything, unless --checkpoint asks for one.
fn checkpoint_path(arguments: &Arguments) -> Option<PathBuf> {
    if arguments.dry_run {
        return None;
    }
    if let Some(path) = &arguments.checkpoint {
        return Some(path.clone());
    }
    arguments.harness.klaviyo_url()?;
    let first = arguments.files.first()?;
    if input::is_stdin(first) {
        output::note(
            "stdin has no place for a checkpoint; name one with --checkpoint, to resume with the same input",
        );
        return None;
    }
    Some(checkpoint_path::beside(first))
}

/// The options that decide which requests are sent, and where to. They must be the same when a
/// replay resumes.
fn fixed_options(arguments: &Arguments, overrides: &SettingOverrides) -> BTreeMap<String, String> {
    let mut options = arguments.filter.options();
    for (name, _) in VARIABLES {
        // The budget changes only the pace.
        if *name != "DELIVERY_BUDGET_MS"
            && let Some(value) = overrides.value_of(name)
        {
            options.insert((*name).to_owned(), value.to_owned());
        }
    }
    if arguments.backfill {
        options.insert("--backfill".to_owned(), "given".to_owned());
    }
    if let Some(url) = arguments.harness.klaviyo_url() {
        options.insert("--klaviyo-url".to_owned(), url.to_owned());
    }
    options
}
