//! The secret: loaded during init, cached, and refreshed when it expires or may have been rotated.

mod secret;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

pub use secret::{InvalidSecret, Secret};

use crate::telemetry::{self, Log};

/// The shortest time between two refreshes for the same reason, and between a failed refresh and
/// the next attempt.
///
/// Anybody on the internet can send a wrong signature, and each one is a reason to refresh. Without
/// this limit a flood of them would use up Secrets Manager's quota, which the whole AWS account
/// shares, and every fetch is billed. The limit holds for each reason by itself, so that forged
/// signatures cannot keep the function from noticing a rotated Klaviyo key. While it keeps a rotated
/// shared secret unnoticed, signatures that do not match are answered 503, so that Segment resends.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// The reason why there is no usable secret. It never holds any part of the secret.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Secrets Manager did not return the secret.
    #[error("secret {id}: cannot be fetched from Secrets Manager: {reason}")]
    Fetch {
        /// The value of `SECRET_ID`.
        id: String,
        /// The error code and message of AWS, or the error of the SDK.
        reason: String,
    },
    /// Secrets Manager returned a secret that cannot be used.
    #[error("secret {id}: {problem}; expected {}", secret::EXPECTED)]
    Content {
        /// The value of `SECRET_ID`.
        id: String,
        /// The first problem in it.
        problem: InvalidSecret,
    },
}

/// Fields of the secret that the function does not read.
#[derive(Debug, Error)]
#[error("unknown fields: {0}; expected {expected}", expected = secret::EXPECTED)]
struct UnknownFields(String);

/// The reason why the cached secret may be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshReason {
    /// A signature matched none of the shared secrets, or the webhook token did not match.
    SignatureMismatch,
    /// Klaviyo answered 401 or 403.
    KeyRejected,
}

/// The secret after an attempt to refresh it.
#[derive(Debug)]
pub struct Refreshed {
    /// The secret that replaces the stale one, or the stale one itself.
    pub secret: Arc<Secret>,
    /// The time after which the secret may be fetched again, if it was not fetched now.
    pub paused: Option<Duration>,
}

/// The cached secret and the client that refreshes it.
pub struct Secrets {
    client: Client,
    id: String,
    ttl: Duration,
    log: Log,
    /// The lock is held while the secret is fetched, which is why it is Tokio's. Many requests to
    /// Klaviyo are in flight side by side, and after a rotation of the key all of them fail
    /// together: the first one fetches the new secret, and the others wait for that one answer
    /// instead of fetching it once each. Nobody waits past the deadline of the delivery.
    cache: Mutex<Cache>,
}

/// The cached secret and the times that decide when it may be fetched again.
struct Cache {
    secret: Arc<Secret>,
    /// The time from which the secret no longer counts as fresh.
    expires_at: Instant,
    last_signature_refresh: Option<Instant>,
    last_key_refresh: Option<Instant>,
}

impl Secrets {
    /// Fetches the secret for the first time. The function must not start without it.
    pub async fn load(
        client: Client,
        id: &str,
        ttl: Duration,
        log: Log,
    ) -> Result<Self, SecretError> {
        let secret = fetch(&client, id).await?;
        warn_of_unknown_fields(&log, &secret);
        let cache = Cache {
            secret: Arc::new(secret),
            expires_at: Instant::now() + ttl,
            last_signature_refresh: None,
            last_key_refresh: None,
        };
        Ok(Secrets {
            client,
            id: id.to_owned(),
            ttl,
            log,
            cache: Mutex::new(cache),
        })
    }

    /// Returns the secret, fetched again if it is older than its time to live. If that fails, or is
    /// not finished at `deadline`, the cached secret stays in use.
    pub async fn current(&self, deadline: Instant) -> Arc<Secret> {
        let mut cache = self.cache.lock().await;
        if cache.expires_at <= Instant::now() {
            self.try_refetch(&mut cache, deadline).await;
        }
        cache.secret.clone()
    }

    /// Returns the secret that replaces `stale`.
    ///
    /// If somebody else has replaced `stale` already, that is the cached one. Otherwise the secret
    /// is fetched again, at most every 10 seconds for each reason. The result is `stale` itself if
    /// it has not changed, cannot be fetched before `deadline`, or may not be fetched again yet:
    /// repeating a request with it is useless.
    pub async fn refresh(
        &self,
        reason: RefreshReason,
        stale: &Arc<Secret>,
        deadline: Instant,
    ) -> Arc<Secret> {
        self.refresh_unless_paused(reason, stale, deadline)
            .await
            .secret
    }

    /// Returns the secret that replaces `stale`, and for how long it cannot be fetched again if it
    /// could not be fetched now. Otherwise the same as [`Secrets::refresh`].
    pub async fn refresh_unless_paused(
        &self,
        reason: RefreshReason,
        stale: &Arc<Secret>,
        deadline: Instant,
    ) -> Refreshed {
        let mut cache = self.cache.lock().await;
        let mut paused = None;
        if Arc::ptr_eq(stale, &cache.secret) {
            paused = cache.pause(reason);
            if paused.is_none() && !self.try_refetch(&mut cache, deadline).await {
                paused = Some(MIN_REFRESH_INTERVAL);
            }
        }
        Refreshed {
            secret: cache.secret.clone(),
            paused,
        }
    }

    /// Fetches the secret, whatever its age, and caches it. Returns an error if that fails or is not
    /// finished at `deadline`; the cached secret then stays in use.
    pub async fn check(&self, deadline: Instant) -> Result<Arc<Secret>, SecretError> {
        let mut cache = self.cache.lock().await;
        self.refetch(&mut cache, deadline).await?;
        Ok(cache.secret.clone())
    }

    /// Fetches the secret. Returns whether that succeeded; a failure is logged and postpones the
    /// next attempt.
    async fn try_refetch(&self, cache: &mut Cache, deadline: Instant) -> bool {
        let refetched = self.refetch(cache, deadline).await;
        if let Err(error) = &refetched {
            self.log.warn(
                "secret refresh failed, the cached secret stays in use",
                error,
            );
            let next_attempt = Instant::now() + MIN_REFRESH_INTERVAL;
            cache.expires_at = cache.expires_at.max(next_attempt);
        }
        refetched.is_ok()
    }

    async fn refetch(&self, cache: &mut Cache, deadline: Instant) -> Result<(), SecretError> {
        let Ok(fetched) = timeout_at(deadline, fetch(&self.client, &self.id)).await else {
            return Err(SecretError::Fetch {
                id: self.id.clone(),
                reason: "timed out".to_owned(),
            });
        };
        let secret = fetched?;
        cache.expires_at = Instant::now() + self.ttl;
        // An equal secret keeps its `Arc`. Whoever refreshes compares the pointers, and sees from an
        // unchanged one that a second request with it would fail like the first.
        if secret != *cache.secret {
            warn_of_unknown_fields(&self.log, &secret);
            cache.secret = Arc::new(secret);
        }
        Ok(())
    }
}

/// Logs the fields that the function does not read: one of them may be a misspelled token.
fn warn_of_unknown_fields(log: &Log, secret: &Secret) {
    let names = secret.unknown_fields();
    if !names.is_empty() {
        let unknown = UnknownFields(names.join(", "));
        log.warn("the secret holds fields that are not used", &unknown);
    }
}

impl Cache {
    /// Returns the time for which no refresh for this reason is allowed. If there is none, this
    /// moment counts as the last refresh.
    fn pause(&mut self, reason: RefreshReason) -> Option<Duration> {
        let last_refresh = match reason {
            RefreshReason::SignatureMismatch => &mut self.last_signature_refresh,
            RefreshReason::KeyRejected => &mut self.last_key_refresh,
        };
        if let Some(last) = last_refresh
            && let Some(left) = MIN_REFRESH_INTERVAL.checked_sub(last.elapsed())
            && !left.is_zero()
        {
            return Some(left);
        }
        *last_refresh = Some(Instant::now());
        None
    }
}

async fn fetch(client: &Client, id: &str) -> Result<Secret, SecretError> {
    let output = match client.get_secret_value().secret_id(id).send().await {
        Ok(output) => output,
        Err(error) => {
            // The SDK's `Debug` could show the body of a response, so only codes, messages and
            // causes are taken.
            let reason = match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                _ => telemetry::error_chain(&error),
            };
            return Err(SecretError::Fetch {
                id: id.to_owned(),
                reason,
            });
        }
    };
    let parsed = match output.secret_string() {
        Some(json) => Secret::parse(json),
        None => Err(InvalidSecret::Binary),
    };
    parsed.map_err(|problem| SecretError::Content {
        id: id.to_owned(),
        problem,
    })
}
