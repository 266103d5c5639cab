//! Events that the rules know by name:
//! <https://segment.com/docs/connections/spec/ecommerce/v2/>

use crate::json::{NameLetters, has_both_words, is_same_key};
use crate::segment::{Message, MessageType};
use crate::settings::RuleSettings;

/// The kind of an event whose name the rules know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    ProductViewed,
    ProductClicked,
    ProductAdded,
    CheckoutStarted,
    /// An order, whose lines are events too.
    OrderCompleted,
    OrderCancelled,
    OrderRefunded,
}

/// The two words of each name. Segment's first spec had them in the other order.
const NAMES: [(&str, &str, EventKind); 8] = [
    ("product", "viewed", EventKind::ProductViewed),
    ("product", "clicked", EventKind::ProductClicked),
    ("product", "added", EventKind::ProductAdded),
    ("checkout", "started", EventKind::CheckoutStarted),
    ("order", "completed", EventKind::OrderCompleted),
    ("order", "cancelled", EventKind::OrderCancelled),
    ("order", "canceled", EventKind::OrderCancelled),
    ("order", "refunded", EventKind::OrderRefunded),
];

impl EventKind {
    /// Returns the kind of a message, if it is a track of a known name.
    pub(super) fn from_message(message: &Message, settings: &RuleSettings) -> Option<Self> {
        if message.message_type != MessageType::Track {
            return None;
        }
        EventKind::from_name(message.event.as_deref()?, settings)
    }

    /// Returns the kind of events of this name, in any spelling.
    pub(super) fn from_name(name: &str, settings: &RuleSettings) -> Option<Self> {
        for (noun, verb, kind) in NAMES {
            if has_both_words(name, noun, verb) {
                return Some(kind);
            }
        }
        let orders = &settings.order_events;
        if orders.iter().any(|order| is_same_key(order, name)) {
            return Some(EventKind::OrderCompleted);
        }
        None
    }

    /// Whether the event is about an order as a whole.
    pub(super) fn is_order(self) -> bool {
        self == EventKind::OrderCompleted || self.is_reversed_order()
    }

    /// Whether the event takes an order back, or part of it.
    pub(super) fn is_reversed_order(self) -> bool {
        matches!(self, EventKind::OrderCancelled | EventKind::OrderRefunded)
    }

    /// Whether the rules read `products` of such an event.
    pub(super) fn has_products(self) -> bool {
        self.is_order() || matches!(self, EventKind::ProductAdded | EventKind::CheckoutStarted)
    }
}

/// Whether a name is in a list of names, in any spelling, or is of the same kind as one of them.
pub(super) fn is_listed(
    names: &[String],
    name: &str,
    kind: Option<EventKind>,
    settings: &RuleSettings,
) -> bool {
    names
        .iter()
        .any(|listed| is_name_of_event(listed, name, kind, settings))
}

/// Whether `listed` is the name of an event, in any spelling, or is the name of its kind.
pub(super) fn is_name_of_event(
    listed: &str,
    name: &str,
    kind: Option<EventKind>,
    settings: &RuleSettings,
) -> bool {
    is_same_key(listed, name) || (kind.is_some() && EventKind::from_name(listed, settings) == kind)
}

/// Whether an event of no known kind looks like a completed order: its name, and what it says.
pub(super) fn is_nearly_an_order(message: &Message) -> bool {
    const ENDINGS: [&str; 9] = [
        "complet", "placed", "paid", "created", "confirm", "success", "submit", "finish", "bought",
    ];
    const SIGNS: [&str; 6] = [
        "products",
        "order_id",
        "order_number",
        "order_name",
        "revenue",
        "total",
    ];
    let Some(name) = message.event.as_deref() else {
        return false;
    };
    let letters = NameLetters::new(name);
    let is_alike = letters.hold("purchase")
        || ((letters.hold("order") || letters.hold("checkout"))
            && ENDINGS.iter().any(|ending| letters.hold(ending)));
    is_alike
        && SIGNS
            .iter()
            .any(|sign| message.properties.contains_key(sign))
}
