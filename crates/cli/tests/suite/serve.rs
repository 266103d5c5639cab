//! `segment-klaviyo serve`, as it is built: deliveries over HTTP, and the page that shows them.

mod access;
mod actions;
mod trigger;

use std::process::Stdio;
use std::time::Duration;

use segment_klaviyo::signature;
use segment_klaviyo_stand_in::SHARED_SECRET;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::{order, track};

/// The running program and its addresses.
struct Server {
    url: String,
    /// The page's address without its last slash.
    page: String,
    program: Child,
}

impl Server {
    async fn start(secret: Option<&str>) -> Self {
        Server::start_with(secret, &[]).await
    }

    async fn start_with(secret: Option<&str>, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segment-klaviyo"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
            .env_remove("SEGMENT_SHARED_SECRET")
            .envs(secret.map(|secret| ("SEGMENT_SHARED_SECRET", secret)));
        let mut program = command.spawn().unwrap();
        let line = line(&mut program).await;
        let url = line.split("/segment").next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        let page = line
            .split_whitespace()
            .find_map(|word| word.starts_with("http").then(|| word.strip_suffix('/'))?);
        let page = page.unwrap_or_else(|| panic!("no page: {line}")).to_owned();
        Server { url, page, program }
    }

    async fn post(&self, body: impl Into<Vec<u8>>, secret: Option<&str>) -> (u16, Value) {
        let body = body.into();
        let mut request = client().post(format!("{}/segment", self.url));
        if let Some(secret) = secret {
            request = request.header("X-Signature", signature::sign(&body, secret).unwrap());
        }
        let response = request.body(body).send().await.unwrap();
        (
            response.status().as_u16(),
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let request = client().get(format!("{}{path}", self.page));
        headers
            .iter()
            .fold(request, |request, (name, value)| {
                request.header(*name, *value)
            })
            .send()
            .await
            .unwrap()
    }

    async fn deliveries(&self, after: usize) -> Vec<Value> {
        let response = self.get(&format!("/deliveries/after/{after}"), &[]).await;
        let news: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        news["deliveries"].as_array().unwrap().clone()
    }
}

fn client() -> reqwest::Client {
    segment_klaviyo::http::client().unwrap()
}

/// Reads the next line that the program prints.
async fn line(program: &mut Child) -> String {
    let mut text = String::new();
    let mut output = BufReader::with_capacity(1, program.stdout.as_mut().unwrap());
    let read = output.read_line(&mut text);
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .expect("a line in time")
        .unwrap();
    text
}

#[tokio::test]
async fn a_signed_delivery_is_handled_as_by_lambda_and_is_on_the_page() {
    let mut server = Server::start(None).await;
    let bodies =
        json!([track("m1", &json!({})), {"type": "alias", "messageId": "m2"}, order("R1", 2)])
            .to_string();
    let (status, report) = server.post(bodies, Some(SHARED_SECRET)).await;
    assert_eq!(
        (status, &report["message"]),
        (200, &json!("2 delivered, 1 ignored"))
    );
    let printed = line(&mut server.program).await;
    assert!(
        printed.contains("200")
            && printed.contains("2 delivered, 1 ignored")
            && printed.contains("unsupported_type 1")
    );

    let deliveries = server.deliveries(0).await;
    let [delivery] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    assert_eq!(
        (&delivery["status"], &delivery["received"]),
        (&json!(200), &json!(3))
    );
    let messages: Vec<_> = delivery["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| [&it["kind"], &it["name"], &it["outcome"]])
        .collect();
    let expected = json!([
        ["track", "Product Viewed", "delivered"],
        ["alias", null, "ignored"],
        ["track", "Order Completed", "delivered"]
    ]);
    assert_eq!(json!(messages), expected);
    assert!(
        delivery["messages"][0]["json"]
            .as_str()
            .unwrap()
            .contains("sarah@klaviyo-demo.com")
    );
    let requests = delivery["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert_eq!(request["path"], "/api/events");
        assert_eq!(request["status"], 202);
        assert!(request["body"].is_string(), "{request}");
    }
}

#[tokio::test]
async fn unsigned_requests_are_refused_unparsed() {
    let server = Server::start(Some("another-shared-secret")).await;
    let body = track("m1", &json!({})).to_string();
    assert_eq!(server.post(body.clone(), None).await.0, 401);
    assert_eq!(server.post(body.clone(), Some(SHARED_SECRET)).await.0, 401);
    assert_eq!(
        server
            .post(body.clone(), Some("another-shared-secret"))
            .await
            .0,
        200
    );
    assert_eq!(
        server
            .post([0xff, 0xfe], Some("another-shared-secret"))
            .await
            .0,
        400,
        "bytes arrive as they were sent"
    );

    let deliveries = server.deliveries(1).await;
    let statuses: Vec<_> = deliveries
        .iter()
        .map(|it| it["status"].as_u64().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [400, 200, 401],
        "the newest first, and only those after number 1"
    );
    assert_eq!(
        (&deliveries[2]["messages"], &deliveries[2]["requests"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn deliveries_beyond_the_limit_get_503() {
    const MAX_IN_FLIGHT: usize = 16;
    let server = Server::start(None).await;
    let host = server.url.strip_prefix("http://").unwrap();
    let mut slow = Vec::new();
    for _ in 0..MAX_IN_FLIGHT {
        let mut connection = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST /segment HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut response = [0; 25];
        connection.read_exact(&mut response).await.unwrap();
        assert!(
            response.starts_with(b"HTTP/1.1 100 Continue"),
            "its body is being read"
        );
        slow.push(connection);
    }
    let body: Value = (0..20_000)
        .map(|n| track(&format!("m{n}"), &json!({"text": "x".repeat(50)})))
        .collect();
    let body = body.to_string();
    assert!(body.len() > 4 * 1024 * 1024);
    let responses = (0..8).map(|_| server.post(body.clone(), Some(SHARED_SECRET)));
    for (status, _) in futures_util::future::join_all(responses).await {
        assert_eq!(status, 503);
    }
    assert_eq!(server.deliveries(0).await.len(), 0);

    // One is finished, so another may be handled.
    slow[0].write_all(b"[1, 2, 3]").await.unwrap();
    let mut response = [0; 12];
    slow[0].read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 401");
    assert_eq!(
        server
            .post(track("m1", &json!({})).to_string(), Some(SHARED_SECRET))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn large_deliveries_are_kept_in_part_and_old_ones_are_removed() {
    let server = Server::start(None).await;
    let many: Value = (0..4_000)
        .map(|n| track(&format!("m{n}"), &json!({"text": "x".repeat(200)})))
        .collect();
    assert_eq!(
        server.post(many.to_string(), Some(SHARED_SECRET)).await.0,
        200
    );
    let response = server
        .get("/deliveries/after/0", &[])
        .await
        .bytes()
        .await
        .unwrap();
    assert!(response.len() < 1024 * 1024, "{} bytes", response.len());
    let first = &server.deliveries(0).await[0];
    assert_eq!(
        (
            &first["received"],
            first["messages"].as_array().unwrap().len()
        ),
        (&json!(4_000), 100)
    );

    let body = track("m1", &json!({})).to_string();
    for _ in 0..200 {
        server.post(body.clone(), Some(SHARED_SECRET)).await;
    }
    let deliveries = server.deliveries(0).await;
    let ends =
        [deliveries.first(), deliveries.last()].map(|it| it.unwrap()["number"].as_u64().unwrap());
    assert_eq!((deliveries.len(), ends), (200, [201, 2]));
}

#[tokio::test]
async fn unsigned_requests_push_no_delivery_out() {
    let server = Server::start(None).await;
    let body = track("m1", &json!({})).to_string();
    assert_eq!(server.post(body.clone(), Some(SHARED_SECRET)).await.0, 200);
    for _ in 0..200 {
        assert_eq!(server.post(body.clone(), None).await.0, 401);
    }
    assert_eq!(server.post(body.clone(), Some(SHARED_SECRET)).await.0, 200);
    let deliveries = server.deliveries(0).await;
    let numbers: Vec<_> = deliveries
        .iter()
        .map(|it| it["number"].as_u64().unwrap())
        .collect();
    let expected: Vec<_> = [202]
        .into_iter()
        .chain((182..=201).rev())
        .chain([1])
        .collect();
    assert_eq!(numbers, expected, "the newest first");
    assert!(
        deliveries
            .iter()
            .all(|it| it["refused"] == json!(it["status"] == 401))
    );
    assert_eq!(server.deliveries(200).await.len(), 2);
}

#[tokio::test]
async fn long_names_are_cut_and_count_toward_the_limit() {
    let server = Server::start(None).await;
    let mut long = track(&"ü".repeat(1_000_000), &json!({}));
    (long["event"], long["type"]) = ("x".repeat(1_000_000).into(), "y".repeat(1_000_000).into());
    assert_eq!(
        server.post(long.to_string(), Some(SHARED_SECRET)).await.0,
        200
    );
    let message = &server.deliveries(0).await[0]["messages"][0];
    for (key, letter) in [("kind", "y"), ("name", "x"), ("message_id", "ü")] {
        assert_eq!(message[key], format!("{}…", letter.repeat(127)), "{key}");
    }
    assert_eq!(message["json"], Value::Null);
}
