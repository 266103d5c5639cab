//! What never leaves, and what never gets into the log.

use serde_json::{Value, json};

use crate::support::answers::reasons;
use crate::support::http::forged_event;
use crate::support::messages::{identify, order, sarah, track, track_with};
use crate::support::paths::EVENTS;
use crate::support::people::{PHONE, SARAH};
use crate::support::settings::SUBSCRIBE_ALL;
use crate::support::shop::Shop;

#[tokio::test]
async fn with_enforced_email_no_other_id_leaves() {
    let shop = Shop::open(&[SUBSCRIBE_ALL, ("FALLBACK_ON_ANONYMOUS_ID", "true")]).await;
    let mut batch = vec![track("m1"), order("R1", 2), sarah()];
    for message in &mut batch {
        message["userId"] = json!("secret-user-id");
        message["anonymousId"] = json!("secret-anonymous-id");
    }
    assert_eq!(shop.send_all(batch).await.body.delivered, 3);
    for request in shop.klaviyo().requests() {
        let body = request.body.to_string();
        for private in ["external_id", "anonymous", "secret-"] {
            assert!(!body.contains(private), "{private} in {body}");
        }
    }
}

#[tokio::test]
async fn a_message_without_an_email_leaves_nothing() {
    let shop = Shop::open(&[]).await;
    let message = json!({"type": "track", "event": "Seen", "userId": "usr_1", "anonymousId": "a"});
    let answer = shop.send(&message).await;
    assert_eq!(
        (answer.status, reasons(&answer)),
        (200, vec![(0, "no_email")])
    );
    assert_eq!(shop.klaviyo().paths(), [""; 0]);
}

/// Sends what a shop might, to a Klaviyo that throttles and then repeats Sarah's address in its
/// refusal. Returns the log.
async fn log_of_a_busy_day() -> Vec<Value> {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "3000"), SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(EVENTS).retry_after(0).once();
    let error = json!({
        "status": 400,
        "code": "fault",
        "detail": format!("{SARAH} is no good"),
        "source": {"pointer": format!("/data/attributes/properties/{SARAH}")},
    });
    let refusal = shop.klaviyo().fail(EVENTS, 400);
    refusal.body(json!({"errors": [error]})).once();

    let batch = json!([
        identify(SARAH, json!({"phone": PHONE, "firstName": "Zaphod"})),
        track_with("m1", json!({"secret": "Zaphod"})),
        {"type": "page"},
    ]);
    shop.send(&batch).await;
    let body = json!({ "email": SARAH }).to_string();
    shop.handle(&forged_event(&body)).await;
    let half_a_body = body.trim_end_matches('}');
    shop.send_raw(half_a_body).await;
    shop.log()
}

#[tokio::test]
async fn the_log_has_one_line_of_counts_for_each_delivery() {
    let log = log_of_a_busy_day().await;
    let deliveries: Vec<_> = log
        .iter()
        .filter(|line| line["message"] == "delivery")
        .collect();
    assert_eq!(deliveries.len(), 3);
    for (name, count) in [
        ("status", 200),
        ("received", 3),
        ("delivered", 1),
        ("ignored", 1),
        ("rejected", 1),
        ("retry", 0),
        ("klaviyo_requests", 5),
        ("klaviyo_throttled", 1),
    ] {
        assert_eq!(deliveries[0][name], count, "{name}");
    }
    let reasons = json!({"refused_by_klaviyo": 1, "unsupported_type": 1});
    assert_eq!(deliveries[0]["reasons"], reasons);
    assert_eq!(deliveries[0]["cold_start"], true);
    assert_eq!(deliveries[1]["cold_start"], false);
    assert_eq!(deliveries[1]["status"], 401);
    assert_eq!(deliveries[1]["reasons"], json!({"unverified": 1}));

    let rejected = log
        .iter()
        .find(|line| line["message"] == "message rejected");
    let rejected = rejected.expect("a line for the rejected message");
    assert_eq!(rejected["message_id"], "m1");
    assert_eq!(rejected["reason"], "refused_by_klaviyo");
}

#[tokio::test]
async fn the_log_has_nobodys_data() {
    let log = log_of_a_busy_day().await;
    let text = serde_json::to_string(&log).unwrap().to_lowercase();
    for private in [
        "sarah",
        "klaviyo-demo",
        "5005550006",
        "zaphod",
        "pk_",
        "local-shared-secret",
    ] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}
