//! Jobs for which Klaviyo is unavailable, although it is there for others: one message can be the
//! cause. Halving finds it, and ends as soon as both halves fail, since then nothing is wrong with a
//! message.

use std::cell::RefCell;
use std::rc::Rc;

use super::dispatch::Dispatch;
use super::task::OperationError;

/// Two halves of a job, of which each waits for what becomes of the other.
pub(super) struct Halves<'t, 'a>(Rc<RefCell<OtherHalf<'t, 'a>>>);

/// What became of the half that ended first.
enum OtherHalf<'t, 'a> {
    Pending,
    Acknowledged,
    Failed(Vec<Dispatch<'t, 'a>>),
}

/// What follows from the end of a half.
pub(super) enum AfterHalf<'t, 'a> {
    /// Nothing yet, or nothing more.
    Nothing,
    /// The cause is among these.
    Suspects(Vec<Dispatch<'t, 'a>>),
}

impl<'t, 'a> Halves<'t, 'a> {
    /// Creates the two ends of a pair.
    pub(super) fn pair() -> [Self; 2] {
        let shared = Rc::new(RefCell::new(OtherHalf::Pending));
        [Halves(shared.clone()), Halves(shared)]
    }

    /// Records that Klaviyo has acknowledged this half: if the other one failed, the cause is there.
    pub(super) fn acknowledge(self) -> AfterHalf<'t, 'a> {
        match self.0.replace(OtherHalf::Acknowledged) {
            OtherHalf::Failed(suspects) => AfterHalf::Suspects(suspects),
            OtherHalf::Pending | OtherHalf::Acknowledged => AfterHalf::Nothing,
        }
    }

    /// Records that this half failed. If the other one is acknowledged, the cause is here. If it
    /// failed too, both stay as they are.
    pub(super) fn fail(
        self,
        dispatches: Vec<Dispatch<'t, 'a>>,
        error: &OperationError,
    ) -> AfterHalf<'t, 'a> {
        match self.0.replace(OtherHalf::Pending) {
            OtherHalf::Acknowledged => AfterHalf::Suspects(dispatches),
            OtherHalf::Failed(others) => {
                fail_all(others, error);
                fail_all(dispatches, error);
                AfterHalf::Nothing
            }
            OtherHalf::Pending => {
                self.0.replace(OtherHalf::Failed(dispatches));
                AfterHalf::Nothing
            }
        }
    }
}

/// Records that operations did not succeed.
pub(super) fn fail_all(dispatches: Vec<Dispatch>, error: &OperationError) {
    for dispatch in dispatches {
        dispatch.fail(error.clone());
    }
}
