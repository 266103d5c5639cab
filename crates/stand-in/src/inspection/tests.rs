//! The inspection API, over HTTP and beside requests to Klaviyo.

mod klaviyo;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{StandIn, StandInOptions};

const EVENTS: &str = "/api/events";
const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

/// A stand-in and a client that asks it.
struct Script {
    stand_in: StandIn,
    client: reqwest::Client,
}

impl Script {
    async fn start() -> Self {
        Script::start_with(StandInOptions::default()).await
    }

    async fn start_with(options: StandInOptions) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Script {
            stand_in: StandIn::listen(address, options).await.unwrap(),
            client: crate::forward::client().unwrap(),
        }
    }

    /// Sends a request with the API key and returns the status and the JSON; 0 when there is no
    /// answer.
    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .client
            .request(method, format!("{}{path}", self.stand_in.url()))
            .header("authorization", "Klaviyo-API-Key pk_script")
            .header("revision", "2026-10-15")
            .header("content-type", "application/vnd.api+json")
            .body(body.to_string());
        let Ok(response) = request.send().await else {
            return (0, Value::Null);
        };
        let status = response.status().as_u16();
        match response.bytes().await {
            Ok(bytes) => (status, serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(_) => (0, Value::Null),
        }
    }

    /// Sends a request to Klaviyo and returns the status.
    async fn post(&self, path: &str, body: &Value) -> u16 {
        self.send(Method::POST, path, body).await.0
    }

    async fn ask(&self, name: &str) -> Value {
        let path = format!("/__stand-in/{name}");
        self.send(Method::GET, &path, &Value::Null).await.1
    }

    async fn set(&self, name: &str, body: &Value) -> u16 {
        self.post(&format!("/__stand-in/{name}"), body).await
    }
}

fn options() -> StandInOptions {
    StandInOptions {
        api_key: Some("pk_script".to_owned()),
        ..StandInOptions::default()
    }
}

fn event(unique_id: &str) -> Value {
    let metric = json!({"data": {"type": "metric", "attributes": {"name": "Seen"}}});
    let profile =
        json!({"data": {"type": "profile", "attributes": {"email": "sarah@klaviyo-demo.com"}}});
    json!({"data": {"type": "event", "attributes": {"metric": metric, "profile": profile,
        "unique_id": unique_id, "properties": {"n": 1}}}})
}

fn subscription() -> Value {
    let consent = json!({"marketing": {"consent": "SUBSCRIBED"}});
    let attributes =
        json!({"email": "sarah@klaviyo-demo.com", "subscriptions": {"email": consent}});
    json!({"data": {"type": "profile-subscription-bulk-create-job",
        "attributes": {"profiles": {"data": [{"type": "profile", "attributes": attributes}]}},
        "relationships": {"list": {"data": {"type": "list", "id": "Y6nRLr"}}}}})
}

#[tokio::test]
async fn the_state_shows_what_klaviyo_and_sqs_hold() {
    let script = Script::start_with(options()).await;
    script
        .set("lists", &json!({"Y6nRLr": "single_opt_in"}))
        .await;
    script
        .set("profiles", &json!([{"external_id": "usr_1"}]))
        .await;
    assert_eq!(script.post(EVENTS, &event("m1")).await, 202);
    assert_eq!(script.post(SUBSCRIBE, &subscription()).await, 202);
    let deletion = json!({"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data":
        {"type": "profile", "id": "1", "attributes": {}}}}}});
    let path = "/api/data-privacy-deletion-jobs";
    assert_eq!(script.post(path, &deletion).await, 202);
    let queues = [("http://queue".to_owned(), vec!["body".to_owned()])];
    script.stand_in.state().queues = queues.into();
    let expected = json!({
        "events": [{"id": "0", "metric": "Seen", "unique_id": "m1", "profile": "1", "email": "sarah@klaviyo-demo.com",
            "external_id": null, "anonymous_id": null, "time": null, "value": null, "value_currency": null,
            "properties": {"n": 1}, "backfill": false}],
        "profiles": [{"id": "0", "external_id": "usr_1", "properties": {}},
            {"id": "1", "email": "sarah@klaviyo-demo.com", "properties": {}}],
        "lists": {"Y6nRLr": ["1"]},
        "consents": [{"profile": "1", "email": "sarah@klaviyo-demo.com", "phone_number": null,
            "channel": "email", "consent": "SUBSCRIBED", "list": "Y6nRLr", "confirmation_sent": false,
            "consented_at": null, "welcome_flow": true, "everywhere": false}],
        "lifted": [],
        "lost_events": [],
        "metrics": ["Seen"],
        "welcome_flows": 1,
        "import_jobs": [],
        "deletions": [{"id": "1"}],
        "queues": {"http://queue": ["body"]},
        "secret_fetches": 0,
    });
    let mut state = script.ask("state").await;
    let standings = state.as_object_mut().unwrap().remove("standings").unwrap();
    assert_eq!(standings[0]["address"], "sarah@klaviyo-demo.com");
    assert_eq!(standings[0]["standing"]["consent"], "SUBSCRIBED");
    assert_eq!(state, expected);
}

#[tokio::test]
async fn the_log_shows_requests_and_why_they_were_refused() {
    let script = Script::start_with(options()).await;
    script.post(EVENTS, &event("m1")).await;
    script.post(EVENTS, &event("")).await;
    script
        .send(Method::GET, "/api/profiles?page[size]=1", &Value::Null)
        .await;
    let log = script.ask("log").await;
    let column = |name: &str| {
        let requests = log.as_array().unwrap();
        requests
            .iter()
            .map(|request| request[name].clone())
            .collect::<Value>()
    };
    assert_eq!(column("path"), json!([EVENTS, EVENTS, "/api/profiles"]));
    assert_eq!(column("query"), json!(["", "", "page[size]=1"]));
    assert_eq!(column("status"), json!([202, 400, 200]));
    let error = "/data/attributes/unique_id: invalid: expected 1 to 255 characters";
    assert_eq!(column("errors"), json!([[], [error], []]));
    assert_eq!(log[0]["body"], event("m1"));
    assert_eq!(log[0]["bytes"], event("m1").to_string().len());
    assert!(log[0]["t"].as_f64().unwrap() > 1.6e9);
}

#[tokio::test]
async fn a_reset_forgets_everything_but_the_options() {
    let script = Script::start_with(options()).await;
    script.post(EVENTS, &event("m1")).await;
    script
        .set("faults", &json!({"match": EVENTS, "status": 503}))
        .await;
    assert_eq!(script.set("reset", &Value::Null).await, 204);
    assert_eq!(script.ask("log").await, json!([]));
    assert_eq!(script.ask("state").await["events"], json!([]));
    assert_eq!(script.post(EVENTS, &event("m1")).await, 202);
}

#[tokio::test]
async fn faults_answer_drop_or_delay() {
    let script = Script::start_with(options()).await;
    for (fault, statuses, events) in [
        (
            json!({"match": EVENTS, "status": 429, "retry_after": 9, "after": 1, "times": 2}),
            [202, 429, 429, 202],
            2,
        ),
        (
            json!({"match": EVENTS, "status": 500, "apply": true}),
            [500, 202, 202, 202],
            4,
        ),
        (
            json!({"match": EVENTS, "drop": true, "times": 2}),
            [0, 0, 202, 202],
            2,
        ),
        (json!({"match": EVENTS, "delay_ms": 1}), [202; 4], 4),
        (
            json!({"match": "/api/other", "status": 503, "times": 9}),
            [202; 4],
            4,
        ),
    ] {
        script.set("reset", &Value::Null).await;
        assert_eq!(script.set("faults", &fault).await, 204);
        let mut found = Vec::new();
        for n in 0..4 {
            found.push(script.post(EVENTS, &event(&format!("m{n}"))).await);
        }
        assert_eq!(found, statuses, "{fault}");
        let state = script.ask("state").await;
        assert_eq!(state["events"].as_array().unwrap().len(), events, "{fault}");
    }
}

#[tokio::test]
async fn rate_limits_and_latency_can_be_switched() {
    let script = Script::start_with(options()).await;
    let path = "/api/data-privacy-deletion-jobs";
    let statuses = async || {
        let mut statuses = BTreeSet::new();
        for _ in 0..61 {
            statuses.insert(script.post(path, &json!({})).await);
        }
        statuses
    };
    assert_eq!(statuses().await, [400].into());
    assert_eq!(
        script.set("options", &json!({"rate_limits": true})).await,
        204
    );
    assert_eq!(statuses().await, [400, 429].into());
    script
        .set("options", &json!({"rate_limits": false, "latency_ms": 50}))
        .await;
    let started = Instant::now();
    assert_eq!(script.post(path, &json!({})).await, 400);
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_queue_gives_ten_messages_at_a_time() {
    let script = Script::start().await;
    let bodies: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    script.stand_in.state().queues = [("http://queue".to_owned(), bodies)].into();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let body = json!({"url": "http://queue"});
        let (_, bodies) = script.send(Method::POST, "/__stand-in/queues", &body).await;
        counts.push(bodies.as_array().unwrap().len());
    }
    assert_eq!(counts, [10, 2, 0]);
}

#[tokio::test]
async fn the_secret_holds_the_api_key() {
    let script = Script::start_with(options()).await;
    let secret = script.stand_in.state().secret.clone().unwrap();
    assert!(secret.contains("pk_script"), "{secret}");
    assert_eq!(script.post(EVENTS, &event("m1")).await, 202);
    script.stand_in.state().account.api_key = None;
    assert_eq!(script.post(EVENTS, &event("m1")).await, 401);
}

#[tokio::test]
async fn a_wrong_request_is_refused_with_the_reason() {
    let script = Script::start().await;
    for (name, body, status) in [
        ("stats", json!({}), 404),
        ("faults", json!({"status": 429}), 400),
        ("faults", json!({"match": EVENTS, "loses": 3}), 400),
        ("lists", json!({"Y6nRLr": "triple_opt_in"}), 400),
        ("options", json!({"rate_limits": "on"}), 400),
        ("options", json!({"import_ms": "soon"}), 400),
        ("options", json!({"bulk_nulls": "refuse"}), 400),
        ("consent", json!([{"state": "gone"}]), 400),
        ("profiles", json!({}), 400),
    ] {
        let path = format!("/__stand-in/{name}");
        let (found, answer) = script.send(Method::POST, &path, &body).await;
        assert_eq!(found, status, "{name} {body}");
        assert!(answer["error"].is_string(), "{answer}");
    }
}
