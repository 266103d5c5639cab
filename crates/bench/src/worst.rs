//! The deliveries that need the most memory for their size: whatever the function multiplies, as
//! often as Segment and Lambda admit. A message has at most 32 KB, an event of Lambda 6 MB.
//! <https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

use segment_klaviyo::signature;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::json;

use crate::messages::track;

const MAX_MESSAGE_BYTES: usize = 32_000;
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// The room for everything in an event that is not its body.
const ENVELOPE_BYTES: usize = 2_000;
const MAX_MESSAGES: usize = 4_000;

/// A delivery, and what there is so much of.
pub struct WorstDelivery {
    /// The name, which says what it is made of.
    pub name: &'static str,
    /// The body as Segment would send it.
    pub body: fn() -> String,
}

/// Every delivery of the set.
pub const WORST_DELIVERIES: [WorstDelivery; 17] = [
    WorstDelivery {
        name: "40 orders of 4,000 empty lines, and 901 others",
        body: orders_and_neighbors,
    },
    WorstDelivery {
        name: "orders of 4,000 empty lines",
        body: || fill(|n| order(n, "", &"{},".repeat(4_000))),
    },
    WorstDelivery {
        name: "orders of 4,000 lines that repeat 200 properties",
        body: || fill(|n| order(n, &members(200), &"{},".repeat(4_000))),
    },
    WorstDelivery {
        name: "orders of 200 lines that repeat 19 KB",
        body: || fill(|n| order(n, &text("note", 19_900), &r#"{"sku":"s"},"#.repeat(200))),
    },
    WorstDelivery {
        name: "orders of 4,000 lines of a person with an escaped name of 15 KB",
        body: || {
            fill(|n| {
                let name = r#"\n"#.repeat(7_500);
                let traits = format!(r#"{{"email":"{}","firstName":"{name}"}}"#, email(n));
                order_of(n, &traits, "", &"{},".repeat(4_000))
            })
        },
    },
    WorstDelivery {
        name: "orders of 1,000 priced products",
        body: || fill(|n| order(n, "", &r#"{"price":1},"#.repeat(1_000))),
    },
    WorstDelivery {
        name: "checkouts of 1,000 empty products",
        body: || fill(|n| event(n, "Checkout Started", "", &"{},".repeat(1_000))),
    },
    WorstDelivery {
        name: "checkouts of 1,000 products with a category",
        body: || {
            fill(|n| {
                event(
                    n,
                    "Checkout Started",
                    "",
                    &r#"{"category":"c"},"#.repeat(1_000),
                )
            })
        },
    },
    WorstDelivery {
        name: "refunds of 1,000 empty products",
        body: || fill(|n| event(n, "Order Refunded", "", &"{},".repeat(1_000))),
    },
    WorstDelivery {
        name: "tracks of 400 properties",
        body: || fill(|n| event(n, "Seen", &members(397), "")),
    },
    WorstDelivery {
        name: "tracks of maximal strings",
        body: || fill(|n| event(n, "Seen", &text("note", 31_000), "")),
    },
    WorstDelivery {
        name: "identifies of small traits",
        body: || fill(|n| identify(&email(n), &small_traits(30_000))),
    },
    WorstDelivery {
        name: "identifies of small traits, all of one person",
        body: || fill(|_| identify(&email(0), &small_traits(30_000))),
    },
    WorstDelivery {
        name: "identifies of escaped names",
        body: || fill(|n| identify(&email(n), &r#""\n":"\n","#.repeat(3_000))),
    },
    WorstDelivery {
        name: "identifies of one person, each with other traits",
        body: || fill(|n| identify(&email(0), &own_traits(n, 1_200))),
    },
    WorstDelivery {
        name: "minimal messages, as many as there may be",
        body: || fill(|n| identify(&email(n), "")),
    },
    WorstDelivery {
        name: "tracks with many integrations and traits",
        body: || {
            fill(|n| {
                let members = small_traits(15_000);
                format!(
                    r#"{{"type":"track","event":"Seen","messageId":"m{n}","integrations":{{{members}"All":true}},"context":{{"traits":{{{members}"email":"{}"}}}}}}"#,
                    email(n)
                )
            })
        },
    },
];

/// Returns the event that Lambda hands out for a body.
pub fn event_of(body: &str) -> String {
    let signature = signature::sign(body.as_bytes(), SHARED_SECRET).unwrap();
    let context = json!({"http": {"method": "POST", "path": "/segment"}});
    json!({"version": "2.0", "headers": {"x-signature": signature}, "requestContext": context, "body": body})
        .to_string()
}

/// Returns a body of messages, as many as fit into an event of Lambda.
fn fill(message: impl Fn(usize) -> String) -> String {
    let mut body = "[".to_owned();
    let mut room = MAX_EVENT_BYTES - ENVELOPE_BYTES;
    for number in 0..MAX_MESSAGES {
        let message = message(number);
        assert!(message.len() <= MAX_MESSAGE_BYTES, "{}", message.len());
        // The body is text in JSON, which escapes each quote and each backslash.
        let escapes = message.bytes().filter(|byte| matches!(byte, b'"' | b'\\'));
        let bytes = message.len() + escapes.count() + 1;
        if bytes > room {
            break;
        }
        room -= bytes;
        if number > 0 {
            body.push(',');
        }
        body.push_str(&message);
    }
    body.push(']');
    body
}

/// What was reported: 475 KB of orders, beside messages that have nothing to do with them.
fn orders_and_neighbors() -> String {
    let mut messages = Vec::new();
    for number in 0..40 {
        messages.push(order(number, "", &"{},".repeat(4_000)));
    }
    for number in 0..901 {
        messages.push(track(number).to_string());
    }
    format!("[{}]", messages.join(","))
}

fn order(number: usize, properties: &str, lines: &str) -> String {
    event(number, "Order Completed", properties, lines)
}

fn event(number: usize, name: &str, properties: &str, lines: &str) -> String {
    let traits = format!(r#"{{"email":"{}"}}"#, email(number));
    event_with(number, name, &traits, properties, lines)
}

fn order_of(number: usize, traits: &str, properties: &str, lines: &str) -> String {
    event_with(number, "Order Completed", traits, properties, lines)
}

/// Returns a track. Properties and lines each end with a comma.
fn event_with(number: usize, name: &str, traits: &str, properties: &str, lines: &str) -> String {
    let lines = lines.strip_suffix(',').unwrap_or_default();
    format!(
        r#"{{"type":"track","event":"{name}","messageId":"m{number}","context":{{"traits":{traits}}},"properties":{{{properties}"order_id":"o{number}","products":[{lines}]}}}}"#
    )
}

fn identify(email: &str, traits: &str) -> String {
    format!(
        r#"{{"type":"identify","timestamp":"2026-11-20T10:15:30Z","traits":{{{traits}"email":"{email}"}}}}"#
    )
}

fn email(number: usize) -> String {
    format!("sarah.{number}@klaviyo-demo.com")
}

/// Returns so many members with short names, each of which is another one.
fn members(count: usize) -> String {
    (0..count).map(|n| format!(r#""{n:x}":1,"#)).collect()
}

/// Returns as many members as fit into so many bytes, in the fewest bytes each.
fn small_traits(bytes: usize) -> String {
    r#""":1,"#.repeat(bytes / 5)
}

fn own_traits(number: usize, count: usize) -> String {
    (0..count)
        .map(|n| format!(r#""{number:x}.{n:x}":1,"#))
        .collect()
}

fn text(key: &str, bytes: usize) -> String {
    format!(r#""{key}":"{}","#, "x".repeat(bytes))
}
