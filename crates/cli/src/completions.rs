//! `completions`: scripts that complete commands, options and files in a shell.

use std::io::Write;

use clap_complete::Shell;

/// Prints the completion script for a shell.
#[derive(clap::Args)]
#[command(
    after_help = "Example: segment-klaviyo completions bash > ~/.local/share/bash-completion/completions/segment-klaviyo"
)]
pub(crate) struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Prints the completion script for `command`, the whole tool.
pub(crate) fn run(arguments: &Arguments, command: &mut clap::Command) {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, name, &mut script);
    // The generator panics on a closed pipe, and `completions bash | head` closes one.
    let _ = std::io::stdout().write_all(&script);
}
