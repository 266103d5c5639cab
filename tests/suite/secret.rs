//! The secret: loaded before anything else, fetched again when there is reason to doubt it, and
//! never given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use segment_klaviyo::telemetry::error_chain;
use segment_klaviyo_stand_in::{API_KEY, SHARED_SECRET, StandIn};
use serde_json::json;

use crate::support::answers::reasons;
use crate::support::function::start;
use crate::support::http::{forged_event, http_event, signature};
use crate::support::messages::track;
use crate::support::paths::EVENTS;
use crate::support::secrets::{SecretsManager, secret, secret_with_token};
use crate::support::settings::Setting;
use crate::support::shop::Shop;

async fn start_error(stand_in: &StandIn, settings: &[Setting<'_>]) -> String {
    match start(stand_in, settings, Arc::default()).await {
        Ok(_) => panic!("started"),
        Err(error) => error_chain(&error),
    }
}

#[tokio::test]
async fn an_unreadable_setting_stops_the_start() {
    let stand_in = StandIn::start().await.unwrap();
    for (setting, expected) in [
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
            "environment: AWS_ACCESS_KEY_ID is not set: \
                AWS Lambda sets it, and outside of Lambda you must set it yourself",
        ),
    ] {
        assert_eq!(start_error(&stand_in, &[setting]).await, expected);
    }
}

#[tokio::test]
async fn a_missing_secret_stops_the_start() {
    let stand_in = StandIn::start().await.unwrap();
    SecretsManager::of(&stand_in).delete();
    let error = start_error(&stand_in, &[]).await;
    let expected = "secret local: cannot be fetched from Secrets Manager: \
        ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn an_unreadable_secret_stops_the_start_and_is_not_shown() {
    let stand_in = StandIn::start().await.unwrap();
    for (secret, expected) in [
        (
            "hush".to_owned(),
            "secret local: it is not a JSON object; expected {\"klaviyo_api_key\"",
        ),
        (
            secret("pk_hush", &json!([])),
            "secret local: segment_shared_secret is empty or not text; expected",
        ),
    ] {
        SecretsManager::of(&stand_in).store(&secret);
        let error = start_error(&stand_in, &[]).await;
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_secrets_manager_is_named() {
    let stand_in = StandIn::start().await.unwrap();
    let nobody = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")];
    let error = start_error(&stand_in, &nobody).await;
    let expected = "secret local: cannot be fetched from Secrets Manager: dispatch failure";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn the_general_endpoint_serves_where_there_is_no_special_one() {
    let stand_in = StandIn::start().await.unwrap();
    let settings = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", ""),
        ("AWS_ENDPOINT_URL", stand_in.url()),
    ];
    assert!(start(&stand_in, &settings, Arc::default()).await.is_ok());
    assert_eq!(SecretsManager::of(&stand_in).fetches(), 1);
}

#[tokio::test]
async fn the_secret_is_fetched_once_for_many_deliveries() {
    let shop = Shop::open(&[]).await;
    for message_id in ["m1", "m2", "m3", "m4", "m5"] {
        shop.send(&track(message_id)).await;
    }
    assert_eq!(shop.secrets_manager().fetches(), 1);
}

#[tokio::test]
async fn a_rotated_shared_secret_is_noticed_by_its_first_signature() {
    let shop = Shop::open(&[]).await;
    let both = json!(["rotated", SHARED_SECRET]);
    shop.secrets_manager().store(&secret(API_KEY, &both));
    let body = track("m1").to_string();
    for shared_secret in ["rotated", SHARED_SECRET] {
        let headers = json!({"x-signature": signature(&body, shared_secret)});
        let answer = shop.handle(&http_event(&body, &headers)).await;
        assert_eq!(answer.status, 200, "{shared_secret}");
    }
    assert_eq!(shop.secrets_manager().fetches(), 2);
}

#[tokio::test]
async fn forged_requests_are_no_load_on_secrets_manager() {
    let shop = Shop::open(&[]).await;
    assert_eq!(shop.handle(&forged_event("{}")).await.status, 401);
    for _ in 0..20 {
        assert_eq!(shop.handle(&forged_event("{}")).await.status, 503);
    }
    assert_eq!(shop.secrets_manager().fetches(), 2);
}

#[tokio::test]
async fn a_secret_rotated_right_after_a_forged_request_costs_nothing() {
    let shop = Shop::open(&[]).await;
    assert_eq!(shop.handle(&forged_event("{}")).await.status, 401);
    shop.secrets_manager()
        .store(&secret(API_KEY, &json!("rotated")));
    let body = track("m1").to_string();
    let headers = json!({"x-signature": signature(&body, "rotated")});
    let genuine = http_event(&body, &headers);

    let answer = shop.handle(&genuine).await;
    assert_eq!((answer.status, answer.retry_after), (503, Some(10)));
    pass_time(Duration::from_secs(answer.retry_after.unwrap())).await;
    assert_eq!(shop.handle(&genuine).await.status, 200);
}

#[tokio::test]
async fn a_missing_signature_is_401_even_while_a_refresh_is_paused() {
    let shop = Shop::open(&[]).await;
    shop.handle(&forged_event("{}")).await;
    let unsigned = http_event("{}", &json!({"x-signature": " "}));
    assert_eq!(shop.handle(&unsigned).await.status, 401);
}

#[tokio::test]
async fn an_unknown_field_of_the_secret_is_named_in_the_log() {
    let shop = Shop::open(&[]).await;
    let misspelled = secret_with_token("hush").replace("webhook_token", "webhook_tokens");
    shop.secrets_manager().store(&misspelled);
    let shop = shop.reopen(&[]).await;
    let message = "the secret holds fields that are not used";
    let log = shop.log();
    let line = log.iter().find(|line| line["message"] == message).unwrap();
    let error = line["error"].as_str().unwrap();
    assert!(
        error.starts_with("unknown fields: webhook_tokens;"),
        "{error}"
    );
    assert!(!error.contains("hush"), "{error}");
}

#[tokio::test]
async fn a_rotated_klaviyo_key_is_noticed_by_its_first_refusal() {
    let shop = Shop::open(&[]).await;
    shop.klaviyo().accept_only("pk_rotated");
    let rotated = secret("pk_rotated", &json!(SHARED_SECRET));
    shop.secrets_manager().store(&rotated);
    assert_eq!(shop.send(&track("m1")).await.status, 200);
    assert_eq!(shop.klaviyo().statuses(), [401, 202]);
    assert_eq!(shop.secrets_manager().fetches(), 2);
}

#[tokio::test]
async fn a_key_that_klaviyo_refuses_even_after_a_refresh_is_503() {
    let shop = Shop::open(&[]).await;
    shop.klaviyo().fail(EVENTS, 403).always();
    for _ in 0..3 {
        let answer = shop.send(&track("m1")).await;
        assert_eq!(answer.status, 503);
        assert_eq!(reasons(&answer), [(0, "klaviyo_key_refused")]);
    }
    assert_eq!(
        shop.secrets_manager().fetches(),
        2,
        "one refresh for this reason in ten seconds"
    );
}

#[tokio::test]
async fn the_cached_secret_serves_when_the_refresh_fails() {
    let shop = Shop::open(&[]).await;
    shop.secrets_manager().delete();
    let answer = shop.handle(&forged_event("{}")).await;
    assert_eq!(answer.status, 503, "perhaps the secret was rotated");
    assert_eq!(shop.send(&track("m1")).await.status, 200);
    let failed = "secret refresh failed, the cached secret stays in use";
    assert!(shop.log().iter().any(|line| line["message"] == failed));
}

#[tokio::test]
async fn a_webhook_token_in_the_secret_is_required_of_every_request() {
    let shop = Shop::open(&[]).await;
    shop.secrets_manager().store(&secret_with_token("t0ken"));
    let shop = shop.reopen(&[]).await;
    let body = track("m1").to_string();
    let signature = signature(&body, SHARED_SECRET);
    for (headers, status) in [
        (json!({"x-signature": signature}), 401),
        (
            json!({"x-signature": signature, "authorization": "Bearer wrong"}),
            401,
        ),
        (
            json!({"x-signature": signature, "authorization": "Bearer t0ken"}),
            200,
        ),
    ] {
        pass_time(Duration::from_secs(11)).await;
        let answer = shop.handle(&http_event(&body, &headers)).await;
        assert_eq!(answer.status, status, "{headers}");
    }
}

/// Lets this time pass without waiting for it.
async fn pass_time(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_secret_older_than_its_time_to_live_is_fetched_again() {
    let shop = Shop::open(&[("SECRET_TTL_SECONDS", "60")]).await;
    pass_time(Duration::from_secs(59)).await;
    shop.send(&track("m1")).await;
    assert_eq!(shop.secrets_manager().fetches(), 1);
    pass_time(Duration::from_secs(2)).await;
    shop.send(&track("m2")).await;
    shop.send(&track("m3")).await;
    assert_eq!(shop.secrets_manager().fetches(), 2);
}

#[tokio::test]
async fn each_reason_to_refresh_has_its_own_pause_of_ten_seconds() {
    let shop = Shop::open(&[]).await;
    let forged = forged_event("{}");
    for fetches in [2, 2] {
        shop.handle(&forged).await;
        assert_eq!(shop.secrets_manager().fetches(), fetches);
    }
    shop.klaviyo().fail(EVENTS, 401).once();
    shop.send(&track("m1")).await;
    assert_eq!(shop.secrets_manager().fetches(), 3, "another reason");
    pass_time(Duration::from_secs(11)).await;
    shop.handle(&forged).await;
    assert_eq!(shop.secrets_manager().fetches(), 4);
}

#[tokio::test]
async fn a_hanging_secrets_manager_does_not_cost_the_delivery() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "1000"), ("SECRET_TTL_SECONDS", "60")]).await;
    shop.secrets_manager().delay(Duration::from_secs(60));
    pass_time(Duration::from_secs(61)).await;
    let started = Instant::now();
    let answer = shop.send(&track("m1")).await;
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    assert_eq!(answer.status, 503, "no time was left, so Segment keeps it");
    let answer = shop.send(&track("m1")).await;
    assert_eq!(answer.status, 200, "the cached secret serves");
}
