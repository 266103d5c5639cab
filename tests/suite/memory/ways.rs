//! The ways that a message takes: at once, through the queue because Klaviyo throttles, or through the
//! queue by `INTAKE`. The memory is asked and told on each of them once, when the message arrives.

use serde_json::{Value, json};

use super::{REMEMBER, login, pairs, people, user, view, visitor};
use crate::support::answers::reasons;
use crate::support::messages::{delete, order};
use crate::support::paths::{EVENT_JOBS, EVENTS, IMPORT, IMPORT_JOBS};
use crate::support::people::{LI, SARAH, person};
use crate::support::settings::{PATIENT, Setting};
use crate::support::shop::Shop;

pub(super) const QUEUED: Setting = ("INTAKE", "Queued");

/// A way of a message through the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Klaviyo takes the message at once.
    Direct,
    /// Klaviyo throttles, and the message goes into the queue after an attempt.
    Throttled,
    /// Klaviyo is known to throttle, and the message goes into the queue without an attempt.
    Spilled,
    /// Every message goes into the queue.
    Intake,
}

const WAYS: [Way; 4] = [Way::Direct, Way::Throttled, Way::Spilled, Way::Intake];

impl Way {
    async fn open(self, settings: &[Setting<'_>]) -> Shop {
        let settings = [&[REMEMBER, PATIENT], settings].concat();
        match self {
            Way::Intake => Shop::open_with_ledger(&[&settings[..], &[QUEUED]].concat()).await,
            _ => Shop::open_with_ledger(&settings).await,
        }
    }

    /// Sends messages this way. They are accepted, and wait, unless the way is direct.
    async fn send(self, shop: &Shop, messages: Vec<Value>) {
        if self == Way::Spilled {
            shop.klaviyo().throttle(EVENTS).always();
            shop.klaviyo().throttle(IMPORT).always();
            let stranger = json!({"email": LI, "userId": "stranger"});
            let mut event = view("m0", 0, stranger.clone());
            event["properties"] = json!({"email": LI});
            shop.send(&event).await;
            shop.send(&login(LI, 0, json!({"userId": "stranger"})))
                .await;
            shop.klaviyo().forget_requests();
        }
        if self == Way::Throttled {
            for path in [EVENTS, IMPORT, EVENT_JOBS, IMPORT_JOBS] {
                shop.klaviyo().throttle(path).always();
            }
        }
        let count = messages.len();
        let answer = shop.send_all(messages).await;
        let expected = match self {
            Way::Direct => (count, 0),
            _ => (0, count),
        };
        let body = &answer.body;
        assert_eq!((body.delivered, body.queued), expected, "{self:?}");
        if self == Way::Spilled {
            assert_eq!(shop.klaviyo().requests().len(), 0);
        }
        shop.klaviyo().recover();
    }
}

/// Returns the events of these ids, and whose they are.
fn of(shop: &Shop, ids: &[&str]) -> Vec<(String, String)> {
    let mut events = people(shop);
    events.retain(|(id, _)| ids.contains(&id.as_str()));
    events
}

#[tokio::test]
async fn an_event_gets_the_same_address_on_every_way() {
    for way in WAYS {
        let shop = way.open(&[]).await;
        shop.send(&login(SARAH, 0, visitor("d1"))).await;
        shop.redeliver().await;
        let ids = ["m1", "m2", "m3"];
        let events = ids.map(|id| view(id, 9, visitor("d1")));
        way.send(&shop, events.into()).await;
        // Whoever asked again would hear of somebody else.
        shop.send(&login(LI, 5, visitor("d1"))).await;
        let reads = shop.ledger_reads();
        assert_eq!(shop.redeliver().await, 0);
        assert_eq!(shop.ledger_reads(), reads, "{way:?}");
        assert_eq!(
            of(&shop, &ids),
            pairs(&ids.map(|id| (id, SARAH))),
            "{way:?}"
        );
    }
}

#[tokio::test]
async fn what_a_message_tells_is_told_once_it_is_accepted_and_only_once() {
    for way in WAYS {
        let shop = way.open(&[]).await;
        way.send(&shop, vec![login(SARAH, 0, user("u1"))]).await;
        shop.send(&view("m1", 1, user("u1"))).await;
        let requests = shop.ledger_requests();
        assert_eq!(shop.redeliver().await, 0);
        assert_eq!(shop.ledger_requests(), requests, "{way:?}");
        assert_eq!(of(&shop, &["m1"]), pairs(&[("m1", SARAH)]), "{way:?}");
    }
}

#[tokio::test]
async fn what_waits_does_not_bring_back_who_is_forgotten() {
    for way in WAYS {
        let shop = way.open(&[]).await;
        way.send(&shop, vec![login(SARAH, 0, user("u1"))]).await;
        assert_ne!(shop.ledger(), []);
        shop.send(&delete("u1")).await;
        shop.send(&delete("stranger")).await;
        assert_eq!(shop.ledger(), [], "{way:?}");
        assert_eq!(shop.redeliver().await, 0);
        assert_eq!(shop.ledger(), [], "{way:?}");
    }
}

#[tokio::test]
async fn a_deletion_that_waits_does_not_forget_who_has_come_back() {
    let shop = Way::Intake.open(&[("HONOR_DELETIONS", "true")]).await;
    shop.send(&delete("u1")).await;
    shop.send(&login(SARAH, 0, user("u1"))).await;
    let known = shop.ledger();
    assert_ne!(known, []);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.ledger(), known);
}

#[tokio::test]
async fn messages_are_taken_in_while_the_table_is_down() {
    let shop = Way::Intake.open(&[]).await;
    shop.set_ledger_down(true);
    let batch = vec![login(SARAH, 0, user("u1")), view("m1", 1, user("u1"))];
    Way::Intake.send(&shop, batch).await;
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop), []);
    shop.set_ledger_down(false);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop), pairs(&[("m1", SARAH)]));
    assert_eq!(shop.retry_queue().len(), 0);
}

#[tokio::test]
async fn an_event_that_waits_in_the_table_does_not_wait_in_the_queue_as_well() {
    let shop = Way::Intake.open(&[super::holding::HOLD]).await;
    // They exceed the memory of a delivery, so that the event is not planned.
    let mut batch: Vec<_> = (0..8).map(|n| order(&format!("R{n}"), 2_000)).collect();
    batch.push(view("m1", 1, visitor("d1")));
    let answer = shop.send_all(batch).await;
    assert_eq!((answer.body.queued, answer.body.ignored), (8, 1));
    assert!(reasons(&answer).contains(&(8, "held")));
}

#[tokio::test]
async fn a_profile_that_an_import_job_did_not_accept_stays_the_same_persons() {
    const TAKEN: &str = "+15005550006";
    let shop = Way::Direct.open(&[]).await;
    shop.klaviyo().switch(|switches| switches.import_ms = 0);
    shop.klaviyo().add_profile(LI, Some(TAKEN));
    let ids = |number: usize| user(&format!("u{number}"));
    for number in 0..20 {
        shop.send(&login(&person(number), 0, ids(number))).await;
    }
    let messages: Vec<_> = (0..20)
        .map(|number| {
            let mut message = view(&format!("i{number}"), 5, ids(number));
            message["type"] = "identify".into();
            message["traits"] = json!({"n": number});
            if number == 3 {
                message["traits"]["phone"] = TAKEN.into();
            }
            message
        })
        .collect();
    shop.send_all(messages).await;
    shop.send(&login(SARAH, 2, ids(3))).await;
    let reads = shop.ledger_reads();
    for _ in 0..2 {
        assert_eq!(shop.redeliver().await, 0);
    }
    assert_eq!(shop.ledger_reads(), reads);
    assert_eq!(shop.retry_queue().len(), 0);
    let profile = shop.klaviyo().profile(&person(3));
    assert_eq!(profile["properties"]["n"], json!(3));
}
