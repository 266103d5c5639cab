//! What the function does with a delivery before it calls anybody: timed in `rules.rs`, its allocations counted in
//! `tests/allocations.rs`.

use std::sync::LazyLock;

use segment_klaviyo::delivery::{InFlight, InboundMessage, Task, plan};
use segment_klaviyo::ingress::{EventPayload, Trigger};
use segment_klaviyo::klaviyo::build_requests;
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::raw_messages;
use segment_klaviyo::settings::{RuleSettings, Settings};
use segment_klaviyo::signature::verify;
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2026-11-20 10:16 UTC);

pub static SECRET: LazyLock<Secret> =
    LazyLock::new(|| Secret::parse(&segment_klaviyo_stand_in::secret("pk_1")).unwrap());

pub fn rules() -> RuleSettings {
    let get = |name: &str| (name == "SECRET_ID").then(|| "s".to_owned());
    Settings::from_env(get).unwrap().rules
}

/// From the JSON that Lambda hands out to the calls, and how many they are.
pub fn from_event_to_calls(event: &str, rules: &RuleSettings) -> usize {
    let event: EventPayload = serde_json::from_str(event).unwrap();
    let Ok(Trigger::Webhook(request)) = event.trigger() else {
        return 0;
    };
    let body = verify(&request.body, request.credentials(), &SECRET).unwrap();
    let raw_messages = raw_messages(&body).unwrap();
    let messages = raw_messages
        .into_iter()
        .map(|raw| InboundMessage::new(raw, NOW));
    let batch = plan(messages, rules);
    let operations: Vec<_> = batch
        .iter()
        .flat_map(InFlight::tasks)
        .map(Task::operation)
        .collect();
    build_requests(&operations).len()
}
