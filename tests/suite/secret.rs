//! The secret's life: loaded before anything else, refreshed when it is doubted, never given up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use segment_klaviyo::signature::sign;
use segment_klaviyo::telemetry::error_chain;
use segment_klaviyo_stand_in::{Fault, StandIn};
use serde_json::{Value, json};

use crate::support::{Shop, http_event, start, track};

fn secret(key: &str, shared: &Value) -> Option<String> {
    Some(json!({"klaviyo_api_key": key, "segment_shared_secret": shared}).to_string())
}

async fn start_error(stand_in: &StandIn, settings: &[(&str, &str)]) -> String {
    match start(stand_in, settings, Arc::new(Mutex::new(Vec::new()))).await {
        Ok(_) => panic!("started"),
        Err(error) => error_chain(&error),
    }
}

#[tokio::test]
async fn a_setting_or_secret_that_cannot_be_read_stops_the_start() {
    let stand_in = StandIn::start().await.unwrap();
    for (settings, expected) in [
        (
            ("CONFIRM_OPTIN", "maybe"),
            "settings: CONFIRM_OPTIN is invalid: expected true or false",
        ),
        (
            ("SECRET_ID", " "),
            "settings: SECRET_ID is required but not set",
        ),
        (
            ("AWS_ACCESS_KEY_ID", ""),
            "environment: AWS_ACCESS_KEY_ID is not set: AWS Lambda sets it, and outside of Lambda you must set it yourself",
        ),
    ] {
        assert_eq!(start_error(&stand_in, &[settings]).await, expected);
    }
    for (secret, expected) in [
        (
            None,
            "secret local: cannot be fetched from Secrets Manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        ),
        (
            Some("hush".to_owned()),
            "secret local: it is not a JSON object; expected {\"klaviyo_api_key\"",
        ),
        (
            secret("pk_1", &json!([])),
            "secret local: segment_shared_secret is empty or not text; expected",
        ),
    ] {
        stand_in.state().secret = secret;
        let error = start_error(&stand_in, &[]).await;
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn a_secrets_manager_that_is_not_there_is_named() {
    let stand_in = StandIn::start().await.unwrap();
    let nobody = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")];
    let error = start_error(&stand_in, &nobody).await;
    assert!(
        error.starts_with("secret local: cannot be fetched from Secrets Manager: dispatch failure"),
        "{error}"
    );
}

#[tokio::test]
async fn the_general_endpoint_serves_when_there_is_no_special_one() {
    let stand_in = StandIn::start().await.unwrap();
    let url = stand_in.url().to_owned();
    let settings = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", ""),
        ("AWS_ENDPOINT_URL", url.as_str()),
    ];
    assert!(start(&stand_in, &settings, Arc::default()).await.is_ok());
    assert_eq!(stand_in.state().fetches, 1);
}

#[tokio::test]
async fn the_secret_is_fetched_once_for_many_deliveries() {
    let shop = Shop::open(&[]).await;
    for n in 0..5 {
        shop.send(&track(&format!("m{n}"), &json!({}))).await;
    }
    assert_eq!(shop.stand_in.state().fetches, 1);
}

#[tokio::test]
async fn a_rotated_shared_secret_is_noticed_by_its_first_signature() {
    let shop = Shop::open(&[]).await;
    shop.stand_in.state().secret = secret(
        segment_klaviyo_stand_in::API_KEY,
        &json!(["rotated", segment_klaviyo_stand_in::SHARED_SECRET]),
    );
    let body = track("m1", &json!({})).to_string();
    let by = |key: &str| json!({"x-signature": sign(body.as_bytes(), key).unwrap()});
    assert_eq!(
        shop.handle(&http_event(&body, &by("rotated"))).await.status,
        200
    );
    assert_eq!(
        shop.handle(&http_event(
            &body,
            &by(segment_klaviyo_stand_in::SHARED_SECRET)
        ))
        .await
        .status,
        200
    );
    assert_eq!(shop.stand_in.state().fetches, 2);
}

#[tokio::test]
async fn forged_requests_are_no_load_on_secrets_manager() {
    let shop = Shop::open(&[]).await;
    for _ in 0..20 {
        assert_eq!(
            shop.handle(&http_event("{}", &json!({"x-signature": "00"})))
                .await
                .status,
            401
        );
    }
    assert_eq!(shop.stand_in.state().fetches, 2);
}

#[tokio::test]
async fn a_rotated_klaviyo_key_is_noticed_by_its_first_refusal() {
    let shop = Shop::open(&[]).await;
    {
        let mut held = shop.stand_in.state();
        held.account.api_key = Some("pk_rotated".to_owned());
        held.secret = Some(segment_klaviyo_stand_in::secret("pk_rotated"));
    }
    assert_eq!(shop.send(&track("m1", &json!({}))).await.status, 200);
    let statuses: Vec<_> = shop
        .stand_in
        .state()
        .requests
        .iter()
        .map(|call| call.status)
        .collect();
    assert_eq!(
        (statuses, shop.stand_in.state().fetches),
        (vec![401, 202], 2)
    );
}

#[tokio::test]
async fn a_key_that_klaviyo_refuses_even_after_a_refresh_is_503() {
    let shop = Shop::open(&[]).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status("/api/events", 403, 999));
    for _ in 0..3 {
        let answer = shop.send(&track("m1", &json!({}))).await;
        assert_eq!(
            (answer.status, answer.body.results[0].reason),
            (503, "klaviyo_key_refused")
        );
    }
    assert_eq!(
        shop.stand_in.state().fetches,
        2,
        "one refresh for this cause in ten seconds"
    );
}

#[tokio::test]
async fn the_copy_in_hand_serves_when_the_refresh_fails() {
    let shop = Shop::open(&[]).await;
    shop.stand_in.state().secret = None;
    assert_eq!(
        shop.handle(&http_event("{}", &json!({"x-signature": "00"})))
            .await
            .status,
        401
    );
    assert_eq!(shop.send(&track("m1", &json!({}))).await.status, 200);
    assert!(
        shop.log()
            .iter()
            .any(|line| line["message"] == "secret refresh failed, the cached secret stays in use")
    );
}

#[tokio::test]
async fn a_webhook_token_in_the_secret_is_asked_of_every_request() {
    let standin_secret = json!({"klaviyo_api_key": segment_klaviyo_stand_in::API_KEY, "segment_shared_secret": segment_klaviyo_stand_in::SHARED_SECRET, "webhook_token": "t0ken"});
    let shop = Shop::open(&[]).await;
    shop.stand_in.state().secret = Some(standin_secret.to_string());
    let shop = shop.reopen(&[]).await;
    let body = track("m1", &json!({})).to_string();
    let signature = sign(body.as_bytes(), segment_klaviyo_stand_in::SHARED_SECRET).unwrap();
    let with = |authorization: &str| {
        http_event(
            &body,
            &json!({"x-signature": signature, "authorization": authorization}),
        )
    };
    assert_eq!(
        shop.handle(&http_event(&body, &json!({"x-signature": signature})))
            .await
            .status,
        401
    );
    assert_eq!(shop.handle(&with("Bearer wrong")).await.status, 401);
    assert_eq!(shop.handle(&with("Bearer t0ken")).await.status, 200);
}

/// Lets `duration` pass at once.
async fn later(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_secret_older_than_its_time_to_live_is_fetched_anew() {
    let shop = Shop::open(&[("SECRET_TTL_SECONDS", "60")]).await;
    later(Duration::from_secs(59)).await;
    shop.send(&track("m1", &json!({}))).await;
    assert_eq!(shop.stand_in.state().fetches, 1);
    later(Duration::from_secs(2)).await;
    shop.send(&track("m2", &json!({}))).await;
    shop.send(&track("m3", &json!({}))).await;
    assert_eq!(shop.stand_in.state().fetches, 2);
}

#[tokio::test]
async fn each_doubt_is_followed_again_after_ten_seconds() {
    let shop = Shop::open(&[]).await;
    let forged = http_event("{}", &json!({"x-signature": "00"}));
    for fetches in [2, 2] {
        shop.handle(&forged).await;
        assert_eq!(shop.stand_in.state().fetches, fetches);
    }
    shop.stand_in
        .state()
        .faults
        .push(Fault::status("/api/events", 401, 1));
    shop.send(&track("m1", &json!({}))).await;
    assert_eq!(
        shop.stand_in.state().fetches,
        3,
        "another doubt has a pause of its own"
    );
    later(Duration::from_secs(11)).await;
    shop.handle(&forged).await;
    assert_eq!(shop.stand_in.state().fetches, 4);
}

#[tokio::test]
async fn a_secrets_manager_that_hangs_does_not_cost_the_delivery() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "1000"), ("SECRET_TTL_SECONDS", "60")]).await;
    shop.stand_in.state().secret_delay = Duration::from_secs(60);
    later(Duration::from_secs(61)).await;
    let started = std::time::Instant::now();
    let answer = shop.send(&track("m1", &json!({}))).await;
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(answer.status, 503, "no time was left, so Segment keeps it");
    assert_eq!(
        shop.send(&track("m1", &json!({}))).await.status,
        200,
        "the copy in hand serves"
    );
}
