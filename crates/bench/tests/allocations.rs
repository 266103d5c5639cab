//! How often the function asks for memory, and for how much, from the JSON that Lambda hands out to the calls. Every
//! message costs that, on every machine the same, so it has budgets.

#![allow(missing_docs, reason = "tests speak for themselves")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is the report"
)]

use allocation_counter::measure;
use segment_klaviyo_bench::{messages, pipeline};
use serde_json::Value;

/// What a delivery may cost. A vector that grows asks again, for the whole of its new size.
struct Budget {
    delivery: &'static str,
    body: fn() -> Value,
    allocations: u64,
    /// Bytes, as times the size of the body: in tenths, rounded up.
    bytes: f64,
}

const BUDGETS: [Budget; 4] = [
    Budget {
        delivery: "a track",
        body: || messages::track(0),
        allocations: 43,
        bytes: 11.6,
    },
    Budget {
        delivery: "an identify",
        body: messages::identify,
        allocations: 54,
        bytes: 11.0,
    },
    Budget {
        delivery: "an order of 10 products",
        body: || messages::order(10),
        allocations: 252,
        bytes: 52.6,
    },
    Budget {
        delivery: "a batch of 1,000 tracks",
        body: || messages::batch(1_000),
        allocations: 18_089,
        bytes: 12.4,
    },
];

/// Exactly: who makes it less lowers the budget too, so that it is not spent again unseen.
#[test]
fn what_is_spent_is_what_the_budgets_say() {
    let rules = pipeline::rules();
    let mut wrong = Vec::new();
    for Budget {
        delivery,
        body,
        allocations,
        bytes,
    } in BUDGETS
    {
        let body = body();
        let event = messages::event(&body);
        let once = || assert!(pipeline::from_event_to_calls(&event, &rules) > 0);
        // What is made once for all deliveries, such as the rules of phone numbers, is there before.
        once();
        let spent = measure(once);
        let times = (spent.bytes_total as f64 / body.to_string().len() as f64 * 10.0).ceil() / 10.0;
        if (spent.count_total, times) != (allocations, bytes) {
            let found = (spent.count_total, times);
            wrong.push(format!(
                "{delivery}: {found:?}, not {:?}",
                (allocations, bytes)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "allocations, and bytes for each byte of the body:\n{}",
        wrong.join("\n")
    );
}
