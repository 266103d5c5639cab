//! The time of day. Nothing else in the function reads it, so that a simulation can set it.

use std::sync::OnceLock;

use time::OffsetDateTime;

/// The clock of a simulation, which the deployed function never has.
static SIMULATED: OnceLock<fn() -> OffsetDateTime> = OnceLock::new();

/// Returns the present time.
pub fn now() -> OffsetDateTime {
    match SIMULATED.get() {
        Some(now) => now(),
        None => OffsetDateTime::now_utc(),
    }
}

/// Makes `now` the clock of this process, unless it has such a clock already.
pub fn simulate(now: fn() -> OffsetDateTime) {
    let _ = SIMULATED.set(now);
}
