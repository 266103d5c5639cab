//! The identity memory: whom a message is about that carries nothing but ids.

mod holding;
mod ways;
mod world;

use segment_klaviyo::check::Severity;
use segment_klaviyo::handler::{InvocationContext, Reply};
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use crate::support::answers::{counts, reasons};
use crate::support::paths::{EVENT_JOBS, EVENTS};
use crate::support::people::{LI, SARAH, person};
use crate::support::secrets::secret;
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL, Setting};
use crate::support::shop::Shop;

const REMEMBER: Setting = ("REMEMBER_IDENTITIES", "true");

/// Returns a view of a product on a website, at a minute of a month.
fn view(id: &str, minute: u32, ids: Value) -> Value {
    let mut message = json!({
        "type": "track",
        "event": "Product Viewed",
        "messageId": id,
        "timestamp": at(minute),
    });
    message
        .as_object_mut()
        .unwrap()
        .extend(ids.as_object().unwrap().clone());
    message
}

/// Returns a login, as Segment's website library reports it.
fn login(email: &str, minute: u32, ids: Value) -> Value {
    let mut message = view(&format!("login {email} {minute}"), minute, ids);
    message["type"] = "identify".into();
    message["traits"] = json!({"email": email});
    message
}

fn at(minute: u32) -> String {
    let at = datetime!(2026-10-20 8:00 UTC) + Duration::minutes(minute.into());
    at.format(&Rfc3339).unwrap()
}

fn user(id: &str) -> Value {
    json!({"userId": id, "anonymousId": format!("device of {id}")})
}

fn visitor(id: &str) -> Value {
    json!({"anonymousId": id})
}

/// Returns the unique ids of all events with the address that each is under, in order.
fn people(shop: &Shop) -> Vec<(String, String)> {
    let profiles = shop.klaviyo().profiles();
    let mut people = Vec::new();
    for event in shop.klaviyo().events() {
        let email = profiles[event.profile]["email"].as_str().unwrap();
        people.push((event.unique_id, email.to_owned()));
    }
    people.sort_unstable();
    people
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |(id, email): &(&str, &str)| ((*id).to_owned(), (*email).to_owned());
    expected.iter().map(pair).collect()
}

#[tokio::test]
async fn ids_mean_whoever_was_seen_with_them() {
    let shop = Shop::open_with_ledger(&[REMEMBER]).await;
    assert_eq!(
        counts(&shop.send(&login(SARAH, 0, user("u1"))).await),
        [1, 0, 0]
    );
    for (id, ids, expected) in [
        ("m1", user("u1"), [1, 0, 0]),
        ("m2", json!({"userId": "u1"}), [1, 0, 0]),
        ("m3", visitor("device of u1"), [1, 0, 0]),
        ("m4", user("u2"), [0, 1, 0]),
        // A user whom nobody knows, at the device of somebody else.
        (
            "m5",
            json!({"userId": "u2", "anonymousId": "device of u1"}),
            [0, 1, 0],
        ),
        ("m6", json!({}), [0, 1, 0]),
    ] {
        assert_eq!(
            counts(&shop.send(&view(id, 5, ids)).await),
            expected,
            "{id}"
        );
    }
    assert_eq!(
        people(&shop),
        pairs(&[("m1", SARAH), ("m2", SARAH), ("m3", SARAH)])
    );
}

#[tokio::test]
async fn a_message_learns_from_another_one_of_its_delivery_by_their_times() {
    let shop = Shop::open_with_ledger(&[REMEMBER]).await;
    let device = || visitor("d1");
    let batch = json!([
        view("m1", 1, device()),
        view("m3", 30, device()),
        login(LI, 20, device()),
        view("m2", 15, device()),
        login(SARAH, 10, device()),
    ]);
    assert_eq!(counts(&shop.send(&batch).await), [5, 0, 0]);
    let expected = [("m1", SARAH), ("m2", SARAH), ("m3", LI)];
    assert_eq!(people(&shop), pairs(&expected));
}

#[tokio::test]
async fn ids_that_strangers_share_mean_nobody() {
    for id in ["undefined", "guest", "Null", "0"] {
        let shop = Shop::open_with_ledger(&[REMEMBER]).await;
        for ids in [json!({"userId": id}), visitor(id)] {
            shop.send(&login(SARAH, 0, ids.clone())).await;
            assert_eq!(
                counts(&shop.send(&view("m", 1, ids)).await),
                [0, 1, 0],
                "{id}"
            );
        }
        assert_eq!(shop.ledger_requests(), 0);
    }
    let shop = Shop::open_with_ledger(&[REMEMBER]).await;
    for number in 0..6 {
        shop.send(&login(&person(number), number as u32, user("shop")))
            .await;
    }
    assert_eq!(
        counts(&shop.send(&view("m", 9, user("shop"))).await),
        [0, 1, 0]
    );
}

#[tokio::test]
async fn the_address_of_a_friend_in_an_event_is_not_the_accounts() {
    let shop = Shop::open_with_ledger(&[REMEMBER]).await;
    shop.send(&login(SARAH, 0, user("u1"))).await;
    let mut invitation = view("m1", 1, user("u1"));
    invitation["properties"] = json!({"email": LI});
    shop.send(&invitation).await;
    shop.send(&view("m2", 2, user("u1"))).await;
    assert_eq!(people(&shop), pairs(&[("m1", LI), ("m2", SARAH)]));
    // A guest who checks out has said who they are.
    let mut checkout = view("m3", 3, visitor("d2"));
    checkout["properties"] = json!({"email": LI});
    shop.send(&checkout).await;
    shop.send(&view("m4", 4, visitor("d2"))).await;
    assert_eq!(people(&shop)[2..], pairs(&[("m3", LI), ("m4", LI)]));
}

#[tokio::test]
async fn what_is_not_for_klaviyo_is_not_remembered() {
    let shop = Shop::open_with_ledger(&[REMEMBER, ("CONSENT_REQUIRED", "Ads")]).await;
    let mut refusal = login(SARAH, 0, user("u1"));
    refusal["context"] = json!({"consent": {"categoryPreferences": {"Ads": false}}});
    let mut hidden = login(SARAH, 0, user("u1"));
    hidden["integrations"] = json!({"Klaviyo": false});
    for message in [refusal, hidden] {
        assert_eq!(counts(&shop.send(&message).await), [0, 1, 0]);
    }
    assert_eq!(shop.ledger(), []);
}

#[tokio::test]
async fn the_table_holds_no_address_and_no_id() {
    let shop = Shop::open_with_ledger(&[REMEMBER]).await;
    shop.send(&login(SARAH, 0, user("usr_1"))).await;
    let items = shop.ledger();
    assert_eq!(items.len(), 3, "a user, a device and where an address is");
    for (id, item) in items {
        let text = format!("{id} {item}");
        assert!(id.starts_with("identity/"));
        assert!(!text.contains("sarah") && !text.contains("usr_1"), "{text}");
        let expires_at: i64 = item["expires_at"]["N"].as_str().unwrap().parse().unwrap();
        let days = (expires_at - time::OffsetDateTime::now_utc().unix_timestamp()) / 86_400;
        assert!((364..=365).contains(&days), "{days}");
    }
}

#[tokio::test]
async fn a_deletion_removes_everything_about_the_person() {
    for (deleted, honored) in [("u1", "false"), ("u1", "true"), (SARAH, "false")] {
        let settings = [REMEMBER, ("HONOR_DELETIONS", honored)];
        let shop = Shop::open_with_ledger(&settings).await;
        for (minute, device) in ["d1", "d2"].into_iter().enumerate() {
            let ids = json!({"userId": "u1", "anonymousId": device});
            shop.send(&login(SARAH, minute as u32, ids)).await;
        }
        shop.send(&login(LI, 0, user("u2"))).await;
        assert_eq!(shop.ledger().len(), 7);
        shop.send(&json!({"type": "delete", "userId": deleted}))
            .await;
        assert_eq!(shop.ledger().len(), 3, "Li is still known");
        for ids in [json!({"userId": "u1"}), visitor("d1"), visitor("d2")] {
            assert_eq!(counts(&shop.send(&view("m", 5, ids)).await), [0, 1, 0]);
        }
        shop.send(&login(SARAH, 9, user("u1"))).await;
        assert_eq!(shop.ledger().len(), 6, "who comes back is known again");
    }
}

#[tokio::test]
async fn nothing_is_lost_or_misfiled_while_the_table_is_down() {
    let shop = Shop::open_with_ledger(&[REMEMBER, BRIEF]).await;
    shop.set_ledger_down(true);
    let batch = json!([login(SARAH, 0, user("u1")), view("m1", 1, user("u1"))]);
    let answer = shop.send(&batch).await;
    let unavailable = "memory_unavailable";
    assert_eq!(reasons(&answer), [(0, unavailable), (1, unavailable)]);
    assert_eq!(
        shop.klaviyo().profile(SARAH)["email"],
        SARAH,
        "the profile is there"
    );
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue().len(), 2, "each by itself");
    assert_eq!(people(&shop), []);
    shop.set_ledger_down(false);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop), pairs(&[("m1", SARAH)]));
    assert_eq!(
        counts(&shop.send(&view("m2", 2, user("u1"))).await),
        [1, 0, 0]
    );

    shop.set_ledger_down(true);
    let deletion = shop.send(&json!({"type": "delete", "userId": "u1"})).await;
    assert_eq!(reasons(&deletion), [(0, unavailable)]);
    shop.set_ledger_down(false);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.ledger(), []);
}

#[tokio::test]
async fn another_attempt_is_about_the_same_person() {
    let shop = Shop::open_with_ledger(&[REMEMBER, BRIEF]).await;
    shop.send(&login(SARAH, 0, user("u1"))).await;
    shop.klaviyo().throttle(EVENTS).once();
    assert_eq!(
        reasons(&shop.send(&view("m1", 1, user("u1"))).await),
        [(0, "throttled")]
    );
    shop.send(&json!({"type": "delete", "userId": "u1"})).await;
    shop.send(&login(LI, 0, user("u1"))).await;
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(people(&shop), pairs(&[("m1", SARAH)]));
}

#[tokio::test]
async fn nobody_is_subscribed_by_an_address_that_the_message_does_not_have() {
    let shop = Shop::open_with_ledger(&[REMEMBER, SUBSCRIBE_ALL]).await;
    let mut known = login(SARAH, 0, user("u1"));
    known["integrations"] = json!({"Klaviyo": {"listId": null}});
    shop.send(&known).await;
    let mut identify = login(SARAH, 1, user("u1"));
    identify["traits"] = json!({"plan": "gold"});
    let answer = shop.send(&identify).await;
    assert_eq!(counts(&answer), [1, 0, 0]);
    assert_eq!(reasons(&answer), [(0, "not_subscribed")]);
    assert_eq!(
        shop.klaviyo().profile(SARAH)["properties"],
        json!({"plan": "gold"})
    );
    assert_eq!(shop.klaviyo().consents().len(), 0);
}

#[tokio::test]
async fn a_new_secret_reads_what_the_old_one_has_written() {
    let settings = [REMEMBER];
    let shop = Shop::open_with_ledger(&settings).await;
    let old = segment_klaviyo_stand_in::SHARED_SECRET;
    let key = segment_klaviyo_stand_in::API_KEY;
    shop.send(&login(SARAH, 0, user("u1"))).await;
    shop.secrets_manager()
        .store(&secret(key, &json!(["newer", old])));
    let shop = shop.reopen_with_ledger(&settings).await;
    assert_eq!(
        counts(&shop.send(&view("m1", 1, user("u1"))).await),
        [1, 0, 0]
    );
    shop.send(&json!({"type": "delete", "userId": "u1"})).await;
    assert_eq!(shop.ledger(), []);
}

#[tokio::test]
async fn whoever_has_not_come_for_long_is_forgotten() {
    let shop = Shop::open_with_ledger(&[REMEMBER, ("IDENTITY_TTL_DAYS", "30")]).await;
    shop.send(&login(SARAH, 0, user("u1"))).await;
    shop.age_ledger(29 * 86_400);
    assert_eq!(
        counts(&shop.send(&view("m1", 1, user("u1"))).await),
        [1, 0, 0]
    );
    shop.age_ledger(2 * 86_400);
    assert_eq!(
        counts(&shop.send(&view("m2", 1, user("u1"))).await),
        [0, 1, 0]
    );
}

#[tokio::test]
async fn the_table_is_read_once_for_a_hundred_people_and_never_for_addresses() {
    let shop = Shop::open_with_ledger(&[REMEMBER, PATIENT]).await;
    for (count, reads, writes) in [(1, 1, 1), (100, 1, 3), (1_000, 10, 30)] {
        let ids = |number: usize| user(&format!("u{count} {number}"));
        let logins: Value = (0..count)
            .map(|number| login(&person(count * 10_000 + number), 0, ids(number)))
            .collect();
        let before = (shop.ledger_reads(), shop.ledger_requests());
        assert_eq!(counts(&shop.send(&logins).await), [count, 0, 0]);
        let after = (shop.ledger_reads(), shop.ledger_requests());
        assert_eq!(
            (after.0 - before.0, after.1 - before.1),
            (0, writes),
            "{count}"
        );
        shop.send(&logins).await;
        assert_eq!(shop.ledger_requests(), after.1, "nothing is new");
        let views: Value = (0..count)
            .map(|number| view(&format!("m{count} {number}"), 1, ids(number)))
            .collect();
        assert_eq!(counts(&shop.send(&views).await), [count, 0, 0]);
        assert_eq!(shop.ledger_requests() - after.1, reads, "{count}");
        assert_eq!(shop.ledger_reads() - after.0, reads, "{count}");
    }
    assert!(shop.klaviyo().paths().iter().any(|path| path == EVENT_JOBS));
}

#[tokio::test]
async fn a_check_reads_the_table() {
    let check = json!({"check": true});
    let shop = Shop::open_with_ledger(&[REMEMBER]).await;
    for (is_down, expected) in [(false, Severity::Ok), (true, Severity::Failed)] {
        shop.set_ledger_down(is_down);
        let reply = shop.invoke(&check, InvocationContext::default()).await;
        let Ok(Reply::Check(report)) = reply else {
            panic!("{reply:?}")
        };
        let memory = report
            .findings
            .iter()
            .find(|finding| finding.about == "memory");
        assert_eq!(memory.unwrap().state, expected);
    }
}

#[tokio::test]
async fn without_the_setting_the_table_is_never_asked() {
    let shop = Shop::open_with_ledger(&[]).await;
    let batch = json!([login(SARAH, 0, user("u1")), view("m1", 1, user("u1"))]);
    assert_eq!(counts(&shop.send(&batch).await), [1, 1, 0]);
    assert_eq!(shop.ledger_requests(), 0);
}
