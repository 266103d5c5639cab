//! Messages as Segment sends them.

use serde_json::{Value, json};

use super::people::SARAH;
use super::settings::LIST;

const TIMESTAMP: &str = "2026-11-20T10:00:00Z";

/// Returns a view of a product by Sarah.
pub(crate) fn track(message_id: &str) -> Value {
    track_with(message_id, json!({}))
}

pub(crate) fn track_with(message_id: &str, properties: Value) -> Value {
    json!({
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "timestamp": TIMESTAMP,
        "userId": "usr_1",
        "context": {"traits": {"email": SARAH}},
        "properties": properties,
    })
}

/// Returns `count` views of Sarah's, each of them different.
pub(crate) fn tracks(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| track_with(&format!("m{n}"), json!({"n": n})))
        .collect()
}

/// Returns a text of so many bytes that compression makes hardly smaller than half.
pub(crate) fn noise(bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(bytes as u64);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

/// Returns an event that Klaviyo can never accept, since it has no name.
pub(crate) fn nameless() -> Value {
    json!({"type": "track", "event": "", "messageId": "m-nameless", "userId": SARAH})
}

/// Returns an order of Sarah's with so many lines.
pub(crate) fn order(id: &str, lines: usize) -> Value {
    let products: Vec<_> = (0..lines)
        .map(|n| json!({"product_id": format!("p{n}"), "price": 19.99, "quantity": 3}))
        .collect();
    json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("m-{id}"),
        "timestamp": TIMESTAMP,
        "properties": {"email": SARAH, "order_id": id, "total": 59.97, "products": products},
    })
}

/// Returns an identify with these traits and integrations, and no other email.
pub(crate) fn identify_with(traits: Value, integrations: Value) -> Value {
    json!({
        "type": "identify",
        "messageId": "m-identify",
        "timestamp": TIMESTAMP,
        "userId": "usr_1",
        "traits": traits,
        "integrations": integrations,
    })
}

/// Returns an identify of the person at this address.
pub(crate) fn identify(email: &str, traits: Value) -> Value {
    let mut traits = traits;
    traits["email"] = json!(email);
    identify_with(traits, json!({}))
}

pub(crate) fn sarah() -> Value {
    identify(SARAH, json!({}))
}

/// Sets the list that a message subscribes to.
pub(crate) fn to_list(list_id: &str, mut message: Value) -> Value {
    message["integrations"] = json!({"Klaviyo": {"listId": list_id}});
    message
}

/// Returns a group message, which subscribes to its list or unsubscribes from it.
pub(crate) fn group(email: &str, subscribe: bool) -> Value {
    group_with(email, json!({"subscribe": subscribe}))
}

pub(crate) fn group_with(email: &str, traits: Value) -> Value {
    json!({
        "type": "group",
        "groupId": LIST,
        "timestamp": TIMESTAMP,
        "userId": email,
        "traits": traits,
    })
}

/// The list that the audience of [`audience`] is connected to.
pub(crate) const AUDIENCE_LIST: &str = "AUD1";

/// Returns Engage's word that somebody entered or exited an audience.
pub(crate) fn audience(event: &str, email: &str) -> Value {
    json!({
        "type": "track",
        "event": event,
        "messageId": format!("{event} {email}"),
        "userId": email,
        "context": {"personas": {"external_audience_id": AUDIENCE_LIST}},
    })
}

pub(crate) fn delete(user_id: &str) -> Value {
    json!({"type": "delete", "userId": user_id})
}
