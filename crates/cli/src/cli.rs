//! The command line: every command and its arguments.

use clap::{Parser, Subcommand};

use crate::{check, compare, completions, explain, replay, send, serve, sign, stand_in};

/// Runs the Segment → Klaviyo function on this machine, without AWS.
///
/// A stand-in plays Secrets Manager, SQS, DynamoDB and Klaviyo. Nothing leaves this machine unless you name
/// another Klaviyo.
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
    /// The arguments of `send`, the default command.
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
