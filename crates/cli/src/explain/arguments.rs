//! The arguments of `explain`.

use std::path::PathBuf;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::overrides;
use crate::setting_arguments::SettingArguments;
use crate::sign::SharedSecret;

/// Shows what Klaviyo would get for each message, the field that each attribute comes from, and
/// which fields are unused and why. Nothing is sent.
///
/// The explanation comes from running the rules: one field or setting at a time gets another value,
/// and the attributes that change come from it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples: segment-klaviyo explain events/order-completed.json\n          segment-klaviyo explain --diff ENFORCE_EMAIL=false messages.ndjson"
)]
pub(crate) struct Arguments {
    /// Segment messages, Lambda events or messages of an SQS queue, gzipped or not; directories; `-` is
    /// stdin.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    /// Shows only what would change with this setting; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = overrides::parse)]
    pub(super) diff: Vec<(String, String)>,

    /// Prints JSON for scripts.
    #[arg(long)]
    pub(super) json: bool,

    /// Evaluates the messages as if they came at this time (RFC 3339) instead of now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) now: Option<OffsetDateTime>,

    #[command(flatten)]
    pub(super) secret: SharedSecret,
}

/// Parses the time in an argument.
pub(crate) fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "expected a time such as 2026-11-20T12:00:00Z".to_owned())
}
