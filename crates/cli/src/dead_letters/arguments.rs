//! The arguments of `dead-letters`.

use clap::Subcommand;

use super::selection::Selection;
use super::source::{DeadLetterSource, QueueArguments};
use crate::setting_arguments::SettingArguments;

/// Shows the messages in the dead-letter queue, why each is there and what would become of it now,
/// and moves them back into the retry queue.
#[derive(clap::Args)]
#[command(
    after_help = "Examples: segment-klaviyo dead-letters list --env prod\n          segment-klaviyo dead-letters retry --env prod --passing"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Subcommand)]
pub(super) enum Action {
    /// Lists them by their reasons.
    List(Listing),
    /// Shows everything about some of them, with the messages themselves.
    Show(Listing),
    /// Explains some of them as `explain` does: which field decides what.
    Explain(Listing),
    /// Moves some of them into the retry queue. Exit code 1: one that was selected is still there.
    Retry(Change),
    /// Deletes some of them for good. Exit code 1: one that was selected is still there.
    Drop(DropArguments),
}

#[derive(clap::Args)]
pub(super) struct Listing {
    #[command(flatten)]
    pub(super) selection: Selection,

    #[command(flatten)]
    pub(super) source: DeadLetterSource,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    /// Prints JSON for scripts.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(clap::Args)]
pub(super) struct Change {
    #[command(flatten)]
    pub(super) selection: Selection,

    #[command(flatten)]
    pub(super) queue: QueueArguments,

    #[command(flatten)]
    pub(super) settings: SettingArguments,
}

#[derive(clap::Args)]
pub(super) struct DropArguments {
    #[command(flatten)]
    pub(super) change: Change,

    /// Drops them. Without it, the command only says how many there are.
    #[arg(long)]
    pub(super) yes: bool,
}
