//! The operations that a message means.

use crate::klaviyo::Operation;
use crate::outcome::Warning;

/// The operations that a message means, at least one: a message without any would count as
/// delivered although nothing was sent.
#[derive(Debug)]
pub struct Plan<'a> {
    operations: Vec<Operation<'a>>,
    warnings: Vec<Warning>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(first: Operation<'a>) -> Self {
        Plan {
            operations: vec![first],
            warnings: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, operation: Operation<'a>) {
        self.operations.push(operation);
    }

    pub(super) fn warn(&mut self, warnings: Vec<Warning>) {
        self.warnings.extend(warnings);
    }

    /// Returns the operations, in the order in which they are to be done.
    pub fn operations(&self) -> &[Operation<'a>] {
        &self.operations
    }

    /// Returns the operations and warnings.
    pub fn into_parts(self) -> (Vec<Operation<'a>>, Vec<Warning>) {
        (self.operations, self.warnings)
    }
}
