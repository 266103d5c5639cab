//! `completions`: what a shell needs to complete commands, options and files.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

/// Prints the completions for a shell.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo completions bash > ~/.local/share/bash-completion/completions/segment-klaviyo"
)]
pub(crate) struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Prints them.
pub(crate) fn run(arguments: &Arguments) {
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "local",
        &mut std::io::stdout(),
    );
}
