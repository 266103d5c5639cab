//! Poison: a message that nothing can take is rejected with a reason. It is never a 5xx, which would
//! make Segment send it and its neighbors for hours.

use serde_json::json;

use crate::support::answers::counts;
use crate::support::messages::{identify, track};
use crate::support::people::{LI, SARAH};
use crate::support::settings::PATIENT;
use crate::support::shop::Shop;

/// Returns so many levels of objects, or of arrays.
fn nested(levels: usize, is_array: bool) -> String {
    let (open, close) = if is_array {
        ("[", "]")
    } else {
        (r#"{"a":"#, "}")
    };
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

/// Returns a message that has this value in a place.
fn poisoned(kind: &str, place: &str, value: &str) -> String {
    let (outer, key) = place.split_once('.').unwrap();
    let inner = match outer {
        "traits" => format!(r#"{{"email": "{SARAH}", "{key}": {value}}}"#),
        _ => format!(r#"{{"{key}": {value}}}"#),
    };
    format!(
        r#"{{"type": "{kind}", "event": "Seen", "name": "Home", "messageId": "poison", "userId": "{SARAH}",
            "groupId": "Y6nRLr", "{outer}": {inner}}}"#
    )
}

/// The messages, and the reason if what is deep is passed on to Klaviyo.
const PLACES: [(&str, &str, Option<&str>); 8] = [
    ("identify", "traits.plan", Some("nested_too_deeply")),
    ("identify", "traits.address", Some("nested_too_deeply")),
    ("identify", "traits.name", None),
    ("identify", "context.deep", None),
    ("track", "properties.deep", Some("nested_too_deeply")),
    ("track", "properties.products", Some("nested_too_deeply")),
    ("track", "context.traits", None),
    ("group", "traits.subscribe", None),
];

#[tokio::test]
async fn what_is_nested_too_deeply_is_rejected_and_costs_no_neighbor() {
    for (kind, place, reason) in PLACES {
        for is_array in [false, true] {
            let shop = Shop::open_with_queues(&[PATIENT, ("GROUP_LISTS", "true")]).await;
            let poison = poisoned(kind, place, &nested(5_000, is_array));
            let alone = shop.send_raw(&poison).await;
            let case = format!("{kind} {place} {is_array}: {:?}", alone.body);
            assert!(alone.status < 500, "{case}");

            let neighbors =
                [identify(LI, json!({})), track("m1")].map(|message| message.to_string());
            let body = format!("[{},{poison},{}]", neighbors[0], neighbors[1]);
            let answer = shop.send_raw(&body).await;
            assert_eq!((answer.status, answer.retry), (200, 0), "{case}");
            assert_eq!(answer.body.queued, 0, "{case}");
            let [delivered, _, rejected] = counts(&answer);
            assert!(delivered >= 2, "{case}");
            if let Some(reason) = reason {
                assert_eq!((delivered, rejected), (2, 1), "{case}");
                assert_eq!(answer.body.results[0].reason, reason, "{case}");
                assert_eq!(shop.retry_queue().len(), 0);
            }
        }
    }
}

#[tokio::test]
async fn a_hundred_levels_are_delivered() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    // The traits are the fourth level of a request, and the plan the sixth.
    let message = poisoned("identify", "traits.plan", &nested(90, true));
    let answer = shop.send_raw(&message).await;
    assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]));
}
