//! The way of a delivery to Klaviyo.

/// What happens to a delivery before Segment gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// It is sent to Klaviyo. Only what Klaviyo cannot take now waits in the retry queue.
    Direct,
    /// It is put into the retry queue, from where it is sent in jobs with others.
    Queued,
}
