//! `tail`: the function's log as lines that people read.

mod filter;
mod line;
mod source;

use anstream::println;

use crate::setting_arguments::SettingArguments;
use filter::Filter;
use line::LogLine;
use source::Source;

/// Shows the log of a deployed function, of `serve --log FILE`, or any that stdin brings.
///
/// Each delivery and each rejected message becomes a line. Lines that are not the function's are left
/// out.
#[derive(clap::Args)]
#[command(
    after_help = "Examples: segment-klaviyo tail --env prod --status rejected\n          sam logs --tail --stack-name segment-klaviyo-prod | segment-klaviyo tail --search order"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    filter: Filter,

    /// Prints the lines of the log as they are.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: SettingArguments,
}

/// Prints the lines until the log ends.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let mut lines = arguments.source.open(&arguments.settings)?;
    while let Some(text) = lines.next_line()? {
        let Some(line) = LogLine::parse(&text) else {
            continue;
        };
        if !arguments.filter.matches(&line) {
            continue;
        }
        if arguments.json {
            println!("{}", line.json());
        } else {
            println!("{}", line.text());
        }
    }
    Ok(())
}
