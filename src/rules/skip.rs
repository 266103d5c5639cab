//! The early end of a message.

use crate::outcome::{IgnoreReason, RejectReason};

/// The reason why a rule sends nothing for a message.
#[derive(Debug, PartialEq)]
pub(super) enum Skip {
    Ignore(IgnoreReason),
    Reject(RejectReason),
}
