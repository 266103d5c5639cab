//! Operations to do, and the state of each of them.

use std::cell::RefCell;
use std::sync::Arc;

use super::inbound::InboundMessage;
use crate::klaviyo::Operation;
use crate::outcome::{RejectReason, RetryReason, Warning};

/// An operation of a message, and its state.
///
/// The state is behind a `RefCell` because several requests are under way while the tasks are
/// shared. All of them run on one thread, and no borrow lasts over an await.
#[derive(Debug)]
pub struct Task<'a> {
    operation: Operation<'a>,
    question: Option<Question>,
    state: RefCell<TaskState>,
    warnings: RefCell<Vec<Warning>>,
    import: RefCell<Option<ImportSlot>>,
}

/// What tells a subscription from others that ask the same person.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Segment's id of the message, or one that a resend repeats as well.
    pub(super) message: String,
    /// Whether somebody has redriven the message after its attempts were given up.
    pub(super) is_redriven: bool,
}

/// The place of an operation in an import job that Klaviyo has taken.
#[derive(Debug, Clone)]
pub(super) struct ImportSlot {
    /// Klaviyo's id of the job.
    pub(super) job_id: Arc<str>,
    /// The place in the job, from 0.
    pub(super) slot: usize,
}

/// The state of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskState {
    /// Klaviyo has not answered for it.
    Pending,
    /// Klaviyo has acknowledged it, or there is nothing left to do.
    Acknowledged,
    /// It did not succeed.
    Failed(OperationError),
    /// Its message was settled or put aside before its turn came.
    Withheld,
}

/// The reason why an operation did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OperationError {
    /// It can never succeed.
    Permanent(RejectReason),
    /// It may succeed later.
    Transient(RetryReason),
    /// Klaviyo did not answer, and may have done it. It is a subscription, which must not be repeated
    /// soon.
    Unanswered,
}

impl TaskState {
    /// Whether Klaviyo refuses the operation.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, TaskState::Failed(OperationError::Permanent(_)))
    }
}

impl<'a> Task<'a> {
    pub(super) fn new(operation: Operation<'a>, inbound: &InboundMessage<'_>) -> Self {
        let question = match &operation {
            Operation::Subscribe(_) => Some(Question {
                message: inbound.lasting_id(),
                is_redriven: inbound.is_redriven,
            }),
            _ => None,
        };
        Task {
            operation,
            question,
            state: RefCell::new(TaskState::Pending),
            warnings: RefCell::default(),
            import: RefCell::default(),
        }
    }

    /// Returns the operation.
    pub fn operation(&self) -> &Operation<'a> {
        &self.operation
    }

    /// Returns what tells a subscription from others; `None` for other operations.
    pub(super) fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    pub(super) fn state(&self) -> TaskState {
        self.state.borrow().clone()
    }

    /// Whether the operation is still to be sent.
    pub(super) fn is_pending(&self) -> bool {
        *self.state.borrow() == TaskState::Pending
    }

    pub(super) fn set_state(&self, state: TaskState) {
        self.state.replace(state);
    }

    /// Returns the place in an import job, if one does the operation.
    pub(super) fn import(&self) -> Option<ImportSlot> {
        self.import.borrow().clone()
    }

    pub(super) fn set_import(&self, import: ImportSlot) {
        self.import.replace(Some(import));
    }

    /// Returns what the merchant should know about the operation.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.warnings.borrow().clone()
    }

    /// Adds a warning, once.
    pub(super) fn warn(&self, warning: Warning) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}
