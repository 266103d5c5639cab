//! How a replay is asked for.

use std::path::PathBuf;
use std::time::Duration;

use super::filter::Filter;
use crate::harness;

/// Sends recorded Segment messages to Klaviyo, by the same rules and with the same care as the Lambda function.
///
/// Files hold one message a line (NDJSON), gzipped or not; a directory stands for all .ndjson, .json, .log and
/// .gz files below it, in name order. To a real Klaviyo it keeps a checkpoint: started again after a stop or a
/// kill it goes on where it was.
#[derive(clap::Args)]
#[command(
    after_help = "Exit code: 0 all is delivered or ignored; 1 something is rejected, unreadable, given up or not \
    finished; 2 it could not run.\n\n\
    Examples:\n  \
    segment-klaviyo replay --dry-run archive/\n  \
    KLAVIYO_API_KEY=pk_… segment-klaviyo replay --klaviyo-url https://a.klaviyo.com --backfill archive/"
)]
pub(crate) struct Arguments {
    /// Files of messages, or directories of such files.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) filter: Filter,

    /// Makes every event one that fires no flows.
    #[arg(long)]
    pub(super) backfill: bool,

    /// Decides by the rules and reports; sends nothing.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Messages in one delivery.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) batch: u32,

    /// Stops when for so long nothing gets any further, such as 90s, 15m or 4h.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(super) give_up_after: Duration,

    /// Stops at the first line that is no message.
    #[arg(long)]
    pub(super) strict: bool,

    /// Where the checkpoint is, if not beside the first file as FILE.replay.json.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Option<PathBuf>,

    /// Begins anew, whatever the checkpoint says.
    #[arg(long)]
    pub(super) restart: bool,

    /// Reports as JSON.
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) harness: harness::Options,
}

/// A whole number of seconds, minutes or hours.
fn duration(text: &str) -> Result<Duration, String> {
    let expected =
        || "expected a number of seconds, minutes or hours, such as 90s, 15m or 4h".to_owned();
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(expected)?;
    let number: u32 = number.parse().map_err(|_| expected())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(expected()),
    };
    Ok(Duration::from_secs(u64::from(number) * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_have_a_unit() {
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
                duration(text).ok(),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
