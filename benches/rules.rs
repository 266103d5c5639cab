//! What the function does with a message before it calls anybody: `cargo bench --bench rules`.
//!
//! Instructions, which no other program on the machine changes, of one of them:
//!
//!     valgrind --tool=callgrind --toggle-collect='rules::batch_of_1000*' \
//!         $(cargo bench --bench rules --no-run --message-format json | jq -r 'select(.target.name == "rules") | .executable') \
//!         --test batch_of_1000

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may panic")]

mod messages;

use std::net::UdpSocket;
use std::sync::LazyLock;

use divan::{AllocProfiler, Bencher, black_box};
use segment_klaviyo::batch::{self, Parcel};
use segment_klaviyo::ingress::{Event, LambdaEvent};
use segment_klaviyo::klaviyo::pack;
use segment_klaviyo::rules::decide;
use segment_klaviyo::secrets::Secret;
use segment_klaviyo::segment::{Message, elements};
use segment_klaviyo::settings::{Rules, Settings};
use segment_klaviyo::signature::{self, verify};
use segment_klaviyo::standin;
use segment_klaviyo::telemetry::{Remote, Tracer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const NOW: OffsetDateTime = datetime!(2026-11-20 10:16 UTC);

static SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::parse(&standin::secret("pk_1")).unwrap());

fn main() {
    divan::main();
}

fn rules() -> Rules {
    let get = |name: &str| (name == "SECRET_ID").then(|| "s".to_owned());
    Settings::read(get).unwrap().rules
}

fn raw(message: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(message).unwrap()
}

fn identify() -> Value {
    let mut message = messages::track(0);
    message["type"] = "identify".into();
    message["traits"] = json!({"email": "Sarah@klaviyo-demo.com", "firstName": "Sarah", "lastName": "Mason", "phone": "+1 500 555 0006",
        "address": {"city": "New York", "country": "US", "postalCode": "10017"}, "loyalty": {"tier": "gold", "points": 120}, "vip": true});
    message
}

fn order(lines: usize) -> Value {
    let mut message = messages::track(0);
    let line = |n| json!({"product_id": format!("p{n}"), "name": "Wild Berry Jam", "price": 9.95, "quantity": 2, "sku": "J-8", "brand": "Fable"});
    message["event"] = "Order Completed".into();
    message["properties"] = json!({"order_id": "R1", "total": 199.0, "currency": "USD", "products": (0..lines).map(line).collect::<Vec<_>>()});
    message
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
    let signature = signature::sign(body.as_bytes(), standin::SHARED_SECRET).unwrap();
    let claimed = signature::Credentials { signature: Some(&signature), authorization: None };
    bencher.bench_local(|| verify(black_box(body.as_bytes()), claimed, &SECRET).unwrap().bytes().len());
}

#[divan::bench]
fn a_track(bencher: Bencher) {
    read_and_decide(bencher, &messages::track(0));
}

#[divan::bench]
fn an_identify(bencher: Bencher) {
    read_and_decide(bencher, &identify());
}

#[divan::bench]
fn an_order_of_10(bencher: Bencher) {
    read_and_decide(bencher, &order(10));
}

fn read_and_decide(bencher: Bencher, message: &Value) {
    let (raw, rules) = (raw(message), rules());
    bencher.bench_local(|| black_box(decide(&Message::read(black_box(&raw)).unwrap(), &rules, NOW)));
}

#[divan::bench]
fn packing_of_1000(bencher: Bencher) {
    let raws: Vec<_> = (0..1_000).map(|n| raw(&messages::track(n))).collect();
    let parcels: Vec<_> = raws.iter().map(|raw| Parcel::new(raw, NOW)).collect();
    let work = batch::decide(&parcels, &rules()).work;
    let operations: Vec<_> = work.iter().map(|work| &work.operation).collect();
    bencher.bench_local(|| pack(black_box(&operations)));
}

#[divan::bench]
fn one_message_from_event_to_calls(bencher: Bencher) {
    from_event_to_calls(bencher, &messages::track(0));
}

#[divan::bench]
fn batch_of_1000_from_event_to_calls(bencher: Bencher) {
    from_event_to_calls(bencher, &messages::batch(1_000));
}

fn from_event_to_calls(bencher: Bencher, body: &Value) {
    let (event, rules) = (messages::event(body), rules());
    bencher.bench_local(|| {
        let event: LambdaEvent = serde_json::from_str(black_box(&event)).unwrap();
        let Ok(Event::Http(request)) = event.read() else { return 0 };
        let body = verify(&request.body, request.credentials(), &SECRET).unwrap();
        let parcels: Vec<_> = elements(&body).unwrap().into_iter().map(|raw| Parcel::new(raw, NOW)).collect();
        let work = batch::decide(&parcels, &rules).work;
        let operations: Vec<_> = work.iter().map(|work| &work.operation).collect();
        black_box(pack(&operations)).len()
    });
}

/// What X-Ray costs each request of a sampled delivery; one that is not sampled pays for a lock.
#[divan::bench]
fn a_subsegment(bencher: Bencher) {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tracer = Tracer::read(|_| Some(daemon.local_addr().unwrap().to_string()));
    tracer.invocation(Some("Root=1-6921b3c0-4f0c7d2a5b8e9f1a2b3c4d5e;Parent=53995c3f42cd8ad8;Sampled=1"));
    bencher.bench_local(|| {
        if let Some(mut span) = tracer.request(Remote::Other, "Klaviyo", || "POST /api/events".to_owned()) {
            span.status = Some(202);
        }
    });
}
