//! `compare`: what other settings would change for many messages, summed up. Nothing is sent.

mod comparison;
mod json_output;
mod rendering;

use std::path::PathBuf;

use segment_klaviyo::settings::RuleSettings;
use time::OffsetDateTime;

use crate::explain::difference::Difference;
use crate::explain::evaluation::evaluate;
use crate::explain::message_title::MessageTitle;
use crate::explain::messages::DeliveryMessages;
use crate::explain::parse_time;
use crate::overrides::SettingOverrides;
use crate::sign::SharedSecret;
use crate::{input, output};
use comparison::Comparison;

/// Shows what changes for files of messages when one file of settings replaces another. Nothing is
/// sent. Exit code 0: nothing changes, 1: something changes, 2: error.
///
/// A settings file has a KEY=VALUE on each line, as .env files have. Settings that it does not name
/// have their defaults.
#[derive(clap::Args)]
#[command(after_help = "Example: segment-klaviyo compare now.env planned.env messages.ndjson")]
pub(crate) struct Arguments {
    /// The current settings: a file, or an environment of samconfig.toml, such as prod.
    #[arg(value_name = "OLD")]
    old: String,

    /// The new settings.
    #[arg(value_name = "NEW")]
    new: String,

    /// Segment messages, Lambda events or messages of an SQS queue, gzipped or not; directories; `-` is
    /// stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Evaluates the messages as if they came at this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<OffsetDateTime>,

    /// Prints JSON for scripts.
    #[arg(long)]
    json: bool,
}

/// Compares and prints the result. Returns whether nothing changes.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let old = read_rules(&arguments.old)?;
    let new = read_rules(&arguments.new)?;
    let now = arguments.now.unwrap_or_else(OffsetDateTime::now_utc);

    let mut comparison = Comparison::default();
    for file in input::read_files(&arguments.files)? {
        let name = &file.name;
        for delivery in input::deliveries(file.items) {
            let delivery = DeliveryMessages::new(delivery, &SharedSecret::default())
                .map_err(|problem| format!("{name}: {problem}"))?;
            if let Some(rejection) = delivery.rejection
                && delivery.messages.is_empty()
            {
                return Err(format!("{name}: {rejection}"));
            }
            for message in &delivery.messages {
                let before = evaluate(&message.raw, &old, now);
                let after = evaluate(&message.raw, &new, now);
                let difference = Difference::between(&before, &after);
                comparison.add(&MessageTitle::parse(message.raw.get()), difference);
            }
        }
    }
    if arguments.json {
        output::line(&output::json(&json_output::comparison(&comparison)));
    } else {
        rendering::print_comparison(&comparison);
    }
    Ok(comparison.is_empty())
}

fn read_rules(name: &str) -> Result<RuleSettings, String> {
    let settings = SettingOverrides::from_environment(name)?;
    settings
        .rules()
        .map_err(|problem| format!("{name}: {problem}"))
}
