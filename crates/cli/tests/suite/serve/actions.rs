//! What the page can do with a message: explain it, send it again, and copy it as a command.

use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::{Value, json};

use super::{Server, client};
use crate::support::{identify, order, track};

fn places(delivery: &Value, index: usize) -> Value {
    delivery["messages"][index]["requests"].clone()
}

#[tokio::test]
async fn each_message_has_the_requests_that_it_became() {
    let server = Server::start(None).await;
    let mut ignored = track("m2", &json!({}));
    ignored["context"] = json!({});
    let traits = json!({"email": "li@klaviyo-demo.com"});
    let messages = json!([
        order("R1", 2),
        ignored,
        track("m3", &json!({})),
        identify(&traits, &json!({}))
    ]);
    let (status, report) = server.post(messages.to_string(), Some(SHARED_SECRET)).await;
    assert_eq!(status, 200, "{report}");
    let delivery = &server.deliveries(0).await[0];
    let requests = delivery["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 5, "{requests:?}");
    let paths_and_summaries = |index: usize| {
        let mut found = Vec::new();
        for place in places(delivery, index).as_array().unwrap() {
            let request = &requests[place.as_u64().unwrap() as usize];
            found.push([&request["path"], &request["summary"]].map(Value::clone));
        }
        found.sort_by_key(|[path, summary]| format!("{path}{summary}"));
        json!(found)
    };
    assert_eq!(
        paths_and_summaries(0),
        json!([
            ["/api/events", "Order Completed"],
            ["/api/events", "Ordered Product"],
            ["/api/events", "Ordered Product"]
        ])
    );
    assert_eq!(paths_and_summaries(1), json!([]));
    assert_eq!(
        paths_and_summaries(2),
        json!([["/api/events", "Product Viewed"]])
    );
    assert_eq!(
        paths_and_summaries(3),
        json!([["/api/profile-import", null]])
    );

    // A bulk job holds the events of many.
    let many: Value = (0..30)
        .map(|n| track(&format!("b{n}"), &json!({})))
        .collect();
    server.post(many.to_string(), Some(SHARED_SECRET)).await;
    let delivery = &server.deliveries(0).await[0];
    for index in [0, 29] {
        assert_eq!(places(delivery, index), json!([0]), "{index}");
    }
}

#[tokio::test]
async fn a_message_is_explained_with_the_settings_of_the_server() {
    let options = ["--settings", "METRIC_NAMES=klaviyo"];
    let server = Server::start_with(None, &options).await;
    let batch = json!([track("m1", &json!({})), track("m2", &json!({"it's": "a"}))]);
    server.post(batch.to_string(), Some(SHARED_SECRET)).await;
    let response = server.get("/deliveries/1/explain/1", &[]).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    assert!(text.contains("track Product Viewed  m2"), "{text}");
    assert!(text.contains("Viewed Product"), "{text}");
    for path in ["/deliveries/1/explain/2", "/deliveries/2/explain/0"] {
        assert_eq!(server.get(path, &[]).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_delivery_is_sent_again_as_it_came() {
    let server = Server::start(Some("a-secret-of-this-test")).await;
    let body = track("m1", &json!({"it's": "a"})).to_string();
    server
        .post(body.clone(), Some("a-secret-of-this-test"))
        .await;
    server.post(body.clone(), None).await;
    for (number, expected) in [(1, "200"), (2, "401")] {
        let url = format!("{}/deliveries/{number}/resend", server.page);
        let response = client().post(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), expected);
    }
    assert_eq!(server.deliveries(0).await.len(), 4);
    let command = server
        .get("/deliveries/1/curl", &[])
        .await
        .text()
        .await
        .unwrap();
    let expected = body.replace('\'', r"'\''");
    assert!(
        command.contains(&format!("--data-binary '{expected}'")),
        "{command}"
    );
    assert!(command.contains("-H 'x-signature: "), "{command}");
}

#[tokio::test]
async fn actions_are_only_for_this_machine() {
    let server = Server::start(None).await;
    let body = track("m1", &json!({})).to_string();
    server.post(body, Some(SHARED_SECRET)).await;
    for (path, is_post) in [
        ("/deliveries/1/curl", false),
        ("/deliveries/1/explain/0", false),
        ("/deliveries/1/resend", true),
    ] {
        let request = |url: String| match is_post {
            true => client().post(url),
            false => client().get(url),
        };
        let foreign =
            request(format!("{}{path}", server.page)).header("host", "rebound.klaviyo-demo.com");
        assert_eq!(foreign.send().await.unwrap().status(), 403, "{path}");
        let guessed = request(format!("{}/{}{path}", server.url, "0".repeat(32)));
        assert_eq!(guessed.send().await.unwrap().status(), 403, "{path}");
    }
    assert_eq!(server.deliveries(0).await.len(), 1);
}
