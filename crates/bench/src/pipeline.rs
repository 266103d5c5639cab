//! The work of the function before its first request. `benches/rules.rs` times it, and
//! `tests/allocations.rs` counts its allocations.

use std::sync::LazyLock;

use segment_klaviyo::delivery::{InFlight, InboundMessage, Task, decide_batch};
use segment_klaviyo::ingress::{EventPayload, Trigger};
use segment_klaviyo::klaviyo::build_requests;
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::raw_messages;
use segment_klaviyo::settings::{RuleSettings, Settings};
use segment_klaviyo::signature::verify;
use time::OffsetDateTime;
use time::macros::datetime;

/// The time at which every delivery arrives.
pub const NOW: OffsetDateTime = datetime!(2026-11-20 10:16 UTC);

/// The secret that the deliveries are signed with.
pub static SECRET: LazyLock<Secret> =
    LazyLock::new(|| Secret::parse(&segment_klaviyo_stand_in::secret("pk_1")).unwrap());

/// Returns the settings of the rules when only the secret is set.
pub fn rules() -> RuleSettings {
    let get = |name: &str| (name == "SECRET_ID").then(|| "s".to_owned());
    Settings::from_env(get).unwrap().rules
}

/// Builds the requests to Klaviyo from the JSON that Lambda hands out, and returns their number.
pub fn from_event_to_requests(event: &str, rules: &RuleSettings) -> usize {
    let event: EventPayload = serde_json::from_str(event).unwrap();
    let Ok(Trigger::Webhook(request)) = event.trigger() else {
        return 0;
    };
    let body = verify(&request.body, request.credentials(), &SECRET).unwrap();
    let raw_messages = raw_messages(&body).unwrap();
    let messages = raw_messages
        .into_iter()
        .map(|raw| InboundMessage::new(raw, NOW));
    let batch = decide_batch(messages, rules);
    let operations: Vec<_> = batch
        .iter()
        .flat_map(InFlight::tasks)
        .map(Task::operation)
        .collect();
    build_requests(&operations).len()
}
