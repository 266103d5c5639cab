//! Binary `local`: the Lambda function on a desk, without AWS.

mod cli;
mod desk;
mod input;
mod send;
mod show;
mod stand_in;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { command, send } = Cli::parse();
    let done = match command.unwrap_or(Command::Send(send)) {
        Command::Send(arguments) => send::run(arguments).await,
        Command::StandIn(arguments) => stand_in::run(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            show::problem(&problem);
            ExitCode::FAILURE
        }
    }
}
