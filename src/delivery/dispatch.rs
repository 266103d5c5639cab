//! Operations as they go to Klaviyo.

use std::borrow::Cow;

use super::task::{OperationError, Task, TaskState};
use crate::klaviyo::{Attribute, Operation};
use crate::outcome::{LeftOut, Warning};

/// An operation that goes to Klaviyo once, and every task that it does.
pub(super) struct Dispatch<'t, 'a> {
    operation: Cow<'t, Operation<'a>>,
    tasks: Vec<&'t Task<'a>>,
}

impl<'t, 'a> Dispatch<'t, 'a> {
    /// Creates the dispatch of one task.
    pub(super) fn new(task: &'t Task<'a>) -> Self {
        Dispatch {
            operation: Cow::Borrowed(task.operation()),
            tasks: vec![task],
        }
    }

    /// Creates a dispatch to which tasks are added later.
    pub(super) fn empty(operation: &'t Operation<'a>) -> Self {
        Dispatch {
            operation: Cow::Borrowed(operation),
            tasks: Vec::with_capacity(1),
        }
    }

    /// Returns the operation.
    pub(super) fn operation(&self) -> &Operation<'a> {
        &self.operation
    }

    /// Returns the operation to change it. The tasks keep their own.
    pub(super) fn operation_mut(&mut self) -> &mut Operation<'a> {
        self.operation.to_mut()
    }

    /// Drops an attribute that Klaviyo refuses and says so. Returns whether it was there.
    pub(super) fn drop_attribute(&mut self, attribute: &Attribute, expected: &'static str) -> bool {
        let is_dropped = self.operation.to_mut().drop_attribute(attribute);
        if is_dropped {
            self.warn_left_out(attribute, expected);
        }
        is_dropped
    }

    /// Says that Klaviyo got or took the operation without an attribute.
    pub(super) fn warn_left_out(&self, attribute: &Attribute, expected: &'static str) {
        let is_consent = self.operation.subscriber().is_some();
        self.warn(Warning::FieldLeftOut(if is_consent {
            LeftOut {
                field: "sms consent",
                expected,
            }
        } else {
            attribute.left_out(expected)
        }));
    }

    /// Adds a warning to every task.
    pub(super) fn warn(&self, warning: Warning) {
        for task in &self.tasks {
            task.warn(warning);
        }
    }

    /// Takes over a task that this operation does too.
    pub(super) fn add_task(&mut self, task: &'t Task<'a>) {
        self.tasks.push(task);
    }

    /// Replaces the operation, for the same tasks.
    pub(super) fn replace_operation(&mut self, operation: Operation<'a>) {
        self.operation = Cow::Owned(operation);
    }

    /// Replaces the operation by that of a task, for the same tasks.
    pub(super) fn take_operation_of(&mut self, task: &'t Task<'a>) {
        self.operation = Cow::Borrowed(task.operation());
    }

    /// Whether the operation is merged from several profiles, so that a refusal may be about one
    /// of them.
    pub(super) fn is_merged(&self) -> bool {
        self.tasks.len() > 1 && matches!(*self.operation, Operation::UpsertProfile(_))
    }

    /// Returns the tasks as they were before they were merged, in order, so that one bad message
    /// does not cost the others.
    pub(super) fn split(self) -> Vec<Dispatch<'t, 'a>> {
        self.tasks.into_iter().map(Dispatch::new).collect()
    }

    /// Keeps the tasks alone that are still to be done. Returns whether any is left.
    pub(super) fn retain_pending(&mut self) -> bool {
        self.tasks.retain(|task| task.is_pending());
        !self.tasks.is_empty()
    }

    /// Returns the tasks that the operation does.
    pub(super) fn tasks(&self) -> &[&'t Task<'a>] {
        &self.tasks
    }

    /// Records that Klaviyo has acknowledged the operation, or that there is nothing to do.
    pub(super) fn acknowledge(&self) {
        self.set_state(&TaskState::Acknowledged);
    }

    /// Records that the operation did not succeed.
    pub(super) fn fail(&self, error: OperationError) {
        self.set_state(&TaskState::Failed(error));
    }

    fn set_state(&self, state: &TaskState) {
        for task in &self.tasks {
            task.set_state(state.clone());
        }
    }
}
