//! One call, sent until Klaviyo has acknowledged or refused it, or time is over.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::Delivery;
use crate::klaviyo::{ApiErrors, ApiRequest, RetryDecision};
use crate::outcome::RetryReason;
use crate::secrets::RefreshReason;
use crate::telemetry::elapsed_ms;

/// The ceiling of the first pause before another try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_600);

/// Why a call is not acknowledged.
#[derive(Debug)]
pub(super) enum NotDone {
    /// It may be later.
    Later(RetryReason),
    /// It cannot be as it is.
    Refused(ApiErrors),
}

/// The longest that a first try may take: a connection that died while the function was frozen may never
/// say so. A second try may be as slow as Klaviyo is.
const LONGEST_FIRST_TRY: Duration = Duration::from_secs(2);

impl Delivery<'_> {
    /// Sends `call`: the body of Klaviyo's acknowledgement.
    pub(super) async fn send(&self, call: &ApiRequest) -> Result<Bytes, NotDone> {
        let _slot = self.slots.acquire().await;
        let mut secret = self.secrets.current(self.deadline).await;
        // What is reported when time is over: what Klaviyo said last, if it said anything.
        let mut cause = RetryReason::Timeout;
        for attempt in 0.. {
            let left = self.left();
            if left.is_zero() {
                break;
            }
            let is_first = attempt == 0 && call.is_idempotent();
            let timeout = if is_first {
                left.min(LONGEST_FIRST_TRY)
            } else {
                left
            };
            let started = Instant::now();
            let sent = self
                .klaviyo
                .send(secret.klaviyo_api_key(), call, timeout)
                .await;
            self.latencies.borrow_mut().push(elapsed_ms(started));
            let error = match sent {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            match error.retry_decision() {
                RetryDecision::Retry { after, cause: said } => {
                    cause = if said == RetryReason::Timeout {
                        cause
                    } else {
                        said
                    };
                    if matches!(said, RetryReason::Throttled(_)) {
                        self.throttled.set(self.throttled.get() + 1);
                    }
                    let pause = after.unwrap_or_default().saturating_add(jitter(attempt));
                    if pause >= self.left() {
                        return Err(NotDone::Later(cause));
                    }
                    sleep(pause).await;
                }
                RetryDecision::RefreshKey => {
                    let fresh = self
                        .secrets
                        .refresh(RefreshReason::KeyRejected, &secret, self.deadline)
                        .await;
                    if fresh.klaviyo_api_key() == secret.klaviyo_api_key() {
                        return Err(NotDone::Later(RetryReason::ApiKeyRejected));
                    }
                    secret = fresh;
                }
                RetryDecision::Fail(refusal) => return Err(NotDone::Refused(refusal.clone())),
            }
        }
        Err(NotDone::Later(cause))
    }
}

/// Full jitter: anything up to a ceiling that doubles.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn jitter(attempt: u32) -> Duration {
    let ceiling = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(attempt))
        .min(LONGEST_PAUSE);
    ceiling.mul_f64(fastrand::f64())
}
