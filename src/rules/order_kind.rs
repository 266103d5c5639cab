//! Events about an order as a whole:
//! <https://segment.com/docs/connections/spec/ecommerce/v2/#order-completed>

use crate::domain::UniqueId;
use crate::json::RawObject;
use crate::segment::{Message, MessageType};

/// The keys of an order's id, the first that is there.
pub(super) const ORDER_ID_KEYS: [&str; 4] = ["order_id", "orderId", "event_id", "eventId"];

const REFUND_ID_KEYS: [&str; 2] = ["refund_id", "refundId"];

/// The kind of an event about an order as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderKind {
    /// `Order Completed`, whose lines are events too.
    Completed,
    /// `Order Cancelled` or `Order Refunded`. Klaviyo subtracts it from the order by their common
    /// id.
    Reversed,
}

impl OrderKind {
    /// Returns the kind of order event that the message is, if it is one.
    pub(super) fn from_message(message: &Message) -> Option<Self> {
        if message.message_type != MessageType::Track {
            return None;
        }
        match message.event.as_deref()? {
            "Order Completed" => Some(OrderKind::Completed),
            "Order Cancelled" | "Order Refunded" => Some(OrderKind::Reversed),
            _ => None,
        }
    }

    /// Returns the order's id, so that an order which two sources report is one event. A refund has
    /// its own id added: otherwise a second partial refund would pass for the first.
    pub(super) fn unique_id(self, properties: &RawObject) -> Option<UniqueId> {
        let order_id = properties.text(&ORDER_ID_KEYS)?;
        if self == OrderKind::Reversed
            && let Some(refund_id) = properties.text(&REFUND_ID_KEYS)
        {
            return Some(UniqueId::join(&order_id, &refund_id));
        }
        Some(UniqueId::new(&order_id))
    }
}
