//! Budgets of memory: the number of allocations and of bytes that the function asks for until it
//! has built its requests to Klaviyo. They are the same on every machine, so they are tested like
//! any other behavior.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is the report"
)]

use std::io::Write;

use allocation_counter::measure;
use segment_klaviyo_bench::{messages, pipeline};
use serde_json::Value;

/// The budget of a delivery. A vector that grows counts again, with its whole new size.
struct Budget {
    delivery: &'static str,
    body: fn() -> Value,
    allocations: u64,
    /// The allocated bytes as a multiple of the body's size, in tenths.
    bytes: f64,
}

const BUDGETS: [Budget; 4] = [
    Budget {
        delivery: "a track",
        body: || messages::track(0),
        // One of them lets the lines of an order share its profile.
        allocations: 32,
        bytes: 9.9,
    },
    Budget {
        delivery: "an identify",
        body: messages::identify,
        // Its phone number takes 6 of them: libphonenumber says whether such a number can exist.
        allocations: 41,
        bytes: 9.4,
    },
    Budget {
        delivery: "an order of 10 products",
        body: || messages::order(10),
        // Klaviyo Classic's names repeat each product once more.
        allocations: 203,
        bytes: 59.6,
    },
    Budget {
        delivery: "a batch of 1,000 tracks",
        body: || messages::batch(1_000),
        allocations: 16_069,
        bytes: 9.2,
    },
];

/// The budgets are limits, as another version of Rust or of a dependency may need less. Lower a
/// budget that has something left, so that it is not spent again unseen.
#[test]
fn deliveries_stay_within_their_budgets() {
    let rules = pipeline::rules();
    let mut overspent = Vec::new();
    for budget in BUDGETS {
        let body = (budget.body)();
        let event = messages::event(&body);
        let deliver = || assert!(pipeline::from_event_to_requests(&event, &rules) > 0);
        // The first delivery also allocates what is kept for all of them, such as the rules of
        // phone numbers.
        deliver();
        let spent = measure(deliver);
        let allocations = spent.count_total;
        let bytes = in_tenths(spent.bytes_total as f64 / body.to_string().len() as f64);
        report(&budget, allocations, bytes);
        if allocations > budget.allocations || bytes > budget.bytes {
            overspent.push(budget.delivery);
        }
    }
    assert!(
        overspent.is_empty(),
        "over budget: {}",
        overspent.join(", ")
    );
}

/// Prints what is left of a budget. It writes to standard output itself, as the output of `println`
/// is shown only when a test fails.
fn report(budget: &Budget, allocations: u64, bytes: f64) {
    let allocations_left = budget.allocations as i64 - allocations as i64;
    let bytes_left = budget.bytes - bytes;
    let mut output = std::io::stdout();
    writeln!(
        output,
        "{}: {allocations} of {} allocations, {allocations_left} left; \
         {bytes:.1} of {:.1} bytes for each byte of the body, {bytes_left:.1} left",
        budget.delivery, budget.allocations, budget.bytes,
    )
    .unwrap();
}

/// Rounds up to tenths.
fn in_tenths(number: f64) -> f64 {
    (number * 10.0).ceil() / 10.0
}
