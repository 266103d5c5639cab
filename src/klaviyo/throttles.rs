//! The endpoints that throttle for longer than a delivery lasts, as far as this instance knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;

use super::client::wall_clock_ms;
use super::request::ApiRequest;

/// Klaviyo's limits are of windows of a second and of a minute:
/// <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>. Whatever else an answer
/// asks for, another attempt after a minute tells.
const LONGEST: Duration = Duration::from_secs(60);

/// An endpoint: its method, and the first two segments of its path. Each has its own limit.
type Endpoint = (&'static str, String);

/// Until when endpoints throttle, in milliseconds of the wall clock, which goes on while Lambda
/// freezes the process.
#[derive(Debug, Default)]
pub(super) struct Throttles(Mutex<BTreeMap<Endpoint, u64>>);

impl Throttles {
    /// Records that the endpoint of a request throttles for so long.
    pub(super) fn record(&self, request: &ApiRequest, retry_after: Duration) {
        let wait = retry_after.min(LONGEST).as_millis();
        let until = wall_clock_ms().saturating_add(u64::try_from(wait).unwrap_or(u64::MAX));
        let endpoint = endpoint(&request.method, &request.path);
        self.lock().insert(endpoint, until);
    }

    /// Returns the time for which an endpoint still throttles; `None` if it is not known to.
    pub(super) fn time_left(&self, method: &Method, path: &str) -> Option<Duration> {
        let throttles = self.lock();
        // Nearly always.
        if throttles.is_empty() {
            return None;
        }
        let until = throttles.get(&endpoint(method, path))?;
        let left = until.saturating_sub(wall_clock_ms());
        Some(Duration::from_millis(left)).filter(|left| !left.is_zero())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Endpoint, u64>> {
        // Every insertion is whole, whoever panicked while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint(method: &Method, path: &str) -> Endpoint {
    let method = if method == Method::GET { "GET" } else { "POST" };
    let mut segments = path.splitn(4, '/');
    let (root, name) = (segments.nth(1), segments.next());
    let name = [root.unwrap_or_default(), "/", name.unwrap_or_default()].concat();
    (method, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_throttles_until_its_time_is_over() {
        let throttles = Throttles::default();
        let job = ApiRequest::read_import_job("1");
        let left = |path: &str| throttles.time_left(&Method::GET, path);
        assert_eq!(left("/api/profile-bulk-import-jobs/1"), None);
        throttles.record(&job, Duration::from_secs(30));
        let paths =
            ["1", "2/import-errors"].map(|end| format!("/api/profile-bulk-import-jobs/{end}"));
        for path in paths {
            assert!(
                left(&path).is_some_and(|left| left > Duration::from_secs(29)),
                "{path}"
            );
        }
        assert_eq!(left("/api/profiles"), None);
        let by_post = throttles.time_left(&Method::POST, "/api/profile-bulk-import-jobs");
        assert_eq!(by_post, None, "another limit");

        throttles.record(&job, Duration::ZERO);
        assert_eq!(left("/api/profile-bulk-import-jobs/1"), None);
        throttles.record(&job, Duration::MAX);
        assert!(left("/api/profile-bulk-import-jobs/1").is_some_and(|left| left <= LONGEST));
    }
}
