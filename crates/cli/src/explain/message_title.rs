//! The title of a message: the values by which people recognize it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The title of a message. A value that is absent or not text is `None`.
pub(crate) struct MessageTitle {
    /// The `type`, such as `track`.
    pub(crate) message_type: Option<String>,
    /// The `event`, such as `Order Completed`.
    pub(crate) event: Option<String>,
    /// The `messageId`.
    pub(crate) message_id: Option<String>,
}

impl MessageTitle {
    /// Reads the title. An element of a batch that is not an object has an empty title.
    pub(crate) fn parse(message: &str) -> Self {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(message).unwrap_or_default();
        MessageTitle {
            message_type: text(&fields, "type"),
            event: text(&fields, "event"),
            message_id: text(&fields, "messageId"),
        }
    }
}

fn text(fields: &BTreeMap<String, &RawValue>, key: &str) -> Option<String> {
    serde_json::from_str(fields.get(key)?.get()).ok()
}
