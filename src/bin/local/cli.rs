//! What the tool can be asked for.

use clap::{Parser, Subcommand};
use segment_klaviyo::settings::VARIABLES;

use crate::{send, stand_in};

/// The Segment → Klaviyo function on a desk.
///
/// Nothing leaves this machine unless you name another Klaviyo: Secrets Manager and Klaviyo are played by a
/// stand-in.
#[derive(Parser)]
#[command(name = "local", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Without a command: `send`.
    #[command(flatten)]
    pub(crate) send: send::Arguments,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Send(send::Arguments),
    StandIn(stand_in::Arguments),
}

/// A `KEY=VALUE` for one of the function's settings.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    match key {
        "KLAVIYO_BASE_URL" => return Err("use --klaviyo-url, so that the calls can be shown".to_owned()),
        "SECRET_ID" => return Err("the secret is played by the stand-in".to_owned()),
        _ => {}
    }
    if VARIABLES.iter().any(|(name, _)| *name == key) {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        let known: Vec<_> = VARIABLES.iter().map(|(name, _)| *name).collect();
        Err(format!("no such setting; there are {}", known.join(", ")))
    }
}
