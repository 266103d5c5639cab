//! Faults at random.

use std::time::Duration;

use serde_json::Value;

use crate::faults::{Fault, Symptom};
use crate::klaviyo::{ImportFailure, Mishap};

/// The delay of a request that hangs: longer than a delivery has in a run with chaos.
const HANG: Duration = Duration::from_secs(10);

/// The path of import jobs.
const IMPORT_JOBS: &str = "/api/profile-bulk-import-jobs";

/// The most profiles that fail in one import job.
const MAX_FAILED_IMPORTS: usize = 3;

/// A Klaviyo that fails at random, the same way for the same seed and order of requests.
#[derive(Debug)]
pub struct Chaos {
    random: fastrand::Rng,
    percent: u8,
    /// Apart from the other, so that mishaps do not change which requests fail.
    mishap_random: fastrand::Rng,
    import_failure_percent: u8,
    partial_failure_percent: u8,
}

impl Chaos {
    /// Creates chaos from a seed in which `percent` of a hundred requests fail.
    pub fn new(seed: u64, percent: u8) -> Self {
        Chaos {
            random: fastrand::Rng::with_seed(seed),
            percent,
            mishap_random: fastrand::Rng::with_seed(!seed),
            import_failure_percent: 0,
            partial_failure_percent: 0,
        }
    }

    /// Adds import jobs that do not take one to three of their profiles: `percent` of a hundred.
    pub fn with_import_failures(mut self, percent: u8) -> Self {
        self.import_failure_percent = percent;
        self
    }

    /// Adds single imports and events whose phone number Klaviyo leaves out: `percent` of a hundred.
    pub fn with_partial_failures(mut self, percent: u8) -> Self {
        self.partial_failure_percent = percent;
        self
    }

    /// Returns the fault of the next request, if it has one. A request that is lost in one way or
    /// done nevertheless may have a mishap too.
    pub(crate) fn next(&mut self, path: &str) -> Option<Fault> {
        let mishap = self.next_mishap(path);
        if self.random.u8(0..100) >= self.percent {
            if mishap == Mishap::default() {
                return None;
            }
            return Some(Fault::mishap("", mishap, 1));
        }
        let (status, retry_after) = match self.random.u8(0..6) {
            0 => (429, None),
            1 => (429, Some(self.random.u64(0..3))),
            2 => (500, None),
            3 => (503, None),
            _ => (0, None),
        };
        let symptom = if status == 0 {
            Symptom::Drop
        } else {
            Symptom::Answer {
                status,
                retry_after,
                body: Value::Null,
            }
        };
        let hangs = self.random.u8(0..20) == 0;
        Some(Fault {
            delay: if hangs { HANG } else { Duration::ZERO },
            // A throttled request has done nothing. Of the others, half are done and only their
            // acknowledgement is lost.
            applied: status != 429 && self.random.bool(),
            mishap,
            ..Fault::new("", symptom, 1)
        })
    }

    /// Returns what Klaviyo does worse than usual with a request, should it do the work.
    fn next_mishap(&mut self, path: &str) -> Mishap {
        let random = &mut self.mishap_random;
        let roll = random.u8(0..100);
        if path == IMPORT_JOBS {
            if roll >= self.import_failure_percent {
                return Mishap::default();
            }
            let import_failure = if random.bool() {
                ImportFailure::Conflict
            } else {
                ImportFailure::Phone
            };
            return Mishap {
                fail_imports: random.usize(1..=MAX_FAILED_IMPORTS),
                import_failure,
                ..Mishap::default()
            };
        }
        Mishap {
            leave_phones_out: roll < self.partial_failure_percent,
            ..Mishap::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the faults of a hundred requests for a path.
    fn faults(mut chaos: Chaos, path: &str) -> Vec<Option<Fault>> {
        (0..100).map(|_| chaos.next(path)).collect()
    }

    #[test]
    fn mishaps_do_not_change_which_requests_fail() {
        let chaos = || Chaos::new(7, 30);
        let fails = |chaos| -> Vec<bool> {
            let faults = faults(chaos, IMPORT_JOBS);
            let is_answered = |fault: &Fault| !matches!(fault.symptom, Symptom::Delay);
            faults
                .iter()
                .map(|fault| fault.as_ref().is_some_and(is_answered))
                .collect()
        };
        assert_eq!(fails(chaos()), fails(chaos().with_import_failures(50)));
        assert!(fails(chaos()).contains(&true));
    }

    #[test]
    fn mishaps_are_of_their_own_paths() {
        let chaos = || {
            Chaos::new(7, 0)
                .with_import_failures(50)
                .with_partial_failures(50)
        };
        let (mut jobs, mut events) = (0, 0);
        for fault in faults(chaos(), IMPORT_JOBS).into_iter().flatten() {
            assert!((1..=3).contains(&fault.mishap.fail_imports));
            assert!(!fault.mishap.leave_phones_out);
            jobs += 1;
        }
        for fault in faults(chaos(), "/api/events").into_iter().flatten() {
            assert_eq!(fault.mishap.fail_imports, 0);
            assert!(fault.mishap.leave_phones_out);
            events += 1;
        }
        assert!((30..70).contains(&jobs) && (30..70).contains(&events));
    }
}
