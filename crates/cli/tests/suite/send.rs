//! `segment-klaviyo send`: a delivery at a glance, for people and for scripts.

use serde_json::{Value, json};

use crate::support::{identify, order, segment_klaviyo, track};

#[test]
fn a_delivery_is_a_few_lines() {
    let (code, shown) = segment_klaviyo(&["events/order-completed.json"], "");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.lines().count() < 10, "{shown}");
    for expected in [
        "  Segment is told 200: 1 delivered\n",
        "  202 POST /api/events  Order Completed  sarah.mason@klaviyo-demo.com\n",
        "  202 POST /api/events  Ordered Product  sarah.mason@klaviyo-demo.com  (2 times)\n",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let traits = json!({"email": "sarah@klaviyo-demo.com", "tier": "gold"});
    let lists = json!({"Klaviyo": {"listId": "Y6nRLr"}});
    let (_, shown) = segment_klaviyo(&["-"], &identify(&traits, &lists).to_string());
    assert!(
        shown.contains("-create-jobs  sarah@klaviyo-demo.com  list Y6nRLr\n"),
        "{shown}"
    );
    assert!(!shown.contains("gold"), "no body: {shown}");
}

#[test]
fn messages_that_need_a_look_have_a_line_with_their_reason() {
    let mut phone = track("m-phone", &json!({}));
    phone["event"] = json!("");
    let pages = json!({"type": "page", "messageId": "m-page"});
    let batch = json!([phone, pages, order("R1", 1)]).to_string();
    let (code, shown) = segment_klaviyo(&["-"], &batch);
    assert_eq!(code, 1, "{shown}");
    for expected in [
        "  Segment is told 200: 1 delivered, 1 ignored, 1 rejected\n",
        "  rejected invalid_event_name (message 0, m-phone)\n      event must be a name",
        "  ignored unsupported_type (message 1, m-page)\n",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn bodies_are_shown_on_request() {
    for option in ["--bodies", "-v"] {
        let (code, shown) = segment_klaviyo(&[option, "events/order-completed.json"], "");
        assert_eq!(code, 0);
        assert!(
            shown.contains("Response to Segment: 200") && shown.contains("\"unique_id\": "),
            "{shown}"
        );
        assert_eq!(shown.matches("\"name\": \"Ordered Product\"").count(), 2);
    }
}

#[test]
fn the_exit_code_says_whether_everything_is_delivered_or_ignored() {
    let pages = json!({"type": "page", "messageId": "m-page"}).to_string();
    let nameless = json!({"type": "track", "event": "", "userId": "sarah@klaviyo-demo.com"});
    for (case, file, input, code, expected) in [
        ("delivered", "events/identify.json", "", 0, "told 200"),
        ("ignored", "-", pages.as_str(), 0, "told 200: 1 ignored"),
        ("unsigned", "events/unsigned.json", "", 1, "told 401: "),
        ("not JSON", "events/malformed.json", "", 1, "told 400: "),
        (
            "rejected",
            "-",
            &nameless.to_string(),
            1,
            "told 400: 1 rejected",
        ),
        ("some rejected", "events/batch.json", "", 1, "told 200"),
        (
            "missing",
            "events/none.json",
            "",
            2,
            "error: events/none.json: ",
        ),
        ("no message", "-", "5", 2, "error: stdin: neither"),
        ("a check", "-", r#"{"check": true}"#, 0, "ok      secret"),
    ] {
        let (found, shown) = segment_klaviyo(&[file], input);
        assert!(
            found == code && shown.contains(expected),
            "{case}: {found} {shown}"
        );
    }
    let (code, shown) = segment_klaviyo(&["events/identify.json", "events/unsigned.json"], "");
    assert_eq!(code, 1, "one of several: {shown}");
    let (code, shown) = segment_klaviyo(&["events/identify.json", "events/none.json"], "");
    assert_eq!(code, 2, "{shown}");
    assert!(!shown.contains("Segment"), "nothing is sent: {shown}");
}

#[test]
fn scripts_get_each_delivery_with_its_requests() {
    let (code, output) = segment_klaviyo(
        &[
            "--json",
            "events/order-completed.json",
            "events/unsigned.json",
        ],
        "",
    );
    assert_eq!(code, 1, "{output}");
    let deliveries: Value = serde_json::from_str(&output).unwrap();
    let [delivered, unsigned] = deliveries.as_array().unwrap().as_slice() else {
        panic!("{deliveries}")
    };
    assert_eq!(delivered["file"], "events/order-completed.json");
    assert_eq!(
        (&delivered["clean"], &unsigned["clean"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(delivered["response"]["body"]["delivered"], 1);
    assert_eq!(
        (&unsigned["response"]["status"], &unsigned["requests"]),
        (&json!(401), &json!([]))
    );
    let requests = delivered["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 3);
    let first = &requests[0];
    for (key, expected) in [
        ("method", json!("POST")),
        ("path", json!("/api/events")),
        ("status", json!(202)),
        ("metrics", json!({"Order Completed": 1})),
        ("people", json!(["sarah.mason@klaviyo-demo.com"])),
        ("lists", json!([])),
    ] {
        assert_eq!(first[key], expected, "{key}");
    }
    assert!(first["body"]["data"]["attributes"]["unique_id"].is_string());
}
