//! How many calls a delivery takes: the formula in `docs/performance.md`, at the numbers where it bends.

use serde_json::{Value, json};

use crate::support::{Shop, identify, order, track};

/// Everything switched on, and time enough for a debug build on a slow machine.
const SETTINGS: [(&str, &str); 4] = [
    ("DELIVERY_BUDGET_MS", "60000"),
    ("AUDIENCE_LISTS", "true"),
    ("GROUP_LISTS", "true"),
    ("HONOR_DELETIONS", "true"),
];

fn person(n: usize) -> String {
    format!("p{n}@klaviyo-demo.com")
}

fn identify_of(n: usize, list: &str) -> Value {
    identify(
        &json!({"email": person(n)}),
        &json!({"Klaviyo": {"listId": list}}),
    )
}

fn group_of(n: usize, subscribe: bool) -> Value {
    json!({"type": "group", "groupId": "Y6nRLr", "userId": person(n), "traits": {"subscribe": subscribe}})
}

fn audience_of(n: usize, event: &str) -> Value {
    json!({"type": "track", "event": event, "userId": person(n), "messageId": n.to_string(),
        "context": {"personas": {"external_audience_id": "AUD1"}}})
}

/// Sends so many of each, one size after another: the calls that each size took.
async fn calls(sizes: &[usize], message: impl Fn(usize) -> Value) -> Vec<usize> {
    let shop = Shop::open(&SETTINGS).await;
    let mut calls = Vec::new();
    for size in sizes {
        let batch: Value = (0..*size).map(&message).collect();
        let answer = shop.send(&batch).await;
        assert_eq!((answer.status, answer.body.delivered), (200, *size));
        calls.push(std::mem::take(&mut shop.stand_in.state().requests).len());
    }
    calls
}

#[tokio::test]
async fn events_go_one_by_one_up_to_23_then_a_thousand_at_once() {
    let view = |n: usize| track(&format!("m{n}"), &json!({}));
    assert_eq!(
        calls(&[1, 23, 24, 1_000, 1_001], view).await,
        [1, 23, 1, 1, 2]
    );
}

#[tokio::test]
async fn an_order_is_an_event_and_one_more_for_each_product() {
    for (products, expected) in [(0, 1), (1, 2), (22, 23), (23, 1), (999, 1), (1_000, 2)] {
        assert_eq!(
            calls(&[1], |_| order("R1", products)).await,
            [expected],
            "{products} products"
        );
    }
}

#[tokio::test]
async fn profiles_go_one_by_one_up_to_five_then_at_once() {
    assert_eq!(
        calls(&[1, 5, 6, 1_001], |n| identify_of(n, "")).await,
        [1, 5, 1, 1]
    );
}

#[tokio::test]
async fn subscriptions_are_a_call_for_each_list_and_thousand() {
    assert_eq!(
        calls(&[1, 1_000, 1_001], |n| group_of(n, true)).await,
        [1, 1, 2]
    );
    let one_list = |n| identify_of(n, "LISTA1");
    assert_eq!(
        calls(&[1, 5, 6, 1_001], one_list).await,
        [1 + 1, 5 + 1, 1 + 1, 1 + 2]
    );
    let two_lists = |n: usize| {
        identify_of(
            n,
            if n.is_multiple_of(2) {
                "LISTA1"
            } else {
                "LISTB2"
            },
        )
    };
    assert_eq!(
        calls(&[1, 5, 6, 1_001], two_lists).await,
        [1 + 1, 5 + 2, 1 + 2, 1 + 2]
    );
}

#[tokio::test]
async fn unsubscriptions_are_a_call_for_each_list_and_hundred() {
    assert_eq!(
        calls(&[1, 100, 101], |n| group_of(n, false)).await,
        [1, 1, 2]
    );
}

#[tokio::test]
async fn audiences_are_entered_in_one_call_and_left_in_two_and_more() {
    assert_eq!(
        calls(&[1, 1_001], |n| audience_of(n, "Audience Entered")).await,
        [1, 1]
    );
    let shop = Shop::open(&SETTINGS).await;
    let of =
        |event: &str, size: usize| -> Value { (0..size).map(|n| audience_of(n, event)).collect() };
    shop.send(&of("Audience Entered", 1_001)).await;
    // Some 80 addresses fit into what a look-up may ask for.
    for (size, expected) in [(1, 1 + 1), (60, 1 + 1), (100, 2 + 1)] {
        shop.stand_in.state().requests.clear();
        shop.send(&of("Audience Exited", size)).await;
        assert_eq!(shop.paths().len(), expected, "{size} people");
    }
}

#[tokio::test]
async fn every_deletion_is_a_call_of_its_own() {
    let delete = |n: usize| json!({"type": "delete", "userId": person(n)});
    assert_eq!(calls(&[1, 30], delete).await, [1, 30]);
}
