//! The program `segment-klaviyo`: the Lambda function on this machine, without AWS.

mod aws;
mod check;
mod cli;
mod compare;
mod completions;
mod dead_letters;
mod doctor;
mod harness;
mod explain;
mod input;
mod replay;
mod send;
mod serve;
mod overrides;
mod samconfig;
mod setting_arguments;
mod output;
mod progress;
mod sign;
mod stand_in;
mod tail;
mod trigger;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // `send` may be left out, so clap takes a misspelled command for a file.
    if let Some(problem) = cli::misspelled_command(std::env::args_os().nth(1)) {
        output::error(&problem);
        return ExitCode::from(2);
    }
    let Cli { command, send } = Cli::parse();
    let result = match command.unwrap_or(Command::Send(send)) {
        Command::Send(arguments) => send::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await.map(|()| true),
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::Explain(arguments) => explain::run(arguments).map(|()| true),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::DeadLetters(arguments) => dead_letters::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Trigger(arguments) => trigger::run(arguments).await,
        Command::Tail(arguments) => tail::run(&arguments).map(|()| true),
        Command::Sign(arguments) => sign::sign(&arguments).map(|()| true),
        Command::Verify(arguments) => sign::verify(&arguments),
        Command::Check(arguments) => check::run(arguments).await,
        Command::StandIn(arguments) => stand_in::run(arguments).await.map(|()| true),
        Command::Completions(arguments) => {
            completions::run(&arguments, &mut Cli::command());
            Ok(true)
        }
    };
    // The exit codes of grep and diff: 0 for yes, 1 for no, 2 for an error.
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}
