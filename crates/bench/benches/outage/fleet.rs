//! Lambda: as many instances as there are invocations at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use segment_klaviyo::handler::{Destination, InvocationContext, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::telemetry::Log;
use tokio::time::{sleep, timeout};

use super::processor::Slowed;

/// The time in which Lambda prepares an instance, before the function's own start.
const COLD_START: Duration = Duration::from_millis(200);

/// Why an invocation has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationFailure {
    /// Lambda has no free instance.
    Throttled,
    /// The function failed, or took too long.
    Failed,
}

/// The instances of the function.
pub struct Fleet {
    environment: Vec<(String, String)>,
    log: Log,
    timeout: Duration,
    max_instances: usize,
    /// How many times slower an instance's processor is than this one.
    slowdown: f64,
    idle: RefCell<Vec<Rc<Destination>>>,
    busy: Cell<usize>,
    /// The most instances at work at a time.
    pub peak: Cell<usize>,
    /// Invocations that Lambda refused.
    pub throttled: Cell<usize>,
    /// Invocations that failed.
    pub failed: Cell<usize>,
}

impl Fleet {
    /// Creates a fleet without instances, whose function has these variables.
    pub fn new(
        environment: Vec<(String, String)>,
        log: Log,
        timeout: Duration,
        max_instances: usize,
        slowdown: f64,
    ) -> Self {
        Fleet {
            environment,
            log,
            timeout,
            max_instances,
            slowdown,
            idle: RefCell::default(),
            busy: Cell::default(),
            peak: Cell::default(),
            throttled: Cell::default(),
            failed: Cell::default(),
        }
    }

    /// Returns the number of instances at work.
    pub fn busy(&self) -> usize {
        self.busy.get()
    }

    /// Hands an event to a free instance, or to a new one.
    pub async fn invoke(&self, event: &str) -> Result<Reply, InvocationFailure> {
        if self.busy.get() >= self.max_instances {
            self.throttled.set(self.throttled.get() + 1);
            return Err(InvocationFailure::Throttled);
        }
        self.busy.set(self.busy.get() + 1);
        self.peak.set(self.peak.get().max(self.busy.get()));
        let reply = self.invoke_instance(event).await;
        self.busy.set(self.busy.get() - 1);
        if reply.is_err() {
            self.failed.set(self.failed.get() + 1);
        }
        reply
    }

    async fn invoke_instance(&self, event: &str) -> Result<Reply, InvocationFailure> {
        let idle = self.idle.borrow_mut().pop();
        let instance = match idle {
            Some(instance) => instance,
            None => self.start().await,
        };
        let context = InvocationContext {
            request_id: None,
            time_left: Some(self.timeout),
        };
        // Lambda stops an instance that takes too long, and it is gone.
        let handling = async {
            let event: EventPayload = serde_json::from_str(event).unwrap();
            instance.handle(&event, context).await
        };
        let reply = timeout(self.timeout, Slowed::new(handling, self.slowdown)).await;
        let Ok(reply) = reply else {
            return Err(InvocationFailure::Failed);
        };
        self.idle.borrow_mut().push(instance);
        reply.map_err(|_| InvocationFailure::Failed)
    }

    async fn start(&self) -> Rc<Destination> {
        sleep(COLD_START).await;
        let get = |name: &str| {
            let variable = self.environment.iter().find(|(known, _)| known == name);
            variable.map(|(_, value)| value.clone())
        };
        Rc::new(Destination::start(get, self.log.clone()).await.unwrap())
    }
}
