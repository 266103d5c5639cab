//! Which dead letters a command is about.

use super::letter::DeadLetter;

/// The selected dead letters: those that fit all of the options.
#[derive(clap::Args, Debug, Default)]
pub(super) struct Selection {
    /// The messageIds, or SQS's ids of the messages.
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Only those with this reason, such as invalid_event_name; may be repeated.
    #[arg(long, value_name = "REASON")]
    reason: Vec<String>,

    /// Only events of this name; may be repeated.
    #[arg(long, value_name = "NAME")]
    event: Vec<String>,

    /// Only those that would be delivered or ignored now, with these settings.
    #[arg(long)]
    passing: bool,

    /// All of them.
    #[arg(long, conflicts_with_all = ["ids", "reason", "event", "passing"])]
    all: bool,
}

impl Selection {
    /// Whether a dead letter is selected. Without any option, all of them are.
    pub(super) fn matches(&self, letter: &DeadLetter) -> bool {
        let is_one_of = |chosen: &[String], value: Option<&str>| {
            chosen.is_empty() || value.is_some_and(|value| chosen.iter().any(|one| one == value))
        };
        let has_id = is_one_of(&self.ids, letter.message_id())
            || is_one_of(&self.ids, letter.queued().id.as_deref());
        has_id
            && is_one_of(&self.reason, Some(letter.reason()))
            && is_one_of(&self.event, letter.event())
            && (!self.passing || letter.passes())
    }

    /// Fails unless something is selected on purpose.
    pub(super) fn require(&self) -> Result<(), String> {
        let chooses = !self.ids.is_empty() || !self.reason.is_empty() || !self.event.is_empty();
        if chooses || self.passing || self.all {
            return Ok(());
        }
        Err(
            "name messages by their ids, or select them by --reason, --event, --passing or --all"
                .to_owned(),
        )
    }

    /// Returns the ids that none of these dead letters has.
    pub(super) fn missing_ids(&self, found: &[String]) -> Vec<String> {
        let mut missing = self.ids.clone();
        missing.retain(|id| !found.contains(id));
        missing
    }

    /// Returns the ids by which a dead letter may have been named.
    pub(super) fn ids_of(letter: &DeadLetter) -> Vec<String> {
        let ids = [letter.message_id(), letter.queued().id.as_deref()];
        ids.into_iter().flatten().map(str::to_owned).collect()
    }
}
