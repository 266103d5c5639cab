//! Whether a message is for Klaviyo, and its options for Klaviyo:
//! <https://segment.com/docs/guides/filtering-data/#filtering-with-the-integrations-object>

use super::skip::Skip;
use crate::json::{self, Raw, RawObject};
use crate::outcome::IgnoreReason;
use crate::segment::Message;

/// The keys of this destination in `integrations`.
const NAMES: [&str; 3] = ["Klaviyo", "Klaviyo (Actions)", "Actions Klaviyo"];

/// The destinations of Segment that deliver to this function, beside its webhooks.
const WAYS_IN: [&str; 2] = ["Amazon Lambda", "Amazon EventBridge"];

/// The options that a message carries for Klaviyo.
pub(super) struct Integration<'a> {
    /// The options; empty if there are none.
    pub(super) options: RawObject<'a>,
}

impl<'a> Integration<'a> {
    /// Reads the message's options, unless the message is not for Klaviyo.
    pub(super) fn from_message(message: &Message<'a>) -> Result<Self, Skip> {
        let mut options = None;
        let mut is_named = false;
        for name in NAMES {
            let Some(raw) = message.integrations.get(name) else {
                continue;
            };
            if is_disabled(raw) {
                return Err(Skip::Ignore(IgnoreReason::IntegrationOff));
            }
            if !json::is_null(raw) {
                is_named = true;
                options = options.or_else(|| RawObject::parse(raw));
            }
        }
        // Segment filters before it delivers, so a way in that is switched on is this one.
        let is_meant = is_named || is_way_in_enabled(&message.integrations);
        if !is_meant && message.integrations.get("All").is_some_and(is_disabled) {
            return Err(Skip::Ignore(IgnoreReason::IntegrationOff));
        }
        Ok(Integration {
            options: options.unwrap_or_default(),
        })
    }
}

/// Whether a way to this function is switched on, as a webhook is in every message of Engage.
fn is_way_in_enabled(integrations: &RawObject) -> bool {
    integrations.iter().any(|(name, raw)| {
        let is_webhook = name
            .get(.."webhook".len())
            .is_some_and(|start| start.eq_ignore_ascii_case("webhook"));
        let is_way_in = is_webhook || WAYS_IN.iter().any(|way| json::is_same_key(way, name));
        is_way_in && !is_disabled(raw) && !json::is_null(raw)
    })
}

fn is_disabled(raw: Raw<'_>) -> bool {
    json::boolean(raw) == Some(false)
}
