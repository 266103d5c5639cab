//! What the tool can be asked for.

use clap::{Parser, Subcommand};

use crate::{check, compare, completions, explain, replay, send, serve, sign, stand_in};

/// The Segment → Klaviyo function on a harness.
///
/// Nothing leaves this machine unless you name another Klaviyo: Secrets Manager and Klaviyo are played by a
/// stand-in.
#[derive(Parser)]
#[command(
    name = "segment-klaviyo",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
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
    Explain(explain::Arguments),
    Compare(compare::Arguments),
    Sign(sign::SignArguments),
    Verify(sign::VerifyArguments),
    Check(check::Arguments),
    StandIn(stand_in::Arguments),
    Replay(replay::Arguments),
    Serve(serve::Arguments),
    Completions(completions::Arguments),
}
