//! Whether a message is meant for Klaviyo, and the options it carries for Klaviyo:
//! <https://segment.com/docs/guides/filtering-data/#filtering-with-the-integrations-object>

use serde_json::value::RawValue;

use super::Stop;
use crate::outcome::IgnoreReason;
use crate::segment::json::{self, Fields};

/// The names under which a message may speak of this destination.
const NAMES: [&str; 2] = ["Klaviyo", "Klaviyo (Actions)"];

/// The options that a message carries for Klaviyo; empty when it carries none.
pub(super) struct Integration<'a>(Fields<'a>);

impl<'a> Integration<'a> {
    /// The message's options, unless the message is not for Klaviyo.
    pub(super) fn read(integrations: &Fields<'a>) -> Result<Self, Stop> {
        let named = || {
            NAMES
                .iter()
                .filter_map(|name| integrations.raw(name))
                .filter(|raw| !json::is_null(raw))
        };
        if named().any(off) {
            return Err(Stop::Ignore(IgnoreReason::IntegrationOff));
        }
        if integrations.raw("All").is_some_and(off) && named().next().is_none() {
            return Err(Stop::Ignore(IgnoreReason::IntegrationOff));
        }
        Ok(Integration(
            named().find_map(Fields::parse).unwrap_or_default(),
        ))
    }

    /// The options as an object.
    pub(super) fn options(&self) -> &Fields<'a> {
        &self.0
    }
}

fn off(raw: &RawValue) -> bool {
    json::boolean(raw) == Some(false)
}
