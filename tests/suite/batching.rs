//! Many messages in few requests, and each of them once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::answers::reasons;
use crate::support::messages::{identify, order, to_list, track, track_with, tracks};
use crate::support::paths::{EVENT_JOBS, EVENTS, IMPORT_JOBS, SUBSCRIBE};
use crate::support::people::person;
use crate::support::settings::{PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

#[tokio::test]
async fn four_thousand_events_are_four_requests() {
    let shop = Shop::open(&[PATIENT]).await;
    let mut batch = tracks(4_000);
    for (n, message) in batch.iter_mut().enumerate() {
        message["context"]["traits"]["email"] = json!(person(n));
    }
    let answer = shop.send_all(batch).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 4_000));
    // On a busy machine a debug build of Klaviyo's stand-in can take longer than a first attempt may,
    // and gets the same request again. So different requests are counted.
    let mut bodies = BTreeSet::new();
    for request in shop.klaviyo().requests() {
        assert_eq!(request.path, EVENT_JOBS);
        bodies.insert(request.body.to_string());
    }
    assert_eq!(bodies.len(), 4);
    let ids = shop.klaviyo().event_ids();
    assert_eq!(ids.len(), 4_000);
    assert_eq!(BTreeSet::from_iter(ids).len(), 4_000);
    assert_eq!(shop.klaviyo().profiles().len(), 4_000);
}

#[tokio::test]
async fn few_events_go_one_by_one() {
    let shop = Shop::open(&[PATIENT]).await;
    shop.send_all(tracks(23)).await;
    assert_eq!(shop.klaviyo().paths(), [EVENTS; 23]);
    shop.klaviyo().forget_requests();
    shop.send_all(tracks(24)).await;
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS]);
    assert_eq!(shop.klaviyo().events().len(), 24);
}

/// Returns an identify of each of a thousand people, to one list after the other.
fn a_thousand_people(lists: &[&str]) -> Vec<Value> {
    (0..1_000)
        .zip(lists.iter().cycle())
        .map(|(n, list)| to_list(list, identify(&person(n), json!({"n": n}))))
        .collect()
}

#[tokio::test]
async fn a_thousand_identifies_are_one_request() {
    let shop = Shop::open(&[PATIENT]).await;
    let no_list = [""];
    for _ in 0..2 {
        let answer = shop.send_all(a_thousand_people(&no_list)).await;
        assert_eq!(answer.body.delivered, 1_000);
        assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS]);
        shop.klaviyo().forget_requests();
    }
    assert_eq!(
        shop.klaviyo().profiles().len(),
        1_000,
        "updated, not doubled"
    );
}

#[tokio::test]
async fn each_list_is_one_more_request_and_gets_its_own_people() {
    let shop = Shop::open(&[PATIENT]).await;
    let lists = ["LISTA1", "LISTB2"];
    let answer = shop.send_all(a_thousand_people(&lists)).await;
    assert_eq!(answer.body.delivered, 1_000);
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS, SUBSCRIBE, SUBSCRIBE]);
    assert_eq!(shop.klaviyo().profiles().len(), 1_000);
    let mut subscribed = BTreeSet::new();
    for consent in shop.klaviyo().consents() {
        subscribed.insert((consent.email.unwrap(), consent.list_id));
    }
    let expected: BTreeSet<_> = (0..1_000)
        .map(|n| (person(n), lists[n % 2].to_owned()))
        .collect();
    assert_eq!(subscribed, expected);
    assert_eq!(shop.klaviyo().consents().len(), 1_000, "nobody twice");
}

#[tokio::test]
async fn two_hundred_orders_of_five_lines_are_two_requests() {
    let shop = Shop::open(&[PATIENT]).await;
    let batch = (0..200).map(|n| order(&format!("R{n}"), 5)).collect();
    assert_eq!(shop.send_all(batch).await.body.delivered, 200);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS; 2]);
    assert_eq!(shop.klaviyo().events().len(), 1_200);
}

#[tokio::test]
async fn no_request_is_over_five_megabytes() {
    let shop = Shop::open(&[PATIENT]).await;
    let text = "x".repeat(50_000);
    let batch = (0..110)
        .map(|n| track_with(&format!("m{n}"), json!({"text": text})))
        .collect();
    assert_eq!(shop.send_all(batch).await.body.delivered, 110);
    let sizes = shop.klaviyo().request_sizes();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().all(|size| *size <= 5_000_000), "{sizes:?}");
    assert_eq!(shop.klaviyo().events().len(), 110);
}

#[tokio::test]
async fn a_large_order_does_not_grow_with_its_lines() {
    let shop = Shop::open(&[PATIENT]).await;
    let mut large = order("R1", 500);
    large["properties"]["copy"] = json!(vec!["x".repeat(1_000); 300]);
    assert_eq!(shop.send(&large).await.body.delivered, 1);
    let bytes: usize = shop.klaviyo().request_sizes().iter().sum();
    assert!(bytes < 6_000_000, "{bytes}");
    assert_eq!(shop.klaviyo().events().len(), 501);
}

#[tokio::test]
async fn profiles_go_before_events_and_subscriptions_last() {
    let shop = Shop::open(&[PATIENT, SUBSCRIBE_ALL]).await;
    let slowness = Duration::from_millis(50);
    shop.klaviyo().delay(IMPORT_JOBS, slowness).once();
    let mut batch = tracks(30);
    batch.extend((0..30).map(|n| identify(&person(n), json!({}))));
    assert_eq!(shop.send_all(batch).await.body.delivered, 60);
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS, EVENT_JOBS, SUBSCRIBE]);
}

#[tokio::test]
async fn deep_nesting_costs_only_its_own_message() {
    let shop = Shop::open(&[PATIENT]).await;
    let brackets = format!("{}1{}", r#"[{"a":"#.repeat(2_500), "}]".repeat(2_500));
    let deep = track_with("m2", json!({"a": "BRACKETS"})).to_string();
    let deep = deep.replace("\"BRACKETS\"", &brackets);
    let body = format!("[{}, {deep}, {brackets}, {}]", track("m1"), track("m3"));
    let answer = shop.send_raw(&body).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 2));
    assert_eq!(
        reasons(&answer),
        [(1, "nested_too_deeply"), (2, "not_a_message")]
    );
    assert_eq!(shop.send_raw(&brackets).await.status, 400);
}
