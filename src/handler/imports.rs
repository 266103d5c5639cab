//! Import jobs that are followed: what Klaviyo did not accept is sent again singly, or becomes a dead
//! letter with Klaviyo's reason.

use thiserror::Error;
use tokio::time::Instant;

use super::destination::Destination;
use crate::delivery::{Dispatcher, ImportResult, InFlight, decide_batch};
use crate::klaviyo::{ApiErrors, ImportError, OperationId};
use crate::outcome::{Outcome, RejectReason};
use crate::queue::{ImportEntry, ImportMember};
use crate::telemetry::{DeliverySummary, Origin};

/// How often a job is asked for: for about eight hours.
const MAX_ASKED: u32 = 40;

/// A job that Klaviyo has forgotten.
#[derive(Debug, Error)]
#[error("Klaviyo does not know the job any more: nothing says whether it accepted {0} messages")]
struct UnknownImport(usize);

impl Destination {
    /// Follows the import job in a record of the retry queue. Returns whether the record has served
    /// its purpose.
    pub(super) async fn follow_import(
        &self,
        json: &str,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> bool {
        let mut entry = match ImportEntry::parse(json) {
            Ok(entry) => entry,
            Err(error) => {
                self.log_unreadable(&error);
                return false;
            }
        };
        let dispatcher = self.dispatcher(entry.members.len(), Origin::RetryQueue, deadline);
        let refused = match dispatcher.read_import(&entry.import_job).await {
            ImportResult::Running if entry.asked < MAX_ASKED => {
                entry.asked += 1;
                return self.queues.follow_again(&entry, deadline).await;
            }
            ImportResult::Running | ImportResult::Unanswered => return false,
            ImportResult::Unknown => {
                let error = UnknownImport(entry.members.len());
                self.log.warn("an import job is not followed", &error);
                return true;
            }
            ImportResult::Cancelled => entry.members.into_iter().map(|m| (m, None)).collect(),
            ImportResult::Finished(errors) => refused_members(entry.members, errors),
        };
        if refused.is_empty() {
            return true;
        }
        summary.import_errors += refused.len();
        self.repair(&dispatcher, refused, deadline, summary).await
    }

    /// Sends profiles again, each singly. Returns whether each of them is done, or is in a queue by
    /// itself.
    async fn repair(
        &self,
        dispatcher: &Dispatcher<'_>,
        refused: Vec<(ImportMember<'_>, Option<ImportError>)>,
        deadline: Instant,
        summary: &mut DeliverySummary,
    ) -> bool {
        let mut messages = Vec::with_capacity(refused.len());
        let mut errors = Vec::with_capacity(refused.len());
        for (member, error) in refused {
            messages.push(member.entry.into_inbound());
            errors.push(error);
        }
        self.recall_for(&mut messages, deadline).await;
        let batch = decide_batch(messages, &self.settings.rules);
        for (message, error) in batch.iter().zip(errors) {
            // Only profiles can go singly. An addition to a list is a job again, with the same end.
            let is_profile = message.pending().iter().all(OperationId::is_profile);
            if !is_profile && let Some(error) = error {
                message.reject(&reject_reason(error));
            }
        }
        dispatcher.dispatch_singly(&batch).await;
        let all: Vec<_> = batch.iter().collect();
        self.queues.settle_repaired(&all, deadline).await;
        self.log_repaired(&batch, summary);
        batch
            .iter()
            .all(|message| !matches!(message.outcome(), Outcome::Retry(_)))
    }

    /// Counts and logs what is left out and what cannot be repaired. The messages themselves were
    /// counted when Klaviyo took the job.
    fn log_repaired(&self, batch: &[InFlight<'_>], summary: &mut DeliverySummary) {
        for (index, message) in batch.iter().enumerate() {
            let result = message.result();
            match &result.outcome {
                Outcome::Rejected(reason) => {
                    self.log_rejection(index, &result, reason);
                    summary.count_message(&result.outcome, &[]);
                }
                _ => summary.count_warnings(&result.warnings),
            }
        }
    }
}

/// Returns the members that have an error, found by their place in the job or by their identifiers.
/// An error that names nobody may be about any of them: then all are sent again, which does no harm.
fn refused_members(
    members: Vec<ImportMember<'_>>,
    errors: Vec<ImportError>,
) -> Vec<(ImportMember<'_>, Option<ImportError>)> {
    if !errors.iter().all(ImportError::names_somebody) {
        return members.into_iter().map(|member| (member, None)).collect();
    }
    let mut refused = Vec::new();
    for member in members {
        let error = errors.iter().find(|error| match error.slot {
            Some(slot) => slot == member.slot,
            None => names(error, &member),
        });
        if let Some(error) = error {
            refused.push((member, Some(error.clone())));
        }
    }
    refused
}

/// Whether an error without a place repeats an identifier of the message. One that is found in
/// another profile too costs a request and nothing else.
fn names(error: &ImportError, member: &ImportMember) -> bool {
    let message = member.entry.message.get().to_lowercase();
    [&error.email, &error.external_id]
        .into_iter()
        .flatten()
        .any(|identifier| message.contains(&identifier.to_lowercase()))
}

fn reject_reason(error: ImportError) -> RejectReason {
    // Import errors have no status. 400 is that of the same refusal of a single request.
    let refusal = ApiErrors {
        status: 400,
        errors: vec![error.error],
    };
    refusal.reject_reason()
}
