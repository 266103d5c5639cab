//! What became of import jobs.

use std::sync::Arc;

use super::dispatch::Dispatch;
use super::in_flight::InFlight;
use super::session::{SendError, Session};
use super::task::{ImportSlot, OperationError, TaskState};
use crate::klaviyo::{
    Acknowledgement, ApiRequest, ImportError, ImportStatus, OperationId, parse_import_errors,
    parse_import_status, parse_job_id,
};
use crate::outcome::RetryReason;

/// The most pages of errors: a job of 10,000 profiles has no more.
const MAX_PAGES: usize = 100;

/// What became of an import job.
#[derive(Debug)]
pub enum ImportResult {
    /// Klaviyo is still at it.
    Running,
    /// It is finished, and did not accept these profiles.
    Finished(Vec<ImportError>),
    /// Klaviyo did not do it, so that no profile is imported.
    Cancelled,
    /// Klaviyo does not know the job any more: it forgets jobs after some days.
    Unknown,
    /// Klaviyo cannot be asked now.
    Unanswered,
}

/// An operation of a message that an import job does.
#[derive(Debug)]
pub struct Import {
    /// Klaviyo's id of the job.
    pub job_id: Arc<str>,
    /// The place of the operation in the job, from 0.
    pub slot: usize,
    /// The operation.
    pub operation: OperationId,
}

impl InFlight<'_> {
    /// Returns the operations that import jobs do. Klaviyo has taken the jobs, and says later what it
    /// did not accept.
    pub fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for task in self.tasks() {
            if let Some(ImportSlot { job_id, slot }) = task.import() {
                imports.push(Import {
                    job_id,
                    slot,
                    operation: task.operation().id(),
                });
            }
        }
        imports
    }

    /// Takes back that import jobs do operations of the message: nobody follows the jobs.
    pub fn forget_imports(&self) {
        for task in self.tasks() {
            if task.import().is_some() {
                let reason = RetryReason::QueueWriteFailed;
                task.set_state(TaskState::Failed(OperationError::Transient(reason)));
            }
        }
    }
}

/// Asks Klaviyo what became of a job.
pub(super) async fn read(session: &Session<'_>, job_id: &str) -> ImportResult {
    let status = match session.send(&ApiRequest::read_import_job(job_id)).await {
        Ok(acknowledgement) => parse_import_status(&acknowledgement.body),
        Err(SendError::Refused(errors)) if errors.status == 404 => return ImportResult::Unknown,
        Err(_) => return ImportResult::Unanswered,
    };
    match status {
        Some(ImportStatus::Running) => ImportResult::Running,
        Some(ImportStatus::Cancelled) => ImportResult::Cancelled,
        Some(ImportStatus::Complete { has_errors: false }) => ImportResult::Finished(Vec::new()),
        Some(ImportStatus::Complete { has_errors: true }) => read_errors(session, job_id).await,
        None => ImportResult::Unanswered,
    }
}

async fn read_errors(session: &Session<'_>, job_id: &str) -> ImportResult {
    let mut errors = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let request = ApiRequest::read_import_errors(job_id, cursor.as_deref());
        let page = match session.send(&request).await {
            Ok(acknowledgement) => parse_import_errors(&acknowledgement.body),
            Err(_) => None,
        };
        let Some(page) = page else {
            return ImportResult::Unanswered;
        };
        errors.extend(page.errors);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    ImportResult::Finished(errors)
}

/// Records the places of operations in an import job, so that somebody can follow it. An answer
/// without the id of a job is fine, too: such a job cannot be followed.
pub(super) fn record(members: &[(usize, Dispatch)], acknowledgement: &Acknowledgement) {
    let Some(job_id) = parse_job_id(&acknowledgement.body) else {
        return;
    };
    let job_id: Arc<str> = job_id.into();
    // Each place of an import job is one operation, in the order of the members.
    for (slot, (_, dispatch)) in members.iter().enumerate() {
        for task in dispatch.tasks() {
            let job_id = job_id.clone();
            task.set_import(ImportSlot { job_id, slot });
        }
    }
}
