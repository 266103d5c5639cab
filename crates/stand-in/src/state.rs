//! Everything that a stand-in holds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chaos::Chaos;
use crate::credentials::{API_KEY, secret};
use crate::dynamodb::Tables;
use crate::faults::Fault;
use crate::forward::{self, BoxError};
use crate::klaviyo::{self, Account, Mishap, RateLimiter};
use crate::options::StandInOptions;
use crate::request::{KlaviyoRequest, RecordedRequest};
use crate::response::JsonResponse;
use crate::sqs::{LiveQueue, QueueFaults, ReceivedMessage};

/// The state of a stand-in. Everything can be read and changed while it runs.
#[derive(Debug)]
pub struct StandInState {
    /// The `SecretString` of every secret; `None` for secrets that do not exist.
    pub secret: Option<String>,
    /// The bodies in each SQS queue, by its URL.
    pub queues: BTreeMap<String, Vec<String>>,
    /// The queues that are read as SQS has them read, by their URLs. They take the place of those in
    /// [`queues`](Self::queues).
    pub live_queues: BTreeMap<String, LiveQueue>,
    /// The delays of the entries in each request to SQS that did not fail, in seconds.
    pub queue_requests: Vec<Vec<u64>>,
    /// The messages that somebody has received, and that are neither deleted nor visible again.
    pub received: Vec<ReceivedMessage>,
    /// When SQS answers 500.
    pub queue_faults: QueueFaults,
    /// The items of DynamoDB's tables.
    pub tables: Tables,
    /// Whether DynamoDB answers 500 to everything.
    pub tables_down: bool,
    /// The number of requests to DynamoDB.
    pub table_requests: usize,
    /// The time that SQS and DynamoDB take for each request.
    pub aws_latency: Duration,
    /// The number of those that read.
    pub table_reads: usize,
    /// The time that Secrets Manager takes.
    pub secret_delay: Duration,
    /// The number of times that the secret was fetched.
    pub fetches: usize,
    /// Whether Klaviyo enforces its documented rate limits.
    pub rate_limits: bool,
    /// The time that Klaviyo takes for each request.
    pub latency: Duration,
    /// Every request to Klaviyo, in the order of the answers.
    pub requests: Vec<RecordedRequest>,
    /// The Klaviyo account.
    pub account: Account,
    /// Faults on demand.
    pub faults: Vec<Fault>,
    /// Faults at random.
    pub chaos: Option<Chaos>,
    /// The number of consents that were recorded although a fault hid the acknowledgement.
    pub unacknowledged_consents: usize,
    /// The number of further requests until Klaviyo asks to wait for two minutes.
    pub accept_then_throttle: Option<usize>,
    /// The one path that [`accept_then_throttle`](Self::accept_then_throttle) is about; all when
    /// `None`.
    pub throttle_only: Option<String>,
    /// A text whose presence in a body makes Klaviyo answer this status without saying why.
    pub refuse_bodies_with: Option<(String, u16)>,
    /// The base URL of another Klaviyo, which gets the requests instead of the account here.
    pub forward_to: Option<String>,
    rate_limiter: RateLimiter,
    client: Option<reqwest::Client>,
}

impl StandInState {
    /// Returns the state of a stand-in that has just started.
    pub(crate) fn new(options: StandInOptions) -> Self {
        let mut account = Account::default();
        let secret = secret(options.api_key.as_deref().unwrap_or(API_KEY));
        account.api_key = options.api_key;
        StandInState {
            secret: Some(secret),
            queues: BTreeMap::new(),
            live_queues: BTreeMap::new(),
            queue_requests: Vec::new(),
            received: Vec::new(),
            queue_faults: QueueFaults::default(),
            tables: Tables::new(),
            tables_down: false,
            table_requests: 0,
            aws_latency: Duration::ZERO,
            table_reads: 0,
            secret_delay: Duration::ZERO,
            fetches: 0,
            rate_limits: options.rate_limits,
            latency: options.latency,
            requests: Vec::new(),
            account,
            faults: Vec::new(),
            chaos: None,
            unacknowledged_consents: 0,
            accept_then_throttle: None,
            throttle_only: None,
            refuse_bodies_with: None,
            forward_to: None,
            rate_limiter: RateLimiter::default(),
            client: None,
        }
    }

    /// Forgets what the services hold, the recorded requests and all faults. The secret, the API
    /// key, the rate limits, the latency and the switches stay.
    pub fn reset(&mut self) {
        let api_key = self.account.api_key.take();
        let switches = std::mem::take(&mut self.account.switches);
        let secret = self.secret.take();
        *self = StandInState {
            secret,
            forward_to: self.forward_to.take(),
            client: self.client.take(),
            ..StandInState::new(StandInOptions {
                rate_limits: self.rate_limits,
                latency: self.latency,
                api_key,
            })
        };
        self.account.switches = switches;
    }

    /// Takes the fault of a request, if it has one.
    pub(crate) fn next_fault(&mut self, request: &KlaviyoRequest) -> Option<Fault> {
        if let Some((text, status)) = &self.refuse_bodies_with
            && String::from_utf8_lossy(&request.body).contains(text)
        {
            return Some(Fault::status("", *status, 1));
        }
        if self.throttles(request.uri.path()) {
            return Some(Fault::busy());
        }
        if let Some(fault) = Fault::take_next(&mut self.faults, request.uri.path()) {
            return Some(fault);
        }
        self.chaos.as_mut()?.next(request.uri.path())
    }

    fn throttles(&mut self, path: &str) -> bool {
        if let Some(only) = &self.throttle_only
            && only != path
        {
            return false;
        }
        match &mut self.accept_then_throttle {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// Answers a request as Klaviyo would.
    pub(crate) fn answer(&mut self, request: &KlaviyoRequest, mishap: Mishap) -> JsonResponse {
        let rate_limiter = self.rate_limits.then_some(&mut self.rate_limiter);
        klaviyo::answer(&mut self.account, rate_limiter, request, mishap)
    }

    /// Answers `GetSecretValue`'s caller and counts it.
    pub(crate) fn fetch_secret(&mut self) -> Option<&str> {
        self.fetches += 1;
        self.secret.as_deref()
    }

    /// Returns the client that forwards requests, which keeps its connections.
    pub(crate) fn client(&mut self) -> Result<reqwest::Client, BoxError> {
        match &self.client {
            Some(client) => Ok(client.clone()),
            None => Ok(self.client.insert(forward::client()?).clone()),
        }
    }
}
