//! A shop: a function that runs against a stand-in for AWS and Klaviyo.

use std::sync::Arc;

use segment_klaviyo::handler::{Destination, InvocationContext, InvocationError, Reply};
use segment_klaviyo::ingress::EventPayload;
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo_stand_in::StandIn;
use serde_json::Value;

use super::function::start;
use super::http::signed_event;
use super::klaviyo::Klaviyo;
use super::log::MemoryLog;
use super::secrets::SecretsManager;
use super::settings::Setting;

pub(super) const RETRY_QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/retry";
pub(super) const DEAD_LETTER_QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/dead";

/// The name of the ledger's table.
const TABLE: &str = "memory";

const QUEUES: [Setting; 2] = [
    ("RETRY_QUEUE_URL", RETRY_QUEUE),
    ("DEAD_LETTER_QUEUE_URL", DEAD_LETTER_QUEUE),
];

pub(crate) struct Shop {
    pub(super) stand_in: StandIn,
    /// The instances of the function. Only the first one, unless a test names another.
    pub(super) instances: Vec<Destination>,
    settings: Vec<(String, String)>,
    log: Arc<MemoryLog>,
}

/// The start of a shop.
impl Shop {
    /// Starts a function without queues.
    pub(crate) async fn open(settings: &[Setting<'_>]) -> Self {
        let stand_in = StandIn::start().await.unwrap();
        let log = Arc::<MemoryLog>::default();
        let function = start(&stand_in, settings, log.clone()).await.unwrap();
        Shop {
            stand_in,
            instances: vec![function],
            settings: owned(settings),
            log,
        }
    }

    /// Starts a function with a retry queue and a dead-letter queue.
    pub(crate) async fn open_with_queues(settings: &[Setting<'_>]) -> Self {
        Shop::open(&[settings, &QUEUES].concat()).await
    }

    /// Starts the function with its queues again, beside the same Klaviyo and AWS.
    pub(crate) async fn reopen_with_queues(self, settings: &[Setting<'_>]) -> Self {
        self.reopen(&[settings, &QUEUES].concat()).await
    }

    /// Starts a function with a retry queue, a dead-letter queue and a ledger of consents.
    pub(crate) async fn open_with_ledger(settings: &[Setting<'_>]) -> Self {
        Shop::open_with_queues(&[settings, &[("MEMORY_TABLE", TABLE)]].concat()).await
    }

    /// Starts the function again, beside the same Klaviyo and AWS.
    pub(crate) async fn reopen(self, settings: &[Setting<'_>]) -> Self {
        let function = start(&self.stand_in, settings, self.log.clone())
            .await
            .unwrap();
        Shop {
            instances: vec![function],
            settings: owned(settings),
            ..self
        }
    }

    /// Starts the function with its queues and its ledger again.
    pub(crate) async fn reopen_with_ledger(self, settings: &[Setting<'_>]) -> Self {
        let settings = [settings, &[("MEMORY_TABLE", TABLE)]].concat();
        self.reopen_with_queues(&settings).await
    }

    /// Starts as many functions with a retry queue, a dead-letter queue and a common ledger of
    /// consents.
    pub(crate) async fn open_with_instances(count: usize, settings: &[Setting<'_>]) -> Self {
        let settings = [settings, &QUEUES, &[("MEMORY_TABLE", TABLE)]].concat();
        let mut shop = Shop::open(&settings).await;
        while shop.instances.len() < count {
            let instance = start(&shop.stand_in, &settings, shop.log.clone()).await;
            shop.instances.push(instance.unwrap());
        }
        shop
    }
}

/// Deliveries.
impl Shop {
    /// Sends a message, or an array of messages, as Segment would: signed, through the HTTP API.
    pub(crate) async fn send(&self, body: &Value) -> WebhookResponse {
        self.send_raw(&body.to_string()).await
    }

    /// Sends messages in one delivery.
    pub(crate) async fn send_all(&self, messages: Vec<Value>) -> WebhookResponse {
        self.send(&messages.into()).await
    }

    pub(crate) async fn send_raw(&self, body: &str) -> WebhookResponse {
        self.handle(&signed_event(body)).await
    }

    /// Hands over an event of Segment, by whichever way it comes in.
    pub(crate) async fn handle(&self, event: &Value) -> WebhookResponse {
        let invocation = InvocationContext::default();
        match self.invoke(event, invocation).await.unwrap() {
            Reply::Webhook(answer) | Reply::Message(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Hands over an event as Lambda would.
    pub(crate) async fn invoke(
        &self,
        event: &Value,
        invocation: InvocationContext,
    ) -> Result<Reply, InvocationError> {
        self.invoke_instance(0, event, invocation).await
    }

    async fn invoke_instance(
        &self,
        instance: usize,
        event: &Value,
        invocation: InvocationContext,
    ) -> Result<Reply, InvocationError> {
        invoke(&self.instances[instance], event, invocation).await
    }

    pub(super) async fn another_instance(&self) -> Destination {
        let settings = self.settings.iter();
        let settings: Vec<Setting> = settings.map(|(name, value)| (&**name, &**value)).collect();
        start(&self.stand_in, &settings, self.log.clone())
            .await
            .unwrap()
    }

    /// Sends messages in one delivery to an instance until it takes them, as Segment resends what is
    /// answered 5xx. Returns the answer.
    pub(crate) async fn send_until_taken(
        &self,
        instance: usize,
        messages: Vec<Value>,
    ) -> WebhookResponse {
        let event = signed_event(&Value::from(messages).to_string());
        loop {
            let invocation = InvocationContext::default();
            let reply = self.invoke_instance(instance, &event, invocation).await;
            let Ok(Reply::Webhook(answer)) = reply else {
                panic!("{reply:?}")
            };
            if answer.status < 500 {
                return answer;
            }
        }
    }
}

/// What surrounds the function.
impl Shop {
    pub(crate) fn klaviyo(&self) -> Klaviyo<'_> {
        Klaviyo::of(&self.stand_in)
    }

    pub(crate) fn secrets_manager(&self) -> SecretsManager<'_> {
        SecretsManager::of(&self.stand_in)
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lines()
    }

    /// Makes the function panic when it logs this message.
    pub(crate) fn panic_at(&self, message: &'static str) {
        self.log.panic_at(message);
    }
}

pub(super) async fn invoke(
    instance: &Destination,
    event: &Value,
    invocation: InvocationContext,
) -> Result<Reply, InvocationError> {
    let event: EventPayload = serde_json::from_str(&event.to_string()).unwrap();
    instance.handle(&event, invocation).await
}

fn owned(settings: &[Setting<'_>]) -> Vec<(String, String)> {
    let settings = settings.iter();
    settings
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
