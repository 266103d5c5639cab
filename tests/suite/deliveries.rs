//! What Klaviyo holds after a delivery.

use serde_json::json;

use crate::support::answers::counts;
use crate::support::messages::{identify, order, sarah, track, track_with};
use crate::support::paths::{EVENTS, IMPORT, SUBSCRIBE};
use crate::support::people::{LI, PHONE, SARAH};
use crate::support::settings::SUBSCRIBE_ALL;
use crate::support::shop::Shop;

#[tokio::test]
async fn an_order_delivered_twice_is_there_once() {
    let shop = Shop::open(&[]).await;
    for _ in 0..2 {
        let answer = shop.send(&order("R1", 3)).await;
        assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]));
    }
    let mut events = Vec::new();
    for event in shop.klaviyo().events() {
        assert_eq!(event.value, 59.97, "3 × 19.99 is 59.97");
        events.push((event.metric, event.unique_id));
    }
    events.sort_unstable();
    let expected = [
        ("Order Completed", "R1"),
        ("Ordered Product", "R1_p0"),
        ("Ordered Product", "R1_p1"),
        ("Ordered Product", "R1_p2"),
    ];
    assert_eq!(
        events,
        expected.map(|(metric, id)| (metric.to_owned(), id.to_owned()))
    );
    assert_eq!(shop.klaviyo().requests().len(), 8);
}

#[tokio::test]
async fn identify_updates_the_profile_before_it_subscribes() {
    let shop = Shop::open(&[SUBSCRIBE_ALL]).await;
    let answer = shop.send(&identify(SARAH, json!({"plan": "gold"}))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(shop.klaviyo().paths(), [IMPORT, SUBSCRIBE]);
    let properties = &shop.klaviyo().profiles()[0]["properties"];
    assert_eq!(properties, &json!({"plan": "gold"}));
    let consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 1);
    assert_eq!(
        consents[0].consented_at, None,
        "Klaviyo asks for confirmation"
    );
}

#[tokio::test]
async fn identifies_of_one_profile_keep_their_order() {
    let shop = Shop::open(&[]).await;
    let batch = (0..10).map(|n| identify(SARAH, json!({"n": n}))).collect();
    assert_eq!(shop.send_all(batch).await.status, 200);
    assert_eq!(shop.klaviyo().profiles()[0]["properties"]["n"], 9);
}

#[tokio::test]
async fn a_refused_event_is_rejected_and_costs_no_neighbor() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "3000")]).await;
    shop.klaviyo().fail(EVENTS, 400).once();
    let answer = shop.send(&json!([track("m1"), track("m2")])).await;
    assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 1]));
    let rejected = &answer.body.results[0];
    assert_eq!(rejected.reason, "refused_by_klaviyo");
    assert_eq!(rejected.detail, "Klaviyo answered 400: fault at /data");
    assert_eq!(
        shop.klaviyo().paths().len(),
        2,
        "a refusal is not tried again"
    );
}

#[tokio::test]
async fn a_refused_profile_is_not_subscribed() {
    let shop = Shop::open(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().fail(IMPORT, 400).once();
    assert_eq!(shop.send(&sarah()).await.status, 400);
    assert_eq!(shop.klaviyo().paths(), [IMPORT]);
}

#[tokio::test]
async fn a_phone_of_somebody_else_costs_only_the_phone() {
    let shop = Shop::open(&[]).await;
    for message in [
        identify(LI, json!({"phone": PHONE})),
        identify(SARAH, json!({})),
        identify(SARAH, json!({"phone": PHONE, "plan": "gold"})),
    ] {
        assert_eq!(shop.send(&message).await.status, 200);
    }
    assert_eq!(shop.klaviyo().statuses(), [201, 201, 409, 200]);
    assert_eq!(shop.klaviyo().profile(LI)["phone_number"], PHONE);
    let sarah = shop.klaviyo().profile(SARAH);
    assert_eq!(sarah.get("phone_number"), None);
    assert_eq!(sarah["properties"], json!({"plan": "gold"}));
}

#[tokio::test]
async fn an_own_id_of_klaviyos_that_means_somebody_else_costs_only_the_id() {
    let shop = Shop::open(&[("ACCEPT_KX", "true")]).await;
    shop.klaviyo().fail(EVENTS, 409).once();
    let message = track_with("m1", json!({"_kx": "Xk2-demo.AbCdEf"}));
    assert_eq!(shop.send(&message).await.status, 200);
    let pointer = "/data/attributes/profile/data/attributes";
    let requests = shop.klaviyo().requests();
    let people: Vec<_> = requests
        .iter()
        .map(|one| one.body.pointer(pointer))
        .collect();
    assert_eq!(
        people,
        [
            Some(&json!({"email": SARAH, "_kx": "Xk2-demo.AbCdEf"})),
            Some(&json!({"email": SARAH})),
        ]
    );
}

#[tokio::test]
async fn a_phone_that_klaviyo_refuses_costs_only_the_phone() {
    let shop = Shop::open(&[]).await;
    let pointer = "/data/attributes/phone_number";
    shop.klaviyo().refuse(IMPORT, &[pointer]).once();
    let message = identify(SARAH, json!({"phone": PHONE, "plan": "gold"}));
    assert_eq!(shop.send(&message).await.status, 200);
    let sarah = shop.klaviyo().profile(SARAH);
    assert_eq!(sarah.get("phone_number"), None);
    assert_eq!(sarah["properties"], json!({"plan": "gold"}));
}
