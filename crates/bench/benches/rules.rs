//! Times the steps that the function takes before its first request: `cargo bench --bench rules`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "divan's functions have no documentation, and a benchmark may panic"
)]

use divan::{AllocProfiler, Bencher, black_box};
use segment_klaviyo::delivery::{InFlight, InboundMessage, Task, decide_batch};
use segment_klaviyo::klaviyo::build_requests;
use segment_klaviyo::rules::decide;
use segment_klaviyo::segment::Message;
use segment_klaviyo::signature::{self, verify};
use segment_klaviyo_bench::pipeline::{NOW, SECRET, rules};
use segment_klaviyo_bench::{messages, pipeline};
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::Value;
use serde_json::value::RawValue;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn raw(message: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(message).unwrap()
}

#[divan::bench]
fn signature_of_a_message(bencher: Bencher) {
    signature_of(bencher, &messages::track(0));
}

#[divan::bench]
fn signature_of_a_batch_of_1000(bencher: Bencher) {
    signature_of(bencher, &messages::batch(1_000));
}

fn signature_of(bencher: Bencher, body: &Value) {
    let body = body.to_string();
    let signature = signature::sign(body.as_bytes(), SHARED_SECRET).unwrap();
    let credentials = signature::Credentials::signed(&signature);
    bencher.bench_local(|| {
        verify(black_box(body.as_bytes()), credentials, &SECRET)
            .unwrap()
            .bytes()
            .len()
    });
}

#[divan::bench]
fn a_track(bencher: Bencher) {
    read_and_decide(bencher, &messages::track(0));
}

#[divan::bench]
fn an_identify(bencher: Bencher) {
    read_and_decide(bencher, &messages::identify());
}

#[divan::bench]
fn an_order_of_10(bencher: Bencher) {
    read_and_decide(bencher, &messages::order(10));
}

fn read_and_decide(bencher: Bencher, message: &Value) {
    let (raw, rules) = (raw(message), rules());
    bencher.bench_local(|| {
        black_box(decide(
            &Message::parse(black_box(&raw)).unwrap(),
            &rules,
            NOW,
        ))
    });
}

#[divan::bench]
fn requests_of_1000_messages(bencher: Bencher) {
    let raws: Vec<_> = (0..1_000).map(|n| raw(&messages::track(n))).collect();
    let batch = decide_batch(
        raws.iter().map(|raw| InboundMessage::new(raw, NOW)),
        &rules(),
    );
    let operations: Vec<_> = batch
        .iter()
        .flat_map(InFlight::tasks)
        .map(Task::operation)
        .collect();
    bencher.bench_local(|| build_requests(black_box(&operations)));
}

#[divan::bench]
fn one_message_from_event_to_requests(bencher: Bencher) {
    from_event_to_requests(bencher, &messages::track(0));
}

#[divan::bench]
fn batch_of_1000_from_event_to_requests(bencher: Bencher) {
    from_event_to_requests(bencher, &messages::batch(1_000));
}

fn from_event_to_requests(bencher: Bencher, body: &Value) {
    let (event, rules) = (messages::event(body), rules());
    bencher.bench_local(|| pipeline::from_event_to_requests(black_box(&event), &rules));
}
