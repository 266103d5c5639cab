//! A refusal of the program is not a refusal of the message: when Klaviyo retires a revision, nothing
//! is lost, and Klaviyo is not flooded.

use serde_json::json;

use crate::support::answers::{counts, reasons};
use crate::support::messages::{identify, track, tracks};
use crate::support::paths::{EVENT_JOBS, EVENTS, IMPORT};
use crate::support::people::SARAH;
use crate::support::settings::PATIENT;
use crate::support::shop::Shop;

#[tokio::test]
async fn what_klaviyo_no_longer_serves_waits() {
    for status in [404, 405, 406, 410, 415] {
        let shop = Shop::open_with_queues(&[PATIENT]).await;
        shop.klaviyo().fail(EVENTS, status).once();
        let answer = shop.send(&track("m1")).await;
        assert_eq!((answer.status, answer.body.queued), (200, 1), "{status}");
        assert_eq!(reasons(&answer), [(0, "klaviyo_revision_refused")]);
        assert_eq!(shop.klaviyo().requests().len(), 1, "{status}");
        assert_eq!(shop.log().last().unwrap()["RevisionRefused"], 1, "{status}");
        assert_eq!(shop.redeliver().await, 0);
        assert_eq!(shop.klaviyo().event_ids(), ["m1"], "{status}");
        assert_eq!(shop.dead_letters().len(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_large_delivery_stops_at_the_second_refusal() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().fail(EVENT_JOBS, 410).always();
    let answer = shop.send_all(tracks(4_000)).await;
    assert_eq!((answer.status, answer.body.queued), (200, 4_000));
    assert!(shop.klaviyo().requests().len() <= 2);
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().events().len(), 4_000);
}

#[tokio::test]
async fn a_batch_of_the_queue_stops_at_the_second_refusal() {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().fail(EVENTS, 410).always();
    shop.klaviyo().fail(EVENT_JOBS, 410).always();
    shop.send_all(tracks(10)).await;
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue().len(), 10);
    assert!(shop.klaviyo().requests().len() <= 2);
}

#[tokio::test]
async fn an_attribute_that_klaviyo_points_at_costs_itself() {
    for (pointer, field, key) in [
        ("/data/attributes/locale", "locale", "locale"),
        ("/data/attributes/image", "image", "image"),
        ("/data/attributes/location/timezone", "timezone", "location"),
        ("/data/attributes/phone_number", "phone", "phone_number"),
        (
            "/data/attributes/properties/plan",
            "a property",
            "properties",
        ),
    ] {
        let shop = Shop::open(&[PATIENT, ("CLASSIC_PROPERTY_NAMES", "false")]).await;
        shop.klaviyo().refuse(IMPORT, &[pointer]).once();
        let traits = json!({
            "firstName": "Sarah",
            "locale": "en-US",
            "avatar": "https://klaviyo-demo.com/sarah.png",
            "timezone": "America/New_York",
            "phone": "+15005550006",
            "plan": "gold",
        });
        let answer = shop.send(&identify(SARAH, traits)).await;
        assert_eq!(counts(&answer), [1, 0, 0], "{pointer}");
        assert_eq!(reasons(&answer), [(0, "field_left_out")], "{pointer}");
        let detail = &answer.body.results[0].detail;
        assert!(
            detail.starts_with(&format!("{field} was left out")),
            "{detail}"
        );
        let profile = shop.klaviyo().profile(SARAH);
        assert_eq!(profile.get(key), None, "{pointer}");
        assert_eq!(profile["first_name"], "Sarah", "{pointer}");
    }
}

#[tokio::test]
async fn a_currency_costs_itself_and_not_the_order() {
    let shop = Shop::open(&[PATIENT]).await;
    let pointer = "/data/attributes/value_currency";
    shop.klaviyo().refuse(EVENTS, &[pointer]).once();
    let mut message = track("m1");
    message["properties"] = json!({"revenue": 12, "currency": "USD"});
    let answer = shop.send(&message).await;
    assert_eq!(reasons(&answer), [(0, "field_left_out")]);
    assert_eq!(shop.klaviyo().event_ids(), ["m1"]);
}

#[tokio::test]
async fn only_the_documented_status_is_an_acknowledgement() {
    for (status, is_delivered) in [(202, true), (200, false), (204, false), (206, false)] {
        let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "1000")]).await;
        shop.klaviyo().fail(EVENTS, status).always();
        let answer = shop.send(&track("m1")).await;
        assert_eq!(answer.body.delivered == 1, is_delivered, "{status}");
        assert_eq!(answer.body.queued == 1, !is_delivered, "{status}");
    }
}
