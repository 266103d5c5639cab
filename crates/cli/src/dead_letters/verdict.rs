//! What would become of a dead letter now.

use segment_klaviyo::outcome::{Outcome, RejectReason};
use segment_klaviyo::queue::QueueEntry;
use serde_json::{Value, json};

use crate::harness::{self, Harness, StartOptions};
use crate::setting_arguments::SettingArguments;

/// What would become of a dead letter now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Everything that is left of it would be sent, and the stand-in accepts it.
    Delivered {
        /// Whether Klaviyo refused it before. The stand-in may be less strict.
        was_refused: bool,
    },
    /// A rule would not send it.
    Ignored {
        /// The stable name of the reason.
        reason: &'static str,
        /// The reason in words.
        detail: String,
    },
    /// It would be a dead letter again.
    Rejected {
        /// The stable name of the reason.
        reason: &'static str,
        /// The reason in words.
        detail: String,
    },
    /// That cannot be told here.
    Unknown(String),
}

impl Verdict {
    /// Whether a redrive has an end.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Verdict::Delivered { .. } | Verdict::Ignored { .. })
    }

    /// Returns the verdict for people.
    pub(super) fn text(&self) -> String {
        match self {
            Verdict::Delivered { was_refused: false } => "would be delivered".to_owned(),
            Verdict::Delivered { was_refused: true } => {
                "would be sent; only Klaviyo knows whether it takes it now".to_owned()
            }
            Verdict::Ignored { reason, .. } => format!("would be ignored ({reason})"),
            Verdict::Rejected { reason, .. } => format!("would be rejected ({reason})"),
            Verdict::Unknown(why) => format!("cannot be told: {why}"),
        }
    }

    /// Returns the verdict for scripts.
    pub(super) fn json(&self) -> Value {
        let (outcome, reason, detail) = match self {
            Verdict::Delivered { .. } => ("delivered", None, None),
            Verdict::Ignored { reason, detail } => ("ignored", Some(*reason), Some(detail)),
            Verdict::Rejected { reason, detail } => ("rejected", Some(*reason), Some(detail)),
            Verdict::Unknown(why) => ("unknown", None, Some(why)),
        };
        json!({"outcome": outcome, "reason": reason, "detail": detail})
    }
}

/// Delivers dead letters to a stand-in, to see what would become of them.
pub(super) struct Judge {
    harness: Harness,
}

impl Judge {
    /// Starts the function with these settings.
    pub(super) async fn new(settings: &SettingArguments) -> Result<Self, String> {
        let options = harness::Options::on_stand_in(settings.clone());
        let start = StartOptions {
            is_trial: true,
            ..StartOptions::default()
        };
        let harness = Harness::start_with(&options, start).await?;
        Ok(Judge { harness })
    }

    /// Returns what would become of an entry now.
    pub(super) async fn judge(&self, entry: QueueEntry<'_>) -> Verdict {
        if entry.reason == RejectReason::DeletionUnresolved.reason() {
            return Verdict::Unknown("it depends on the profiles in Klaviyo".to_owned());
        }
        let was_refused = entry.reason == "refused_by_klaviyo";
        // Each one meets an empty account: what one has done does not change the next.
        self.harness.stand_in().state().reset();
        let (results, _) = match self.harness.deliver_reachable(vec![entry]).await {
            Ok(delivered) => delivered,
            Err(problem) => return Verdict::Unknown(problem),
        };
        match results.into_iter().next().map(|result| result.outcome) {
            Some(Outcome::Delivered) => Verdict::Delivered { was_refused },
            Some(Outcome::Ignored(reason)) => Verdict::Ignored {
                reason: reason.reason(),
                detail: reason.to_string(),
            },
            Some(Outcome::Rejected(reason)) => Verdict::Rejected {
                reason: reason.reason(),
                detail: reason.to_string(),
            },
            Some(Outcome::Queued(reason) | Outcome::Retry(reason)) => {
                Verdict::Unknown(reason.to_string())
            }
            None => Verdict::Unknown("the function has no result for it".to_owned()),
        }
    }
}
