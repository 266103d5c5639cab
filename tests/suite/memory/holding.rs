//! Events of somebody unknown, which wait until somebody says whose they are.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{REMEMBER, at, login, pairs, people, view, visitor};
use crate::support::answers::{counts, reasons};
use crate::support::people::{LI, SARAH};
use crate::support::settings::{PATIENT, Setting};
use crate::support::shop::Shop;

pub(super) const HOLD: Setting = ("HOLD_ANONYMOUS_HOURS", "24");

async fn shop() -> Shop {
    Shop::open_with_ledger(&[REMEMBER, HOLD, PATIENT]).await
}

#[tokio::test]
async fn events_wait_for_whoever_logs_in_next() {
    let shop = shop().await;
    let mut fresh = view("m2", 2, visitor("d1"));
    fresh["timestamp"] = OffsetDateTime::now_utc().format(&Rfc3339).unwrap().into();
    for event in [
        view("m1", 1, visitor("d1")),
        fresh,
        view("m3", 3, visitor("d2")),
    ] {
        let answer = shop.send(&event).await;
        assert_eq!(reasons(&answer), [(0, "held")], "{event}");
    }
    for (id, item) in shop.ledger() {
        let text = format!("{id} {item}");
        assert!(
            !text.contains("Product") && !text.contains("d1\""),
            "{text}"
        );
    }
    shop.send(&login(SARAH, 10, visitor("d1"))).await;
    assert_eq!(shop.redeliver().await, 0);
    shop.send(&login(LI, 20, visitor("d1"))).await;
    shop.redeliver().await;
    assert_eq!(people(&shop), pairs(&[("m1", SARAH), ("m2", SARAH)]));
    let mut events = shop.klaviyo().events();
    events.sort_by_key(|event| event.unique_id.clone());
    assert_eq!(
        events[0].time.as_deref(),
        Some(at(1).replace('Z', ".000Z").as_str())
    );
    assert_eq!([events[0].backfill, events[1].backfill], [true, false]);
    // A sealed event of the other device, the note of it, and three items of two people.
    assert_eq!(shop.ledger().len(), 5, "what has gone is removed");
}

#[tokio::test]
async fn an_event_waits_once_and_a_visitor_has_at_most_fifty() {
    let shop = shop().await;
    let events: Value = (0..51)
        .map(|n| view(&format!("m{n:02}"), n, visitor("d1")))
        .collect();
    for _ in 0..2 {
        let answer = shop.send(&events).await;
        assert_eq!(answer.body.ignored, 51);
        let full: Vec<_> = reasons(&answer)
            .into_iter()
            .filter(|one| one.1 == "no_email")
            .collect();
        assert_eq!(full, [(50, "no_email")]);
    }
    let requests = shop.ledger_requests();
    assert_eq!(
        counts(&shop.send(&login(SARAH, 60, visitor("d1"))).await),
        [1, 0, 0]
    );
    // Two attempts to write, since events wait; the events; their removal, and that of the note.
    assert_eq!(shop.ledger_requests() - requests, 5);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop).len(), 50);
}

#[tokio::test]
async fn events_wait_on_while_the_queue_cannot_take_them() {
    let shop = shop().await;
    shop.send(&view("m1", 1, visitor("d1"))).await;
    shop.break_queues();
    let refused = shop.send(&login(SARAH, 10, visitor("d1"))).await;
    assert_eq!(refused.status, 503);
    shop.repair_queues();
    assert_eq!(
        counts(&shop.send(&login(SARAH, 10, visitor("d1"))).await),
        [1, 0, 0]
    );
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop), pairs(&[("m1", SARAH)]));
}

#[tokio::test]
async fn an_event_that_cannot_wait_comes_again() {
    let shop = shop().await;
    shop.set_ledger_down(true);
    let answer = shop.send(&view("m1", 1, visitor("d1"))).await;
    assert_eq!(reasons(&answer), [(0, "memory_unavailable")]);
    shop.set_ledger_down(false);
    assert_eq!(shop.redeliver().await, 0);
    shop.send(&login(SARAH, 10, visitor("d1"))).await;
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop), pairs(&[("m1", SARAH)]));
}
