//! The choices of whoever starts a stand-in.

use std::time::Duration;

/// The options of a stand-in. By default Klaviyo is fast and has no rate limits, which suits tests.
#[derive(Debug, Clone, Default)]
pub struct StandInOptions {
    /// Whether Klaviyo enforces its documented rate limits.
    pub rate_limits: bool,
    /// The time that Klaviyo takes for each request.
    pub latency: Duration,
    /// The only API key that Klaviyo accepts, and the one in the secret;
    /// [`API_KEY`](crate::API_KEY) when `None`.
    pub api_key: Option<String>,
}
