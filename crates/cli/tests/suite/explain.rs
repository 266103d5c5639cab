//! `segment-klaviyo explain`, run as the built program: which field each attribute comes from.

mod control_characters;
mod sources;
mod unused;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{identify, order, outputs, root, segment_klaviyo, track};

const NOW: [&str; 2] = ["--now", "2026-11-20T12:00:00Z"];
const SARAH: &str = "sarah@klaviyo-demo.com";
const LI: &str = "li@klaviyo-demo.com";

/// Returns what the program prints about messages on stdin.
fn explain(arguments: &[&str], messages: &Value) -> String {
    let arguments = [&["explain"], &NOW[..], arguments, &["-"]].concat();
    // A slow machine shows its progress on stderr.
    let (code, output, problem) = outputs(&arguments, &messages.to_string());
    assert_eq!(code, 0, "{problem}");
    output
}

/// Returns the JSON report on one message.
fn report(arguments: &[&str], message: &Value) -> Value {
    let output = explain(&[arguments, &["--json"]].concat(), message);
    let files: Value = serde_json::from_str(&output).unwrap();
    files[0]["messages"][0].clone()
}

/// Returns the source fields of each attribute. Of several requests with an attribute, the first
/// counts.
fn source_fields(arguments: &[&str], message: &Value) -> BTreeMap<String, Vec<String>> {
    let report = report(arguments, message);
    let requests = report["requests"].as_array().unwrap();
    assert!(!requests.is_empty(), "not sent: {report}");
    let mut fields = BTreeMap::new();
    for request in requests {
        for attribute in request["attributes"].as_array().unwrap() {
            let name = attribute["attribute"].as_str().unwrap().to_owned();
            let mut sources = Vec::new();
            for source in attribute["sources"].as_array().unwrap() {
                sources.push(source["field"].as_str().unwrap_or_default().to_owned());
            }
            fields.entry(name).or_insert(sources);
        }
    }
    fields
}

#[track_caller]
fn assert_sources(message: &Value, attribute: &str, expected: &[&str]) {
    assert_eq!(source_fields(&[], message)[attribute], expected);
}

/// Asserts the reason why a field is unused.
#[track_caller]
fn assert_unused(arguments: &[&str], message: &Value, field: &str, expected: &str) {
    let report = report(arguments, message);
    let unused = report["unused"].as_array().unwrap();
    let found = unused.iter().find(|unused| unused["field"] == field);
    let found = found.unwrap_or_else(|| panic!("{field} is used: {report:#}"));
    assert_eq!(found["detail"], expected);
}

/// Returns an identify message of this user.
fn identify_as(user_id: &str, traits: &Value) -> Value {
    let mut message = identify(traits, &json!({}));
    message["userId"] = user_id.into();
    message
}

/// Returns an order with further properties.
fn order_with(properties: &Value) -> Value {
    let mut message = order("R1", 0);
    for (key, value) in properties.as_object().unwrap() {
        message["properties"][key] = value.clone();
    }
    message
}

#[test]
fn every_sample_has_an_explanation() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root("events")).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort_unstable();
    for name in names {
        let file = format!("events/{name}.json");
        let arguments = [&["explain"], &NOW[..], &[&file]].concat();
        let (code, output, problem) = outputs(&arguments, "");
        assert_eq!(code, 0, "{problem}");
        insta::with_settings!({omit_expression => true}, {
            insta::assert_snapshot!(format!("sample-{name}"), output);
        });
    }
}

#[test]
fn a_number_out_of_range_affects_only_its_own_message() {
    let mut wide = track("m-wide", &json!({"x": 5}));
    wide["event"] = "Wide".into();
    let input = json!([wide, track("m", &json!({}))])
        .to_string()
        .replace(r#""x":5"#, r#""x":1e999"#);
    for more in [&[][..], &["--diff", "METRIC_NAMES=klaviyo"]] {
        let arguments = [&["explain"], &NOW[..], more, &["-"]].concat();
        let (code, output, _) = outputs(&arguments, &input);
        assert_eq!(code, 0, "{output}");
        let expected = "message 0  track Wide  m-wide\n  sent: 1 request\n  its fields cannot be analyzed: number out of range";
        assert!(output.contains(expected), "{output}");
        assert!(
            output.contains("message 1  track Product Viewed  m\n"),
            "{output}"
        );
    }

    let (_, output, _) = outputs(&["explain", "--json", "-"], &input);
    let files: Value = serde_json::from_str(&output).unwrap();
    let messages = &files[0]["messages"];
    let error = messages[0]["analysis_error"].as_str().unwrap();
    assert!(error.starts_with("number out of range"), "{error}");
    assert_eq!(messages[0]["decision"]["outcome"], "sent");
    assert_eq!(messages[1]["decision"]["outcome"], "sent");
}

#[test]
fn suggested_settings_are_as_few_as_possible() {
    let mut anonymous = track("m", &json!({}));
    anonymous["context"] = json!({});
    anonymous["userId"] = Value::Null;
    anonymous["anonymousId"] = "a-1".into();
    let pair = report(&[], &anonymous);
    assert_eq!(pair["decision"]["reason"], "no_email");
    assert_eq!(
        pair["sent_with"],
        json!([{"ENFORCE_EMAIL": "false", "FALLBACK_ON_ANONYMOUS_ID": "true"}])
    );

    let blocked = ["--settings", "EVENTS_BLOCKED=Product Viewed"];
    let single = report(&blocked, &track("m", &json!({})));
    assert_eq!(single["sent_with"], json!([{"EVENTS_BLOCKED": ""}]));
    let output = explain(&blocked, &track("m", &json!({})));
    assert!(
        output.contains("     with EVENTS_BLOCKED not set\n"),
        "{output}"
    );
}

#[test]
fn fields_that_prevent_sending_are_suggested() {
    let mut message = track("m", &json!({}));
    message["integrations"] = json!({"Klaviyo": false});
    let report = report(&[], &message);
    assert_eq!(report["decision"]["reason"], "integration_off");
    assert_eq!(report["sent_with"], json!([]));
    assert_eq!(report["sent_without"], json!(["integrations.Klaviyo"]));
}

#[test]
fn a_required_field_is_suggested_only_with_another_value() {
    let blocked = ["--settings", "EVENTS_BLOCKED=Product Viewed"];
    let message = track("m", &json!({}));
    let report = report(&blocked, &message);
    assert_eq!(report["sent_without"], json!([]));
    assert_eq!(report["sent_with_another_value"], json!(["event"]));
    let output = explain(&blocked, &message);
    assert!(
        output.contains("     with another value in event\n"),
        "{output}"
    );
    assert!(!output.contains("without event"), "{output}");
}

#[test]
fn diff_shows_only_what_changes() {
    let arguments = [
        "--diff",
        "ENFORCE_EMAIL=false",
        "--diff",
        "SEND_PLACED_ORDER_AS_ORDER_COMPLETED=false",
        "--diff",
        "EVENTS_BLOCKED=Ordered Product",
    ];
    let mut order = order("R1", 2);
    order["userId"] = "usr_1".into();
    let messages = json!([order, track("m", &json!({})), {"type": "alias"}]);
    insta::with_settings!({omit_expression => true}, {
        insta::assert_snapshot!(explain(&arguments, &messages));
    });
}

#[test]
fn invalid_input_is_an_error() {
    for (arguments, input, expected) in [
        (
            &["explain", "-"][..],
            "{",
            "error: stdin: line 1, column 1: not JSON",
        ),
        (
            &["explain", "-"],
            r#"{"check": true}"#,
            "error: stdin: neither an HTTP request nor Segment messages",
        ),
        (
            &["explain", "gone.json"],
            "",
            "error: gone.json: No such file",
        ),
        (
            &["explain", "--settings", "LIST_ID=a b", "-"],
            "",
            "error: LIST_ID is invalid",
        ),
        (
            &["explain", "--settings", "LISTID=a", "-"],
            "",
            "error: invalid value 'LISTID=a'",
        ),
    ] {
        let (code, output) = segment_klaviyo(arguments, input);
        assert_eq!(code, 2, "{output}");
        assert!(output.starts_with(expected), "{output}");
    }
}

/// Compares the explanation of a message with a snapshot that contains the message too.
#[track_caller]
fn assert_explanation(name: &str, message: &Value) {
    insta::with_settings!({info => message, omit_expression => true}, {
        insta::assert_snapshot!(name, explain(&[], message));
    });
}

#[test]
fn a_refund_with_invalid_values_is_explained() {
    let mut refund = track(
        "m-refund",
        &json!({
            "email": "not an address", "orderId": 991, "order_id": "991", "refund_id": "r1",
            "total": "12,50", "currency": "US Dollars", "phone": "+1 500 555 0006",
        }),
    );
    refund["event"] = "Order Refunded".into();
    refund["timestamp"] = "1999-12-31".into();
    assert_explanation("refund-with-invalid-values", &refund);
}

#[test]
fn an_order_with_invalid_lines_is_explained() {
    let products = json!([{"id": 1, "price": "x"}, {"id": 2, "price": 3, "quantity": "two"}]);
    let message = order_with(&json!({"products": products}));
    assert_explanation("order-with-invalid-lines", &message);
}

#[test]
fn a_subscriber_with_an_invalid_phone_is_explained() {
    let traits = json!({
        "email": "sarah.mason@klaviyo-demo.com", "firstName": "", "name": "Sarah Mason", "phone": "500 555 0006",
        "company": {"name": "Fable & Oat", "size": 5}, "address": {"city": "York"}, "birthday": null, "tags": ["a", "b"],
    });
    let options =
        json!({"Klaviyo": {"listId": "Y6nRLr", "confirmOptin": false, "fieldsToAppend": ["tags"]}});
    let mut subscriber = identify(&traits, &options);
    subscriber["userId"] = SARAH.into();
    assert_explanation("subscriber-with-invalid-phone", &subscriber);
}

#[test]
fn an_event_without_an_id_is_explained() {
    // Klaviyo drops events of this domain.
    let event = json!({"type": "track", "event": "Signed Up", "userId": "sarah@test.com", "properties": {"value": 5}});
    assert_explanation("event-without-id", &event);
}

#[test]
fn a_group_that_a_setting_excludes_is_explained() {
    let group = json!({"type": "group", "groupId": "Y6nRLr", "traits": {"email": SARAH, "subscribe": true}});
    assert_explanation("group", &group);
}

#[test]
fn an_element_that_is_not_a_message_is_explained() {
    let elements = json!([5]);
    assert_explanation("not-a-message", &elements);
}

/// The tests run a debug build, which needs seconds for a few orders.
#[test]
fn a_long_explanation_shows_its_progress() {
    let mut orders = Vec::new();
    for number in 0..12 {
        orders.push(order(&format!("R{number}"), 30).to_string());
    }
    let (code, shown) = segment_klaviyo(&["explain", "--json", "-"], &orders.join("\n"));
    assert_eq!(code, 0);
    assert!(shown.contains(" of 12 messages\n"), "{shown}");
}
