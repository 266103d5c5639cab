//! Which requests each message of a delivery became.

use segment_klaviyo::settings::RuleSettings;
use segment_klaviyo_stand_in::RecordedRequest;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::explain::evaluation::evaluate;

/// The most bytes of requests that are searched.
const MAX_BYTES: usize = 512 * 1024;

/// The requests of a delivery, as text.
pub(super) struct MarkedRequests {
    bodies: Vec<String>,
    is_searched: bool,
}

impl MarkedRequests {
    pub(super) fn new(requests: &[RecordedRequest]) -> Self {
        let bytes: usize = requests.iter().map(|request| request.bytes).sum();
        let is_searched = bytes <= MAX_BYTES;
        let mut bodies = Vec::new();
        for request in requests {
            bodies.push(match is_searched {
                true => request.body.to_string(),
                false => String::new(),
            });
        }
        MarkedRequests {
            bodies,
            is_searched,
        }
    }

    /// Returns the places of the requests that hold a message's events and people; `None` if the
    /// delivery is too large to tell.
    pub(super) fn of_message(
        &self,
        message: &RawValue,
        messages: usize,
        rules: &RuleSettings,
        now: OffsetDateTime,
    ) -> Option<Vec<usize>> {
        // All requests are for the only message.
        if messages == 1 {
            return Some((0..self.bodies.len()).collect());
        }
        if !self.is_searched {
            return None;
        }
        let mut places = Vec::new();
        for request in evaluate(message, rules, now).requests {
            let Some(mark) = request.mark() else { continue };
            let is_event = mark.starts_with("\"unique_id\"");
            for (place, body) in self.bodies.iter().enumerate() {
                let holds_events = body.contains("\"unique_id\":");
                if body.contains(&mark) && is_event == holds_events && !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places.sort_unstable();
        Some(places)
    }
}
