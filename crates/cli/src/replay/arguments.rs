//! The arguments of `replay`.

use std::path::PathBuf;
use std::time::Duration;

use super::filter::Filter;
use crate::harness;

/// Sends recorded Segment messages to Klaviyo, with the rules and the delivery of the Lambda
/// function.
///
/// Files hold messages on lines of their own (NDJSON) or as an array, Lambda events or messages of an
/// SQS queue, gzipped or not. A directory includes all .ndjson, .json, .log and .gz files below it,
/// in name order. A replay to a real Klaviyo keeps a checkpoint: after a stop or a kill, the same
/// command resumes there.
#[derive(clap::Args)]
#[command(
    after_help = "Exit code: 0 if every message is delivered or ignored; 1 if a message is rejected, unreadable or \
    given up, or the replay is not finished; 2 if it could not run.\n\n\
    Examples:\n  \
    segment-klaviyo replay --dry-run archive/\n  \
    KLAVIYO_API_KEY=pk_… segment-klaviyo replay --klaviyo-url URL --backfill archive/"
)]
pub(crate) struct Arguments {
    /// Files of messages, or directories of such files; `-` is stdin.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) filter: Filter,

    /// Marks every event as backfill, so that it triggers no flows.
    #[arg(long)]
    pub(super) backfill: bool,

    /// Applies the rules and reports the results; sends nothing.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// The number of messages in a batch.
    #[arg(long = "batch", value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) batch_size: u32,

    /// Stops after this time without progress, such as 90s, 15m or 4h.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    pub(super) give_up_after: Duration,

    /// Stops at the first line that is not a message.
    #[arg(long)]
    pub(super) strict: bool,

    /// The checkpoint's file; by default beside the first file, as FILE.replay.json.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Option<PathBuf>,

    /// Ignores the checkpoint and starts from the beginning.
    #[arg(long)]
    pub(super) restart: bool,

    /// Prints the report as JSON.
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) harness: harness::Options,
}

/// Parses a whole number of seconds, minutes or hours.
fn parse_duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a number of seconds, minutes or hours, such as 90s, 15m or 4h";
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(EXPECTED)?;
    let number: u32 = number.parse().map_err(|_| EXPECTED)?;
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(EXPECTED.to_owned()),
    };
    Ok(Duration::from_secs(u64::from(number) * unit_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("4h", Some(14_400)),
            ("0s", Some(0)),
            ("4", None),
            ("h", None),
            ("", None),
            ("4d", None),
            ("-1s", None),
            ("4ü", None),
        ] {
            assert_eq!(
                parse_duration(text).ok(),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
