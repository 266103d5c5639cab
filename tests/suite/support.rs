//! A shop: a function that runs against a stand-in for AWS and Klaviyo.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use segment_klaviyo::handler::{Destination, InvocationContext, Reply, StartError};
use segment_klaviyo::ingress::{EventPayload, UnsupportedEvent};
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo::signature;
use segment_klaviyo::telemetry::Log;
use segment_klaviyo_stand_in::{SHARED_SECRET, StandIn};
use serde_json::{Value, json};

pub(crate) const RETRY_QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/retry";
pub(crate) const DEAD_LETTERS: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/dead";

/// Marks a line of the log at which to panic.
const PANIC: &str = "panic at ";

pub(crate) struct Shop {
    pub(crate) stand_in: StandIn,
    destination: Destination,
    log: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    pub(crate) async fn open(settings: &[(&str, &str)]) -> Self {
        let stand_in = StandIn::start().await.unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let destination = start(&stand_in, settings, log.clone()).await.unwrap();
        Shop {
            stand_in,
            destination,
            log,
        }
    }

    /// A shop with both queues.
    pub(crate) async fn open_with_queues(settings: &[(&str, &str)]) -> Self {
        let queues = [
            ("RETRY_QUEUE_URL", RETRY_QUEUE),
            ("DEAD_LETTER_QUEUE_URL", DEAD_LETTERS),
        ];
        Shop::open(&[settings, &queues].concat()).await
    }

    /// The same shop with a function that has just started.
    pub(crate) async fn reopen(self, settings: &[(&str, &str)]) -> Self {
        let destination = start(&self.stand_in, settings, self.log.clone())
            .await
            .unwrap();
        Shop {
            destination,
            ..self
        }
    }

    /// Sends messages as Segment would: signed, through the HTTP API.
    pub(crate) async fn send(&self, body: &Value) -> WebhookResponse {
        self.send_raw(&body.to_string()).await
    }

    pub(crate) async fn send_raw(&self, body: &str) -> WebhookResponse {
        self.handle(&signed_raw(body)).await
    }

    pub(crate) async fn handle(&self, event: &Value) -> WebhookResponse {
        match self
            .invoke(event, InvocationContext::default())
            .await
            .unwrap()
        {
            Reply::Webhook(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn invoke(
        &self,
        event: &Value,
        invocation: InvocationContext,
    ) -> Result<Reply, UnsupportedEvent> {
        let event: EventPayload = serde_json::from_str(&event.to_string()).unwrap();
        self.destination.handle(&event, invocation).await
    }

    /// Makes the next line of this message panic, in the midst of whatever logs it.
    pub(crate) fn panic_on_log(&self, message: &'static str) {
        self.log.lock().unwrap().push(format!("{PANIC}{message}"));
    }

    /// How many events Klaviyo holds.
    pub(crate) fn events(&self) -> usize {
        self.stand_in.state().account.events.len()
    }

    /// How many profiles Klaviyo holds.
    pub(crate) fn profiles(&self) -> usize {
        self.stand_in.state().account.profiles.len()
    }

    /// What waits in the retry queue.
    pub(crate) fn waiting(&self) -> Vec<Value> {
        self.queue(RETRY_QUEUE)
    }

    /// What can never succeed.
    pub(crate) fn dead_letters(&self) -> Vec<Value> {
        self.queue(DEAD_LETTERS)
    }

    fn queue(&self, url: &str) -> Vec<Value> {
        let held = self.stand_in.state();
        let bodies = held.queues.get(url).cloned().unwrap_or_default();
        bodies
            .iter()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect()
    }

    /// Hands a queue's bodies to the function as Lambda would, at most ten at once, and puts those that fail
    /// back. How many failed.
    pub(crate) async fn redeliver(&self, url: &str) -> usize {
        let bodies = self.stand_in.state().queues.remove(url).unwrap_or_default();
        let mut failures = 0;
        for bodies in bodies.chunks(10) {
            let record = |(id, body): (usize, &String)| json!({"messageId": id.to_string(), "eventSource": "aws:sqs", "body": body});
            let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
            let reply = self
                .invoke(&json!({"Records": records}), InvocationContext::default())
                .await
                .unwrap();
            let Reply::Records(failed) = reply else {
                panic!("{reply:?}")
            };
            failures += failed.batch_item_failures.len();
            for failed in failed.batch_item_failures {
                let body = bodies[failed.item_identifier.parse::<usize>().unwrap()].clone();
                self.stand_in
                    .state()
                    .queues
                    .entry(url.to_owned())
                    .or_default()
                    .push(body);
            }
        }
        failures
    }

    /// The paths that were called, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.stand_in
            .state()
            .requests
            .iter()
            .map(|call| call.path.clone())
            .collect()
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Starts a function that delivers to `stand_in`.
pub(crate) async fn start(
    stand_in: &StandIn,
    settings: &[(&str, &str)],
    log: Arc<Mutex<Vec<String>>>,
) -> Result<Destination, StartError> {
    let environment = stand_in.environment();
    let get = |name: &str| {
        let chosen = settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned());
        chosen.or_else(|| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.clone())
        })
    };
    let sink = move |line: &str| {
        let mut lines = log.lock().unwrap();
        let awaited = lines.iter().position(|held| {
            held.strip_prefix(PANIC)
                .is_some_and(|message| line.contains(message))
        });
        match awaited {
            Some(at) => {
                lines.remove(at);
                drop(lines);
                panic!("as the test asked");
            }
            None => lines.push(line.to_owned()),
        }
    };
    Destination::start(get, Log::new(sink)).await
}

/// What API Gateway makes of a request that Segment signed.
pub(crate) fn signed(body: &Value) -> Value {
    signed_raw(&body.to_string())
}

fn signed_raw(body: &str) -> Value {
    let signature = signature::sign(body.as_bytes(), SHARED_SECRET).unwrap();
    http_event(body, &json!({"x-signature": signature}))
}

pub(crate) fn http_event(body: &str, headers: &Value) -> Value {
    json!({"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "headers": headers, "body": body})
}

pub(crate) fn track(message_id: &str, properties: &Value) -> Value {
    json!({
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "timestamp": "2026-11-20T10:00:00Z",
        "userId": "usr_1",
        "context": {"traits": {"email": "sarah@klaviyo-demo.com"}},
        "properties": properties,
    })
}

pub(crate) fn identify(traits: &Value, integrations: &Value) -> Value {
    json!({
        "type": "identify",
        "messageId": "m-identify",
        "timestamp": "2026-11-20T10:00:00Z",
        "userId": "usr_1",
        "traits": traits,
        "integrations": integrations,
    })
}

/// An order of `lines` lines.
pub(crate) fn order(id: &str, lines: usize) -> Value {
    let products: Vec<_> = (0..lines)
        .map(|n| json!({"product_id": format!("p{n}"), "price": 19.99, "quantity": 3}))
        .collect();
    json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("m-{id}"),
        "timestamp": "2026-11-20T10:00:00Z",
        "properties": {"email": "sarah@klaviyo-demo.com", "order_id": id, "total": 59.97, "products": products},
    })
}

pub(crate) fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
