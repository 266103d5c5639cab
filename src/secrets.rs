//! The secret: loaded during init, cached, refreshed when it seems to have been rotated.

mod parse;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

pub use parse::Secret;

use crate::telemetry::{self, Log};

/// The least time between two refreshes for one cause, and between a failed refresh and the next:
/// forged requests must not become load on Secrets Manager.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// Why there is no usable secret. Never holds any part of it.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Secrets Manager did not give it out; AWS's own words.
    #[error("secret {id}: cannot be fetched from Secrets Manager: {reason}")]
    Fetch {
        /// `SECRET_ID`.
        id: String,
        /// What the SDK says.
        reason: String,
    },
    /// It was given out and cannot be used.
    #[error("secret {id}: {problem}; expected {}", parse::EXPECTED)]
    Content {
        /// `SECRET_ID`.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What made somebody doubt the copy in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshReason {
    /// A signature matched none of the shared secrets.
    SignatureMismatch,
    /// Klaviyo answered 401 or 403.
    KeyRejected,
}

/// The secret in hand and how to get it anew.
pub struct Secrets {
    client: Client,
    id: String,
    ttl: Duration,
    log: Log,
    state: Mutex<State>,
}

struct State {
    secret: Arc<Secret>,
    /// When the copy in hand stops being taken as fresh.
    stale_at: Instant,
    signature_refreshed: Option<Instant>,
    key_refreshed: Option<Instant>,
}

impl Secrets {
    /// Fetches the secret for the first time; without it the function must not start.
    pub async fn load(
        client: Client,
        id: &str,
        ttl: Duration,
        log: Log,
    ) -> Result<Self, SecretError> {
        let secret = Arc::new(fetch(&client, id).await?);
        let state = State {
            secret,
            stale_at: Instant::now() + ttl,
            signature_refreshed: None,
            key_refreshed: None,
        };
        Ok(Secrets {
            client,
            id: id.to_owned(),
            ttl,
            log,
            state: Mutex::new(state),
        })
    }

    /// The secret, fetched anew when it is older than its time to live. When that fails, or takes until
    /// `deadline`, the copy in hand serves on.
    pub async fn current(&self, deadline: Instant) -> Arc<Secret> {
        let mut state = self.state.lock().await;
        if state.stale_at <= Instant::now() {
            self.renew(&mut state, deadline).await;
        }
        state.secret.clone()
    }

    /// The secret after a doubt about `seen`: what somebody else has fetched meanwhile, or a new copy,
    /// at most once in ten seconds for each kind of doubt.
    pub async fn refresh(
        &self,
        doubt: RefreshReason,
        seen: &Arc<Secret>,
        deadline: Instant,
    ) -> Arc<Secret> {
        let mut state = self.state.lock().await;
        if Arc::ptr_eq(seen, &state.secret) {
            let last = match doubt {
                RefreshReason::SignatureMismatch => &mut state.signature_refreshed,
                RefreshReason::KeyRejected => &mut state.key_refreshed,
            };
            if last.is_none_or(|last| last.elapsed() >= MIN_REFRESH_INTERVAL) {
                *last = Some(Instant::now());
                self.renew(&mut state, deadline).await;
            }
        }
        state.secret.clone()
    }

    /// Whether the secret can be fetched and used as it is now; from then on it is the copy in hand.
    pub async fn check(&self, deadline: Instant) -> Result<Arc<Secret>, SecretError> {
        let mut state = self.state.lock().await;
        self.fetch_until(&mut state, deadline).await?;
        Ok(state.secret.clone())
    }

    async fn renew(&self, state: &mut State, deadline: Instant) {
        if let Err(error) = self.fetch_until(state, deadline).await {
            self.log
                .warn("secret not refreshed, the copy in hand serves", &error);
            state.stale_at = state.stale_at.max(Instant::now() + MIN_REFRESH_INTERVAL);
        }
    }

    async fn fetch_until(&self, state: &mut State, deadline: Instant) -> Result<(), SecretError> {
        let fetched = timeout_at(deadline, fetch(&self.client, &self.id)).await;
        let late = |_| SecretError::Fetch {
            id: self.id.clone(),
            reason: "no time left".to_owned(),
        };
        let secret = fetched.map_err(late).flatten()?;
        state.stale_at = Instant::now() + self.ttl;
        // The same secret stays the same copy: nobody need try again with it.
        if secret != *state.secret {
            state.secret = Arc::new(secret);
        }
        Ok(())
    }
}

async fn fetch(client: &Client, id: &str) -> Result<Secret, SecretError> {
    let content = |problem: String| SecretError::Content {
        id: id.to_owned(),
        problem,
    };
    let answer = client.get_secret_value().secret_id(id).send().await;
    // The SDK's Debug could show an answer's body, so only codes, messages and causes are taken.
    let answer = answer.map_err(|error| SecretError::Fetch {
        id: id.to_owned(),
        reason: match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            _ => telemetry::error_chain(&error),
        },
    })?;
    let text = answer
        .secret_string()
        .ok_or_else(|| content("it is binary".to_owned()))?;
    Secret::parse(text).map_err(content)
}
