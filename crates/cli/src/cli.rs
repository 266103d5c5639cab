//! The command line: every command and its arguments.

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    check, compare, completions, dead_letters, doctor, explain, replay, send, serve, sign,
    stand_in, tail, trigger,
};

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
    Trigger(trigger::Arguments),
    Tail(tail::Arguments),
    DeadLetters(dead_letters::Arguments),
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
}

/// The similarity from which a name is a misspelled one, as clap has it for options.
const SIMILAR: f64 = 0.7;

/// Returns the problem with a first argument that is neither a command nor a file, and is nearly a
/// command.
pub(crate) fn misspelled_command(argument: Option<OsString>) -> Option<String> {
    let argument = argument?;
    let name = argument.to_str()?;
    let is_word = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    if !is_word || name.starts_with('-') || Path::new(name).exists() {
        return None;
    }
    let mut best: Option<(f64, String)> = None;
    for command in Cli::command().get_subcommands() {
        let known = command.get_name();
        if known == name || name == "help" {
            return None;
        }
        let similarity = strsim::jaro(known, name);
        let is_better = best.as_ref().is_none_or(|(best, _)| similarity > *best);
        if similarity > SIMILAR && is_better {
            best = Some((similarity, known.to_owned()));
        }
    }
    let (_, command) = best?;
    Some(format!(
        "there is no command and no file {name}; did you mean `segment-klaviyo {command}`?"
    ))
}
