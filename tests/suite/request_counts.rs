//! How many requests a delivery takes: the formula in `docs/performance.md`, at the numbers where
//! it bends.

use serde_json::{Value, json};

use crate::support::messages::{audience, delete, group, identify, order, to_list, track};
use crate::support::people::person;
use crate::support::settings::{PATIENT, Setting};
use crate::support::shop::Shop;

/// Everything switched on.
const SETTINGS: [Setting; 4] = [
    PATIENT,
    ("AUDIENCE_LISTS", "true"),
    ("GROUP_LISTS", "true"),
    ("HONOR_DELETIONS", "true"),
];

/// Sends so many messages, one size after another. Returns the requests that each size takes.
async fn request_counts(sizes: &[usize], message: impl Fn(usize) -> Value) -> Vec<usize> {
    let shop = Shop::open(&SETTINGS).await;
    let mut counts = Vec::new();
    for size in sizes {
        let answer = shop.send_all((0..*size).map(&message).collect()).await;
        assert_eq!((answer.status, answer.body.delivered), (200, *size));
        counts.push(shop.klaviyo().requests().len());
        shop.klaviyo().forget_requests();
    }
    counts
}

#[tokio::test]
async fn events_go_one_by_one_up_to_23_then_a_thousand_in_one_request() {
    assert_eq!(
        request_counts(&[1, 23, 24, 1_000, 1_001], |n| track(&format!("m{n}"))).await,
        [1, 23, 1, 1, 2]
    );
}

#[tokio::test]
async fn an_order_is_an_event_and_one_more_for_each_product() {
    for (products, expected) in [(0, 1), (1, 2), (22, 23), (23, 1), (999, 1), (1_000, 2)] {
        assert_eq!(
            request_counts(&[1], |_| order("R1", products)).await,
            [expected],
            "{products} products"
        );
    }
}

#[tokio::test]
async fn profiles_go_one_by_one_up_to_five_then_in_one_request() {
    assert_eq!(
        request_counts(&[1, 5, 6, 1_001], |n| identify(&person(n), json!({}))).await,
        [1, 5, 1, 1]
    );
}

#[tokio::test]
async fn subscriptions_are_a_request_for_each_list_and_thousand() {
    assert_eq!(
        request_counts(&[1, 1_000, 1_001], |n| group(&person(n), true)).await,
        [1, 1, 2]
    );
    for (lists, expected) in [
        (["LISTA1", "LISTA1"], [1 + 1, 5 + 1, 1 + 1, 1 + 2]),
        (["LISTA1", "LISTB2"], [1 + 1, 5 + 2, 1 + 2, 1 + 2]),
    ] {
        let message = |n: usize| to_list(lists[n % 2], identify(&person(n), json!({})));
        assert_eq!(
            request_counts(&[1, 5, 6, 1_001], message).await,
            expected,
            "{lists:?}"
        );
    }
}

#[tokio::test]
async fn unsubscriptions_are_a_request_for_each_list_and_hundred() {
    assert_eq!(
        request_counts(&[1, 100, 101], |n| group(&person(n), false)).await,
        [2, 2, 4],
        "half of them look whether the people are still on the list"
    );
}

#[tokio::test]
async fn an_audience_is_entered_in_one_request() {
    let entered = |n: usize| audience("Audience Entered", &person(n));
    assert_eq!(request_counts(&[1, 1_001], entered).await, [1, 1]);
}

#[tokio::test]
async fn an_audience_is_exited_after_a_look_up() {
    let of = |event, size| (0..size).map(|n| audience(event, &person(n))).collect();
    let shop = Shop::open(&SETTINGS).await;
    shop.send_all(of("Audience Entered", 1_001)).await;
    for (size, look_ups) in [(1, 1), (100, 1), (101, 2)] {
        shop.klaviyo().forget_requests();
        shop.send_all(of("Audience Exited", size)).await;
        let requests = shop.klaviyo().requests();
        assert_eq!(requests.len(), look_ups + 1, "{size} people");
    }
}

#[tokio::test]
async fn every_deletion_is_its_own_request() {
    assert_eq!(
        request_counts(&[1, 30], |n| delete(&person(n))).await,
        [1, 30]
    );
}
