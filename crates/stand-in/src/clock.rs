//! The time of the stand-in.

use std::sync::OnceLock;
use std::time::SystemTime;

use tokio::time::Instant;

/// Returns the time. It follows tokio's clock, which is the system's own unless somebody has paused
/// it to simulate hours in seconds.
pub(crate) fn now() -> SystemTime {
    static START: OnceLock<(SystemTime, Instant)> = OnceLock::new();
    let (time, instant) = START.get_or_init(|| (SystemTime::now(), Instant::now()));
    *time + instant.elapsed()
}
