//! `doctor`: what is missing on this machine and in the account, with the command that mends it.

mod finding;
mod machine;
mod stack;

use crate::output;
use crate::samconfig::Environment;
use crate::setting_arguments::SettingArguments;
use finding::{Finding, State};

/// Says what is missing on this machine and in the AWS account, and how to mend it. Changes nothing.
///
/// With --env or --stack, it looks into the account too: credentials, the stack, and the function's own check of its
/// secret, key and list. Exit code 0: nothing is missing, 1: something is, 2: error.
#[derive(clap::Args)]
#[command(after_help = "Example: segment-klaviyo doctor --env prod")]
pub(crate) struct Arguments {
    /// The stack to look at; by default that of --env.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,

    #[command(flatten)]
    settings: SettingArguments,

    /// Prints JSON for scripts.
    #[arg(long)]
    json: bool,
}

/// Looks and prints. Returns whether nothing is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut findings = machine::look();
    findings.push(settings(&arguments.settings));
    let mut stack = arguments.stack.clone();
    if stack.is_none()
        && let Some(name) = arguments.settings.environment()
    {
        match Environment::read(name) {
            Ok(environment) => stack = environment.stack_name,
            Err(problem) => findings.push(Finding::failed(
                "environment",
                problem,
                "segment-klaviyo doctor --stack NAME",
            )),
        }
    }
    match stack {
        Some(stack) => findings.extend(stack::look(&stack)),
        None => findings.push(Finding::skipped(
            "account",
            "not looked at; name the stack to do so",
            "segment-klaviyo doctor --env prod",
        )),
    }
    if arguments.json {
        output::line(&output::json(&findings));
    } else {
        for finding in &findings {
            finding.print();
        }
    }
    Ok(!findings
        .iter()
        .any(|finding| finding.state == State::Failed))
}

/// Whether the chosen settings are valid.
fn settings(arguments: &SettingArguments) -> Finding {
    let rules = arguments
        .overrides()
        .and_then(|overrides| overrides.rules().map(|_| ()));
    match rules {
        Ok(()) => Finding::ok("settings", "all settings are valid"),
        Err(problem) => Finding::failed(
            "settings",
            problem,
            "correct parameter_overrides in samconfig.toml",
        ),
    }
}
