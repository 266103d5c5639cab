//! Requests to Klaviyo within the time of one delivery.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::task::OperationError;
use crate::klaviyo::{
    Acknowledgement, ApiErrors, ApiRequest, Klaviyo, RequestError, RetryDecision, retry_decision,
};
use crate::outcome::RetryReason;
use crate::secrets::{RefreshReason, Secret, Secrets};
use crate::telemetry::elapsed_ms;

/// The most requests under way at a time: as many as go singly, so that no order takes two round
/// trips. A burst stays far below Klaviyo's limit of 350 events a second for the whole account.
const MAX_CONCURRENT_REQUESTS: usize = 23;

/// The most requests under way until Klaviyo has acknowledged one: if it refuses the program, all of
/// them are in vain.
const FIRST_REQUESTS: usize = 2;

/// Up to this many messages are sent side by side from the beginning, once Klaviyo has acknowledged a
/// request of this instance: waiting for the first answer would cost an order a round trip.
const MAX_MESSAGES_AT_ONCE: usize = 23;

/// How often Klaviyo may be unavailable for a job before its operations are told apart.
const MAX_UNAVAILABLE: u32 = 2;

/// The ceiling of the first pause before another attempt. It doubles with each attempt.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_millis(1_600);

/// The most time of a first attempt on a connection that has idled: one that died while the function
/// was frozen may never say so. Otherwise an attempt may be as slow as Klaviyo is.
const IDLE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The reason why a request was not acknowledged in the end.
#[derive(Debug)]
pub(super) enum SendError {
    /// It may succeed later.
    Transient(RetryReason),
    /// Nobody knows whether Klaviyo did it, and it must not be repeated at once.
    Unanswered,
    /// The key lacks a scope.
    Forbidden,
    /// It cannot succeed as it is.
    Refused(ApiErrors),
}

impl SendError {
    /// Whether one operation of a job may be the cause, without a word from Klaviyo.
    pub(super) fn may_be_one_operations_fault(&self) -> bool {
        match self {
            SendError::Transient(RetryReason::Unavailable) | SendError::Forbidden => true,
            SendError::Transient(_) | SendError::Unanswered | SendError::Refused(_) => false,
        }
    }

    /// Returns the error of every operation in the request.
    pub(super) fn into_operation_error(self) -> OperationError {
        match self {
            SendError::Transient(reason) => OperationError::Transient(reason),
            SendError::Unanswered => OperationError::Unanswered,
            SendError::Forbidden => OperationError::Transient(RetryReason::ApiKeyRejected),
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
    /// The requests that Klaviyo does not serve any more.
    pub revision_refused: usize,
}

/// The requests of one delivery to Klaviyo, with their deadline.
pub(super) struct Session<'d> {
    klaviyo: &'d Klaviyo,
    secrets: &'d Secrets,
    deadline: Instant,
    permits: Semaphore,
    /// Whether the permits are still those of the first requests.
    is_limited: Cell<bool>,
    // Cells will do: everything runs on one thread, and no borrow lasts over an await.
    latencies: RefCell<Vec<u64>>,
    throttled: Cell<usize>,
    revision_refused: Cell<usize>,
}

impl<'d> Session<'d> {
    /// Opens a session for a delivery of this many messages.
    pub(super) fn new(
        klaviyo: &'d Klaviyo,
        secrets: &'d Secrets,
        message_count: usize,
        deadline: Instant,
    ) -> Self {
        let is_trusted = klaviyo.is_proven() && message_count <= MAX_MESSAGES_AT_ONCE;
        let permits = if is_trusted {
            MAX_CONCURRENT_REQUESTS
        } else {
            FIRST_REQUESTS
        };
        Session {
            klaviyo,
            secrets,
            deadline,
            permits: Semaphore::new(permits),
            is_limited: Cell::new(!is_trusted),
            revision_refused: Cell::new(0),
            latencies: RefCell::default(),
            throttled: Cell::new(0),
        }
    }

    /// Returns the time for which Klaviyo still throttles single events, and single profiles.
    pub(super) fn singly_throttled_for(&self) -> [Option<Duration>; 2] {
        [
            self.klaviyo.single_events_throttled_for(),
            self.klaviyo.single_profiles_throttled_for(),
        ]
    }

    /// Returns the secret.
    pub(super) async fn secret(&self) -> Arc<Secret> {
        self.secrets.current(self.deadline).await
    }

    /// Returns the time of the slowest request so far.
    pub(super) fn slowest(&self) -> Duration {
        let slowest = self.latencies.borrow().iter().copied().max();
        Duration::from_millis(slowest.unwrap_or_default())
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
            revision_refused: self.revision_refused.get(),
        }
    }

    /// Sends a request until Klaviyo has acknowledged or refused it, or the time is over.
    pub(super) async fn send(&self, request: &ApiRequest) -> Result<Acknowledgement, SendError> {
        self.send_up_to(request, u32::MAX).await
    }

    /// Sends a job of several operations. If Klaviyo is unavailable for it twice, one of them may be
    /// the cause, and the caller has a better use for the time that is left.
    pub(super) async fn send_job(
        &self,
        request: &ApiRequest,
    ) -> Result<Acknowledgement, SendError> {
        self.send_up_to(request, MAX_UNAVAILABLE).await
    }

    async fn send_up_to(
        &self,
        request: &ApiRequest,
        max_unavailable: u32,
    ) -> Result<Acknowledgement, SendError> {
        let _permit = self.permits.acquire().await;
        let mut secret = self.secrets.current(self.deadline).await;
        // Klaviyo's last answer says more in a report than a timeout.
        let mut last_reason = RetryReason::Timeout;
        let mut unavailable = 0;
        for attempt in 0.. {
            if self.revision_refused.get() > 0 {
                return Err(SendError::Transient(RetryReason::RevisionRefused));
            }
            let time_left = self.time_left();
            if time_left.is_zero() {
                break;
            }
            if let Some(wait) = self.klaviyo.throttled_for(request) {
                return Err(throttled(request, Some(wait)));
            }
            let may_be_dead = attempt == 0 && self.klaviyo.has_idled();
            let timeout = if may_be_dead && request.is_idempotent() {
                // The second attempt never has less.
                IDLE_ATTEMPT_TIMEOUT.min(time_left / 2)
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
                Ok(acknowledgement) => {
                    self.trust();
                    return Ok(acknowledgement);
                }
                Err(error) => error,
            };
            if error.leaves_open() && request.asks_people() {
                return Err(SendError::Unanswered);
            }
            match retry_decision(&error) {
                // Whoever repeats it looks first what has become of it.
                RetryDecision::Retry { reason, .. }
                    if error.leaves_open() && !request.is_idempotent() =>
                {
                    return Err(SendError::Transient(reason));
                }
                RetryDecision::Retry { after, reason } => {
                    if reason != RetryReason::Timeout {
                        last_reason = reason;
                    }
                    if matches!(error, RequestError::Unavailable { .. }) {
                        unavailable += 1;
                        if unavailable >= max_unavailable {
                            return Err(SendError::Transient(last_reason));
                        }
                    }
                    if matches!(reason, RetryReason::Throttled(_)) {
                        self.throttled.set(self.throttled.get() + 1);
                    }
                    let pause = after.unwrap_or_default().saturating_add(backoff(attempt));
                    // Whatever nobody may repeat needs time for its answer too.
                    let reserve = if request.is_idempotent() {
                        Duration::ZERO
                    } else {
                        self.slowest() * 2
                    };
                    if pause + reserve >= self.time_left() {
                        if matches!(reason, RetryReason::Throttled(_)) {
                            if let Some(after) = after {
                                self.klaviyo.remember_throttle(request, after);
                            }
                            return Err(throttled(request, after));
                        }
                        return Err(SendError::Transient(last_reason));
                    }
                    sleep(pause).await;
                }
                RetryDecision::RefreshKey => {
                    let reason = RefreshReason::KeyRejected;
                    let fresh = self.secrets.refresh(reason, &secret, self.deadline).await;
                    if fresh.klaviyo_api_key() == secret.klaviyo_api_key() {
                        return Err(match error {
                            RequestError::Forbidden => SendError::Forbidden,
                            _ => SendError::Transient(RetryReason::ApiKeyRejected),
                        });
                    }
                    secret = fresh;
                }
                RetryDecision::Stop => {
                    self.klaviyo.set_proven(false);
                    self.revision_refused.set(self.revision_refused.get() + 1);
                    return Err(SendError::Transient(RetryReason::RevisionRefused));
                }
                RetryDecision::Fail(errors) => return Err(SendError::Refused(errors.clone())),
            }
        }
        Err(SendError::Transient(last_reason))
    }

    /// Lets all requests of the session go: Klaviyo has acknowledged one.
    fn trust(&self) {
        self.klaviyo.set_proven(true);
        if self.is_limited.replace(false) {
            self.permits
                .add_permits(MAX_CONCURRENT_REQUESTS - FIRST_REQUESTS);
        }
    }
}

/// Returns the error of a request that Klaviyo throttles.
fn throttled(request: &ApiRequest, wait: Option<Duration>) -> SendError {
    // Rounded up, so that nobody comes back a moment too early.
    let seconds = wait.map(|wait| wait.as_millis().div_ceil(1_000));
    let seconds = seconds.map(|seconds| u64::try_from(seconds).unwrap_or(u64::MAX));
    SendError::Transient(if request.has_job() {
        RetryReason::ThrottledSingly(seconds)
    } else {
        RetryReason::Throttled(seconds)
    })
}

/// Returns a pause with full jitter: anything up to a ceiling that doubles.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn backoff(attempt: u32) -> Duration {
    let ceiling = INITIAL_BACKOFF
        .saturating_mul(2_u32.saturating_pow(attempt))
        .min(MAX_BACKOFF);
    ceiling.mul_f64(fastrand::f64())
}
