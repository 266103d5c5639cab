//! A sampled delivery tells X-Ray what it waits for, and nobody's name.

use std::net::UdpSocket;
use std::time::Duration;

use segment_klaviyo::handler::Invocation;
use segment_klaviyo::standin::Fault;
use serde_json::{Value, json};

use crate::support::{Shop, order, signed, track};

const SAMPLED: &str = "Root=1-6921b3c0-4f0c7d2a5b8e9f1a2b3c4d5e;Parent=53995c3f42cd8ad8;Sampled=1";
const NOT_SAMPLED: &str = "Root=1-6921b3c0-4f0c7d2a5b8e9f1a2b3c4d5e;Parent=53995c3f42cd8ad8;Sampled=0";

/// The daemon that runs beside a function.
struct Daemon(UdpSocket);

impl Daemon {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Daemon(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn subsegment(&self) -> Value {
        let mut buffer = [0; 65_536];
        let read = self.0.recv(&mut buffer).expect("a datagram in time");
        let text = std::str::from_utf8(&buffer[..read]).unwrap();
        assert!(!text.contains("klaviyo-demo"), "{text}");
        let (header, document) = text.split_once('\n').unwrap();
        assert_eq!(header, r#"{"format":"json","version":1}"#);
        serde_json::from_str(document).unwrap()
    }
}

async fn deliver(shop: &Shop, message: &Value, trace: &str) {
    let invocation = Invocation { trace: Some(trace.to_owned()), ..Invocation::default() };
    shop.invoke(&signed(message), invocation).await.unwrap();
}

#[tokio::test]
async fn each_request_of_a_sampled_delivery_is_a_subsegment_of_lambdas_own() {
    let daemon = Daemon::start();
    let shop = Shop::open(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address())]).await;
    deliver(&shop, &order("991", 2), SAMPLED).await;
    for _ in 0..3 {
        let found = daemon.subsegment();
        assert_eq!((&found["name"], &found["annotations"]["request"]), (&json!("Klaviyo"), &json!("POST /api/events")));
        assert_eq!(
            (&found["trace_id"], &found["parent_id"], &found["type"], &found["namespace"]),
            (
                &json!("1-6921b3c0-4f0c7d2a5b8e9f1a2b3c4d5e"),
                &json!("53995c3f42cd8ad8"),
                &json!("subsegment"),
                &json!("remote")
            )
        );
        assert_eq!(found["http"]["response"]["status"], 202);
        assert_eq!(
            (&found["error"], &found["fault"], &found["throttle"]),
            (&json!(false), &json!(false), &json!(false))
        );
        assert_eq!(found["id"].as_str().unwrap().len(), 16);
        assert!(found["end_time"].as_f64() >= found["start_time"].as_f64());
    }
}

#[tokio::test]
async fn throttling_and_the_queue_show() {
    let daemon = Daemon::start();
    let shop = Shop::open_with_queues(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address())]).await;
    shop.standin.held().accept_then_throttle = Some(0);
    deliver(&shop, &track("m-1", &json!({})), SAMPLED).await;
    let throttled = daemon.subsegment();
    assert_eq!((&throttled["throttle"], &throttled["error"]), (&json!(true), &json!(true)));
    let queue = daemon.subsegment();
    assert_eq!((&queue["name"], &queue["namespace"]), (&json!("AmazonSQS"), &json!("aws")));
    assert_eq!(queue["annotations"]["request"], "SendMessageBatch");
    assert_eq!(queue["http"]["response"]["status"], 200);
}

#[tokio::test]
async fn a_delivery_that_is_not_sampled_is_not_traced() {
    let daemon = Daemon::start();
    let shop = Shop::open(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address())]).await;
    deliver(&shop, &order("991", 2), NOT_SAMPLED).await;
    shop.send(&order("992", 2)).await;
    let identify = json!({"type": "identify", "userId": "sarah@klaviyo-demo.com"});
    deliver(&shop, &identify, SAMPLED).await;
    assert_eq!(daemon.subsegment()["annotations"]["request"], "POST /api/profile-import", "the first that is told of");
}

#[tokio::test]
async fn a_request_that_fails_is_a_fault_without_a_status() {
    let daemon = Daemon::start();
    let shop = Shop::open(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address()), ("DELIVERY_BUDGET_MS", "500")]).await;
    let hangs = Fault { delay: Duration::from_secs(5), ..Fault::status("/api/events", 500, 1) };
    shop.standin.held().faults.push(hangs);
    deliver(&shop, &track("m-1", &json!({})), SAMPLED).await;
    let failed = daemon.subsegment();
    assert_eq!((&failed["fault"], &failed["http"]), (&json!(true), &json!({})));
}
