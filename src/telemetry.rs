//! Logs and metrics. Neither ever holds an email, a phone number, a key or a body.

mod log;
mod metrics;
mod summary;

pub use log::{Log, Rejection, error_chain};
pub use metrics::{Metric, Metrics, NAMESPACE};
pub use summary::{DeliverySummary, Origin, elapsed_ms};
