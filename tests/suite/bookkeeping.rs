//! A message is delivered only if Klaviyo has acknowledged every operation. A bug that forgets an
//! operation ends in a retry, since nobody has to report a failure.

use std::time::Duration;

use segment_klaviyo::aws::Aws;
use segment_klaviyo::delivery::{Dispatcher, InFlight, InboundMessage, ListOptIns, decide_batch};
use segment_klaviyo::http::{self, SdkHttp};
use segment_klaviyo::klaviyo::{Klaviyo, SingleLimits};
use segment_klaviyo::outcome::{Outcome, RetryReason};
use segment_klaviyo::response::WebhookResponse;
use segment_klaviyo::secrets::Secrets;
use segment_klaviyo::telemetry::Log;
use segment_klaviyo_stand_in::StandIn;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::support::answers::{counts, reasons};
use crate::support::klaviyo;
use crate::support::messages::{identify, order};
use crate::support::paths::{EVENTS, IMPORT};
use crate::support::people::SARAH;
use crate::support::settings::{SUBSCRIBE_ALL, rule_settings};

/// Returns an identify, which has a profile and a subscription to do, and an order with two events.
fn raw_messages() -> [Box<RawValue>; 2] {
    [identify(SARAH, serde_json::json!({})), order("R1", 1)]
        .map(|message| serde_json::value::to_raw_value(&message).unwrap())
}

fn plan_all(raw: &[Box<RawValue>]) -> Vec<InFlight<'_>> {
    let now = OffsetDateTime::now_utc();
    let messages = raw.iter().map(|raw| InboundMessage::new(raw, now));
    decide_batch(messages, &rule_settings([SUBSCRIBE_ALL]))
}

fn answer(batch: &[InFlight]) -> WebhookResponse {
    let results: Vec<_> = batch.iter().map(InFlight::result).collect();
    WebhookResponse::from_results(&results)
}

/// Sends a batch to `stand_in`, and forgets its subscriptions.
async fn dispatch_without_subscriptions(stand_in: &StandIn, batch: &[InFlight<'_>]) {
    let environment = stand_in.environment();
    let get = |name: &str| {
        let variable = environment.iter().find(|(key, _)| *key == name)?;
        Some(variable.1.clone())
    };
    let http = http::client().unwrap();
    let aws = Aws::from_env(get, SdkHttp { http: http.clone() }).unwrap();
    let ttl = Duration::from_secs(60);
    let secrets = Secrets::load(aws.secrets_manager(), "local", ttl, Log::new(|_| {}))
        .await
        .unwrap();
    let klaviyo = Klaviyo::new(http, stand_in.url().parse().unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    let list_opt_ins = ListOptIns::default();
    let dispatcher = Dispatcher::new(
        &klaviyo,
        &secrets,
        &list_opt_ins,
        None,
        SingleLimits::OF_DELIVERY,
        batch.len(),
        deadline,
    );
    let nothing = std::future::ready(());
    drop(dispatcher.dispatch_repeatable(batch, nothing).await);
}

#[test]
fn a_message_that_nobody_sends_is_retried() {
    let raw = raw_messages();
    let batch = plan_all(&raw);
    for message in &batch {
        let waiting = Outcome::Retry(RetryReason::WaitingForBatch);
        assert_eq!(message.outcome(), waiting);
        assert_eq!((message.pending().len(), message.completed().len()), (2, 0));
    }
    let answer = answer(&batch);
    assert_eq!((answer.status, answer.retry), (429, 2));
    assert_eq!(counts(&answer), [0, 0, 0]);
}

#[tokio::test]
async fn a_message_with_a_forgotten_operation_is_retried_and_its_neighbor_delivered() {
    let stand_in = StandIn::start().await.unwrap();
    let raw = raw_messages();
    let batch = plan_all(&raw);
    dispatch_without_subscriptions(&stand_in, &batch).await;
    assert_eq!(
        klaviyo::Klaviyo::of(&stand_in).paths(),
        [IMPORT, EVENTS, EVENTS]
    );
    let answer = answer(&batch);
    assert_eq!((answer.status, answer.retry), (429, 1));
    assert_eq!(counts(&answer), [1, 0, 0]);
    assert_eq!(reasons(&answer), [(0, "held_back")]);
    let [identify, order] = batch.as_slice() else {
        panic!("two messages")
    };
    assert_eq!(
        (identify.completed().len(), identify.pending().len()),
        (1, 1)
    );
    assert_eq!(order.outcome(), Outcome::Delivered);
}
