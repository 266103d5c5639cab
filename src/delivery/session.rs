//! Requests to Klaviyo within the time of one delivery.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::task::OperationError;
use crate::klaviyo::{ApiErrors, ApiRequest, Klaviyo, RetryDecision, retry_decision};
use crate::outcome::RetryReason;
use crate::secrets::{RefreshReason, Secrets};
use crate::telemetry::elapsed_ms;

/// The most requests under way at a time. An order of up to 19 lines then takes one round trip,
/// and a burst stays far below Klaviyo's limit of 350 events a second for the whole account.
const MAX_CONCURRENT_REQUESTS: usize = 20;

/// The ceiling of the first pause before another attempt. It doubles with each attempt.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_millis(1_600);

/// The most time of a first attempt: a connection that died while the function was frozen may never
/// say so. A second attempt may be as slow as Klaviyo is.
const FIRST_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The reason why a request was not acknowledged in the end.
#[derive(Debug)]
pub(super) enum SendError {
    /// It may succeed later.
    Transient(RetryReason),
    /// It cannot succeed as it is.
    Refused(ApiErrors),
}

impl SendError {
    /// Returns the error of every operation in the request.
    pub(super) fn into_operation_error(self) -> OperationError {
        match self {
            SendError::Transient(reason) => OperationError::Transient(reason),
            SendError::Refused(errors) => OperationError::Permanent(errors.reject_reason()),
        }
    }
}

/// The requests of one delivery, as the log and the metrics report them.
#[derive(Debug, Clone, Default)]
pub struct RequestStats {
    /// The time of each request, in milliseconds.
    pub latencies: Vec<u64>,
    /// The requests that Klaviyo throttled.
    pub throttled: usize,
}

/// The requests of one delivery to Klaviyo, with their deadline.
pub(super) struct Session<'d> {
    klaviyo: &'d Klaviyo,
    secrets: &'d Secrets,
    deadline: Instant,
    permits: Semaphore,
    // Cells will do: everything runs on one thread, and no borrow lasts over an await.
    latencies: RefCell<Vec<u64>>,
    throttled: Cell<usize>,
}

impl<'d> Session<'d> {
    pub(super) fn new(klaviyo: &'d Klaviyo, secrets: &'d Secrets, deadline: Instant) -> Self {
        Session {
            klaviyo,
            secrets,
            deadline,
            permits: Semaphore::new(MAX_CONCURRENT_REQUESTS),
            latencies: RefCell::default(),
            throttled: Cell::new(0),
        }
    }

    /// Returns the time that is left.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns the counts of all requests so far.
    pub(super) fn into_stats(self) -> RequestStats {
        RequestStats {
            latencies: self.latencies.into_inner(),
            throttled: self.throttled.get(),
        }
    }

    /// Sends a request until Klaviyo has acknowledged or refused it, or the time is over. Returns
    /// the body of Klaviyo's acknowledgement.
    pub(super) async fn send(&self, request: &ApiRequest) -> Result<Bytes, SendError> {
        let _permit = self.permits.acquire().await;
        let mut secret = self.secrets.current(self.deadline).await;
        // Klaviyo's last answer says more in a report than a timeout.
        let mut last_reason = RetryReason::Timeout;
        for attempt in 0.. {
            let time_left = self.time_left();
            if time_left.is_zero() {
                break;
            }
            let may_give_up_early = attempt == 0 && request.is_idempotent();
            let timeout = if may_give_up_early {
                time_left.min(FIRST_ATTEMPT_TIMEOUT)
            } else {
                time_left
            };
            let started = Instant::now();
            let answer = self
                .klaviyo
                .send(secret.klaviyo_api_key(), request, timeout)
                .await;
            self.latencies.borrow_mut().push(elapsed_ms(started));
            let error = match answer {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            match retry_decision(&error) {
                RetryDecision::Retry { after, reason } => {
                    if reason != RetryReason::Timeout {
                        last_reason = reason;
                    }
                    if matches!(reason, RetryReason::Throttled(_)) {
                        self.throttled.set(self.throttled.get() + 1);
                    }
                    let pause = after.unwrap_or_default().saturating_add(backoff(attempt));
                    if pause >= self.time_left() {
                        return Err(SendError::Transient(last_reason));
                    }
                    sleep(pause).await;
                }
                RetryDecision::RefreshKey => {
                    let reason = RefreshReason::KeyRejected;
                    let fresh = self.secrets.refresh(reason, &secret, self.deadline).await;
                    if fresh.klaviyo_api_key() == secret.klaviyo_api_key() {
                        return Err(SendError::Transient(RetryReason::ApiKeyRejected));
                    }
                    secret = fresh;
                }
                RetryDecision::Fail(errors) => return Err(SendError::Refused(errors.clone())),
            }
        }
        Err(SendError::Transient(last_reason))
    }
}

/// Returns a pause with full jitter: anything up to a ceiling that doubles.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn backoff(attempt: u32) -> Duration {
    let ceiling = INITIAL_BACKOFF
        .saturating_mul(2_u32.saturating_pow(attempt))
        .min(MAX_BACKOFF);
    ceiling.mul_f64(fastrand::f64())
}
