//! Rate limits: <https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling>
//!
//! Klaviyo counts the requests of an account, whoever sends them, in fixed windows of one second
//! ("burst") and one minute ("steady").

use std::collections::HashMap;
use std::time::Duration;

use super::endpoint::{Endpoint, RateLimit};

/// The requests of an account in the current windows.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter {
    windows: HashMap<Endpoint, [Window; 2]>,
}

/// A window, which is numbered from the epoch on, and its requests.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: u64,
    requests: u64,
}

/// The lengths of the windows in seconds.
const BURST_SECONDS: u64 = 1;
const STEADY_SECONDS: u64 = 60;

impl RateLimiter {
    /// Counts a request at a time since the epoch. Returns the headers of its answer, or the
    /// seconds to wait for a request over the limit, which is not counted.
    pub(super) fn admit(
        &mut self,
        endpoint: Endpoint,
        now: Duration,
    ) -> Result<[(&'static str, String); 3], u64> {
        let RateLimit { burst, steady } = endpoint.rate_limit();
        let [burst_window, steady_window] = self.windows.entry(endpoint).or_default();
        burst_window.advance(now, BURST_SECONDS);
        steady_window.advance(now, STEADY_SECONDS);
        let seconds_left = STEADY_SECONDS - now.as_secs() % STEADY_SECONDS;
        if steady_window.requests >= steady {
            return Err(seconds_left);
        }
        if burst_window.requests >= burst {
            return Err(BURST_SECONDS);
        }
        burst_window.requests += 1;
        steady_window.requests += 1;
        // The form of https://github.com/klaviyo/klaviyo-api-python/issues/82
        let limit = format!("{burst}, {burst};w={BURST_SECONDS}, {steady};w={STEADY_SECONDS}");
        Ok([
            ("ratelimit-limit", limit),
            (
                "ratelimit-remaining",
                (steady - steady_window.requests).to_string(),
            ),
            ("ratelimit-reset", seconds_left.to_string()),
        ])
    }
}

impl Window {
    /// Goes on to the window of this time, if it is another one.
    fn advance(&mut self, now: Duration, seconds: u64) {
        let number = now.as_secs() / seconds;
        if self.number != number {
            *self = Window {
                number,
                requests: 0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends requests at a second and returns how many are admitted, and the wait of the others.
    fn send(limiter: &mut RateLimiter, second: u64, requests: usize) -> (usize, Option<u64>) {
        let mut admitted = 0;
        let mut wait = None;
        for _ in 0..requests {
            match limiter.admit(Endpoint::CreateEvents, Duration::from_secs(second)) {
                Ok(_) => admitted += 1,
                Err(seconds) => wait = Some(seconds),
            }
        }
        (admitted, wait)
    }

    #[test]
    fn each_second_and_each_minute_have_a_limit() {
        let mut limiter = RateLimiter::default();
        assert_eq!(send(&mut limiter, 600, 12), (10, Some(1)));
        for second in 601..614 {
            assert_eq!(send(&mut limiter, second, 10), (10, None));
        }
        assert_eq!(send(&mut limiter, 614, 12), (10, Some(46)));
        assert_eq!(send(&mut limiter, 659, 1), (0, Some(1)));
        assert_eq!(send(&mut limiter, 660, 1), (1, None));
    }

    #[test]
    fn endpoints_are_counted_apart() {
        let mut limiter = RateLimiter::default();
        assert_eq!(send(&mut limiter, 600, 11), (10, Some(1)));
        let now = Duration::from_secs(600);
        let [limit, remaining, reset] = limiter.admit(Endpoint::CreateEvent, now).unwrap();
        assert_eq!(limit.1, "350, 350;w=1, 3500;w=60");
        assert_eq!((remaining.1.as_str(), reset.1.as_str()), ("3499", "60"));
    }
}
