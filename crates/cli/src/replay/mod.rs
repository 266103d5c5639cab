//! `replay`: recorded Segment messages to Klaviyo.

mod arguments;
mod batch;
mod checkpoint;
mod deliver;
mod filter;
mod input;
mod lines;
mod progress;
mod report;
mod run;
mod stop;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use segment_klaviyo::settings::{RuleSettings, VARIABLES};
use time::OffsetDateTime;

pub(crate) use arguments::Arguments;
use checkpoint::Checkpoint;
use report::Report;
use run::Run;

use crate::harness::{Harness, StartOptions};
use crate::output;

/// One try of a delivery takes no longer. A minute is what Klaviyo's steady rate limits count by, and Ctrl-C
/// should not wait so long.
const BUDGET_MS: &str = "30000";

/// Whether everything is delivered or ignored.
pub(crate) async fn run(arguments: Arguments) -> Result<bool, String> {
    let is_json = arguments.json;
    let report = replay(arguments).await?;
    let text = if is_json {
        serde_json::to_string_pretty(&report).unwrap_or_default()
    } else {
        report.text()
    };
    output::line(&text);
    Ok(report.finished && report.tally.is_clean())
}

async fn replay(arguments: Arguments) -> Result<Report, String> {
    for queue in ["RETRY_QUEUE_URL", "DEAD_LETTER_QUEUE_URL"] {
        if arguments.harness.chosen(queue).is_some() {
            return Err(format!(
                "{queue}: a replay needs no queue, it keeps what is not finished itself"
            ));
        }
    }
    let path = checkpoint_path(&arguments);
    let now = Checkpoint::new(
        input::sources(
            &arguments.files,
            arguments.checkpoint.as_deref().or(path.as_deref()),
        )?,
        given(&arguments),
        OffsetDateTime::now_utc().unix_timestamp(),
    );
    let _lock = path.as_deref().map(checkpoint::lock).transpose()?;
    let before = match &path {
        // What is no checkpoint is not written over, not even to begin anew.
        Some(path) => Checkpoint::read(path)?.filter(|_| !arguments.restart),
        None => None,
    };
    let checkpoint = match (before, &path) {
        (Some(mut before), Some(path)) => {
            before.fits(&now).map_err(|why| {
                let path = path.display();
                format!("{path}: cannot go on, because {why}; --restart begins anew, --checkpoint names another")
            })?;
            before.sources = now.sources;
            before
        }
        _ => now,
    };
    if checkpoint.finished {
        output::note("all of it was replayed before; --restart sends it again");
        return Ok(Run::new(&arguments, checkpoint, path).report());
    }
    let run = Run::new(&arguments, checkpoint, path);
    if arguments.dry_run {
        let mut rules = arguments.harness.rules()?;
        fire_no_flows(&arguments, &mut rules);
        return run.decide(&rules).await;
    }
    let way = StartOptions {
        defaults: &[("DELIVERY_BUDGET_MS", BUDGET_MS)],
        unseen: true,
        ..StartOptions::default()
    };
    let mut harness = Harness::start_with(&arguments.harness, way).await?;
    fire_no_flows(&arguments, harness.rules_mut());
    run.send(&harness).await
}

fn fire_no_flows(arguments: &Arguments, rules: &mut RuleSettings) {
    if arguments.backfill {
        rules.backfill_after = Some(Duration::ZERO);
    }
}

/// Where the checkpoint is. The stand-in forgets everything, so there is none of a replay to it, unless it is
/// asked for.
fn checkpoint_path(arguments: &Arguments) -> Option<PathBuf> {
    let first = || arguments.files.first().map(|path| checkpoint::beside(path));
    match (
        arguments.dry_run,
        &arguments.checkpoint,
        arguments.harness.klaviyo_url(),
    ) {
        (true, ..) => None,
        (_, Some(path), _) => Some(path.clone()),
        (_, None, Some(_)) => first(),
        (_, None, None) => None,
    }
}

/// What decides what is sent, and where to: a replay that goes on must have the same.
fn given(arguments: &Arguments) -> BTreeMap<String, String> {
    let settings = VARIABLES.iter().map(|(name, _)| (*name).to_owned());
    let settings = settings.filter(|name| name != "DELIVERY_BUDGET_MS");
    let settings =
        settings.filter_map(|name| arguments.harness.chosen(&name).map(|value| (name, value)));
    let backfill = arguments
        .backfill
        .then(|| ("--backfill".to_owned(), "given".to_owned()));
    let url = arguments
        .harness
        .klaviyo_url()
        .map(|url| ("--klaviyo-url".to_owned(), url.to_owned()));
    settings
        .chain(arguments.filter.given())
        .chain(backfill)
        .chain(url)
        .collect()
}
