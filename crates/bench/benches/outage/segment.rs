//! Segment, which sends the messages again that are not answered 200, and API Gateway.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use segment_klaviyo::handler::Reply;
use segment_klaviyo_bench::messages;
use serde_json::Value;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use super::fleet::InvocationFailure;
use super::simulation::World;
use super::traffic::message;

/// The time after which Segment gives up waiting for an answer:
/// <https://segment.com/docs/connections/destinations/catalog/webhooks/>
const PATIENCE: Duration = Duration::from_secs(5);

/// How often Segment sends a delivery again, and the first pause before that, which doubles: within
/// four hours. <https://segment.com/docs/connections/destinations/#retries>
const MAX_RESENDS: u32 = 9;
const FIRST_PAUSE: Duration = Duration::from_secs(28);

/// API Gateway's throttling: a bucket of tokens.
pub struct Api {
    throttle: Option<(f64, f64)>,
    tokens: Cell<f64>,
    filled_at: Cell<Instant>,
}

impl Api {
    /// Creates an API that admits so many requests a second, and a burst above that.
    pub fn new(throttle: Option<(f64, f64)>) -> Self {
        Api {
            throttle,
            tokens: Cell::new(throttle.map_or(0.0, |(_, burst)| burst)),
            filled_at: Cell::new(Instant::now()),
        }
    }

    fn admits(&self) -> bool {
        let Some((rate, burst)) = self.throttle else {
            return true;
        };
        let now = Instant::now();
        let since = now.duration_since(self.filled_at.replace(now));
        let tokens = (self.tokens.get() + since.as_secs_f64() * rate).min(burst);
        self.tokens
            .set(tokens - if tokens >= 1.0 { 1.0 } else { 0.0 });
        tokens >= 1.0
    }
}

/// Sends messages at the scenario's pace until the traffic is over.
pub async fn send_all(world: Rc<World>) {
    let options = &world.options;
    let started = Instant::now();
    let mut sent = 0;
    while !world.is_traffic_over() {
        spawn_local(deliver(world.clone(), sent));
        sent += options.batch;
        let due = started + Duration::from_secs_f64(sent as f64 / options.rate);
        tokio::time::sleep_until(due).await;
    }
}

/// Sends the delivery whose first message has this number until it is answered 200.
async fn deliver(world: Rc<World>, first: usize) {
    let event = {
        let options = &world.options;
        let numbers = first..first + options.batch;
        world
            .messages
            .borrow_mut()
            .send(numbers.clone(), world.now());
        let messages: Vec<_> = numbers
            .map(|number| message(number, options.identifies))
            .collect();
        let body = if options.batch == 1 {
            messages.into_iter().next().unwrap()
        } else {
            Value::Array(messages)
        };
        Rc::new(messages::event(&body))
    };
    for attempt in 0..=MAX_RESENDS {
        let status = request(&world, &event).await;
        world.count_status(status);
        if status == 200 {
            return;
        }
        let pause = FIRST_PAUSE * 2_u32.pow(attempt);
        sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
    }
}

/// Sends one request and returns the status that Segment sees. The function goes on when Segment has
/// given up.
async fn request(world: &Rc<World>, event: &Rc<String>) -> u16 {
    if !world.api.admits() {
        return 429;
    }
    let invocation = {
        let (world, event) = (world.clone(), event.clone());
        spawn_local(async move { world.fleet.invoke(&event).await })
    };
    match timeout(PATIENCE, invocation).await {
        Ok(Ok(Ok(Reply::Webhook(response)))) => response.status,
        Ok(Ok(Err(InvocationFailure::Throttled))) => 503,
        Ok(Ok(_)) => 500,
        Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => 504,
    }
}
