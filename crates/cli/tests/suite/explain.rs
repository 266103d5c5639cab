//! `segment-klaviyo explain` says where each attribute comes from, by the built program.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{identify, order, root, segment_klaviyo, track};

const NOW: [&str; 2] = ["--now", "2026-11-20T12:00:00Z"];

/// What the program prints about messages that come in on stdin.
fn explain(arguments: &[&str], messages: &Value) -> String {
    let arguments = [&["explain"], &NOW[..], arguments, &["-"]].concat();
    let (code, shown) = segment_klaviyo(&arguments, &messages.to_string());
    assert_eq!(code, 0, "{shown}");
    shown
}

/// What is found of one message, as JSON.
fn explained(arguments: &[&str], message: &Value) -> Value {
    let shown = explain(&[arguments, &["--json"]].concat(), message);
    serde_json::from_str::<Value>(&shown).unwrap()[0]["messages"][0].clone()
}

/// The fields that each attribute of all requests comes from.
fn sources(arguments: &[&str], message: &Value) -> BTreeMap<String, Vec<String>> {
    let explained = explained(arguments, message);
    let requests = explained["requests"]
        .as_array()
        .unwrap_or_else(|| panic!("not sent: {explained}"));
    let attributes = requests
        .iter()
        .flat_map(|request| request["attributes"].as_array().unwrap());
    let source = |source: &Value| source["field"].as_str().unwrap_or_default().to_owned();
    let of = |it: &Value| it["from"].as_array().unwrap().iter().map(source).collect();
    let mut sources = BTreeMap::new();
    for it in attributes {
        sources
            .entry(it["attribute"].as_str().unwrap().to_owned())
            .or_insert_with(|| of(it));
    }
    sources
}

/// Why a field is left out.
fn why(arguments: &[&str], message: &Value, field: &str) -> String {
    let explained = explained(arguments, message);
    let left_out = explained["left_out"].as_array().unwrap();
    let found = left_out.iter().find(|it| it["field"] == field);
    found.unwrap_or_else(|| panic!("{field} is not left out: {explained:#}"))["detail"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn each_sample_is_explained() {
    let mut files: Vec<_> = std::fs::read_dir(root("events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort_unstable();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let file = format!("events/{name}.json");
        let (code, shown) = segment_klaviyo(&[&["explain"], &NOW[..], &[&file]].concat(), "");
        assert_eq!(code, 0, "{shown}");
        insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(format!("explain-{name}"), shown) });
    }
}

#[test]
fn the_named_source_is_the_right_one() {
    let email = |traits: Value, user_id: &str| {
        let mut message = identify(&traits, &json!({}));
        message["userId"] = user_id.into();
        message
    };
    let order_with = |properties: Value| {
        let mut message = order("R1", 0);
        for (key, value) in properties.as_object().unwrap() {
            message["properties"][key] = value.clone();
        }
        message
    };
    let (mine, other) = ("sarah@klaviyo-demo.com", "li@klaviyo-demo.com");
    let cases = [
        (
            "traits.email before userId",
            email(json!({"email": mine}), other),
            "email",
            vec!["traits.email"],
        ),
        (
            "also when they are equal",
            email(json!({"email": mine}), mine),
            "email",
            vec!["traits.email"],
        ),
        (
            "userId without another",
            email(json!({}), other),
            "email",
            vec!["userId"],
        ),
        (
            "an email that is none",
            email(json!({"email": "sarah"}), other),
            "email",
            vec!["userId"],
        ),
        (
            "revenue before total",
            order_with(json!({"revenue": 9})),
            "value",
            vec!["properties.revenue"],
        ),
        (
            "revenue equal to total",
            order_with(json!({"revenue": 59.97})),
            "value",
            vec!["properties.revenue"],
        ),
        (
            "value before total",
            order_with(json!({"value": 9})),
            "value",
            vec!["properties.value"],
        ),
        (
            "total of an order",
            order("R1", 0),
            "value",
            vec!["properties.total"],
        ),
        (
            "revenue that is no number",
            order_with(json!({"revenue": "9,-"})),
            "value",
            vec!["properties.total"],
        ),
        (
            "order_id before orderId",
            order_with(json!({"orderId": "R1"})),
            "unique_id",
            vec!["properties.order_id"],
        ),
        (
            "messageId of what is no order",
            track("m", &json!({"order_id": 1})),
            "unique_id",
            vec!["messageId"],
        ),
        (
            "a line of an order",
            order_with(json!({"products": [{"sku": "s"}]})),
            "properties.SKU",
            vec!["properties.products[0].sku"],
        ),
        (
            "the name",
            email(json!({"email": mine, "name": "Sarah Mason"}), mine),
            "last_name",
            vec!["traits.name"],
        ),
        (
            "a part of an address",
            email(json!({"email": mine, "address": {"zip": 7}}), mine),
            "location.zip",
            vec!["traits.address.zip"],
        ),
        (
            "a custom property",
            email(json!({"email": mine, "tier": "gold"}), mine),
            "properties.tier",
            vec!["traits.tier"],
        ),
    ];
    for (what, message, attribute, expected) in cases {
        assert_eq!(sources(&[], &message)[attribute], expected, "{what}");
    }
    let lines = sources(&[], &order("R1", 12));
    assert_eq!(
        lines["properties.Items[3].RowTotal"],
        [
            "properties.products[3].price",
            "properties.products[3].quantity"
        ]
    );
    assert_eq!(
        lines["properties.Items[11].ProductID"],
        ["properties.products[5…].product_id"]
    );
}

#[test]
fn what_is_left_out_has_a_reason() {
    let track = |properties: Value| track("m", &properties);
    let open = ["--settings", "ENFORCE_EMAIL=false"];
    for (arguments, message, field, expected) in [
        (
            &[][..],
            track(json!({"currency": "dollars"})),
            "properties.currency",
            "cannot be value_currency: not a currency code of three letters; kept as it is",
        ),
        (
            &[],
            track(json!({"revenue": "$5"})),
            "properties.revenue",
            "cannot be value: not a number; kept as it is",
        ),
        (
            &[],
            track(json!({"price": "12,50"})),
            "properties.price",
            "cannot be properties.Price: not a number; kept as it is",
        ),
        (
            &open,
            track(json!({"phone": "555"})),
            "properties.phone",
            "cannot be profile.phone_number: neither an international phone number nor one of DEFAULT_COUNTRY; kept as it is",
        ),
        (
            &[],
            track(json!({})),
            "userId",
            "with ENFORCE_EMAIL=false it is profile.external_id",
        ),
        (
            &[],
            order("R1", 0),
            "messageId",
            "not needed: unique_id comes from properties.order_id",
        ),
    ] {
        assert_eq!(why(arguments, &message, field), expected, "{message}");
    }
    for (timestamp, expected) in [
        ("yesterday", "cannot be time: not a time that can be read"),
        (
            "1999-12-31T00:00:00Z",
            "cannot be time: a time before 2000 or more than a year ahead",
        ),
    ] {
        let mut message = track(json!({}));
        message["timestamp"] = timestamp.into();
        assert_eq!(why(&[], &message, "timestamp"), expected);
    }
}

#[test]
fn who_is_looked_up_comes_from_the_message_and_may_not_be_known() {
    let deletion = json!({"type": "delete", "userId": "usr_1", "messageId": "m"});
    let honored = ["--settings", "HONOR_DELETIONS=true"];
    assert_eq!(
        sources(&honored, &deletion).into_values().next(),
        Some(vec!["userId".to_owned()])
    );
    let shown = explain(&honored, &deletion);
    assert!(
        shown.contains("(looked up in Klaviyo) of usr_1  ← userId, if Klaviyo knows the profile\n"),
        "{shown}"
    );
    let shown = explain(
        &honored,
        &json!({"type": "delete", "userId": "sarah@klaviyo-demo.com", "messageId": "m"}),
    );
    assert!(shown.contains("← userId\n"), "{shown}");
}

#[test]
fn one_message_that_cannot_be_tried_keeps_no_other_from_being_explained() {
    let mut wide = track("m-wide", &json!({"x": 5}));
    wide["event"] = "Wide".into();
    let input = json!([wide, track("m", &json!({}))])
        .to_string()
        .replace(r#""x":5"#, r#""x":1e999"#);
    for more in [&[][..], &["--diff", "METRIC_NAMES=klaviyo"]] {
        let arguments = [&["explain"], &NOW[..], more, &["-"]].concat();
        let (code, shown) = segment_klaviyo(&arguments, &input);
        assert_eq!(code, 0, "{shown}");
        let expected = "message 0  track Wide  m-wide\n  sent: 1 request\n  its fields cannot be tried: number out of range";
        assert!(shown.contains(expected), "{shown}");
        assert!(
            shown.contains("message 1  track Product Viewed  m\n"),
            "{shown}"
        );
    }
    let (_, shown) = segment_klaviyo(&["explain", "--json", "-"], &input);
    let messages = &serde_json::from_str::<Value>(&shown).unwrap()[0]["messages"];
    assert!(
        messages[0]["untried"]
            .as_str()
            .unwrap()
            .starts_with("number out of range")
    );
    assert_eq!(
        (
            &messages[0]["verdict"]["outcome"],
            &messages[1]["verdict"]["outcome"]
        ),
        (&json!("sent"), &json!("sent"))
    );
}

#[test]
fn what_a_terminal_would_obey_reaches_it_from_nowhere_in_a_message() {
    let bad =
        |text: &str| format!("\u{1b}[2J{text}\u{9b}31m\u{7f}\u{202a}\u{202e}\u{2066}\u{2069}\r");
    let line = |id: i32| json!({"product_id": id, "price": 5, bad("line"): {bad("in"): [bad("of"), {bad("it"): 1}]}});
    let mut message = order("R1", 0);
    let properties = &mut message["properties"];
    properties["products"] = json!([line(1), line(2), line(3)]);
    properties[bad("key")] = json!({bad("b"): {bad("c"): bad("d")}, "list": [1, bad("e")]});
    (properties["currency"], properties["coupon"]) = (bad("f").into(), bad("g").into());
    let mut other = message.clone();
    (other["event"], other["messageId"], other["type"]) =
        (bad("Signed").into(), bad("id").into(), "track".into());
    let mut traits = json!({"email": "sarah@klaviyo-demo.com", "title": bad("x"), bad("trait"): {bad("y"): bad("z")}});
    traits["address"] = json!({"city": bad("York"), bad("w"): [{bad("v"): bad("u")}]});
    let options = json!({"Klaviyo": {"listId": bad("list"), "fieldsToAppend": [bad("trait")], bad("option"): 1}});
    let profile = identify(&traits, &options);
    let mut unknown = track("m", &json!({}));
    (unknown["type"], unknown["userId"]) = (bad("type").into(), bad("user").into());
    // Beyond the fifth, the sources of a line's properties are named.
    let mut late = order("R2", 0);
    let (one, two) = (json!({bad("it"): 1, bad("and"): 3}), json!({bad("it"): 2}));
    let last = json!({"product_id": 9, bad("line"): {bad("in"): [one, two], bad("on"): 4}});
    late["properties"]["products"] = json!([null, null, null, null, null, last]);
    let messages = json!([message, other, profile, unknown, late]);
    for more in [
        &[][..],
        &["--json"],
        &["--diff", "KLAVIYO_PROPERTY_NAMES=false"],
        &["--diff", "METRIC_NAMES=klaviyo"],
    ] {
        let shown = explain(more, &messages);
        let is_obeyed = |c: char| {
            (c.is_control() && c != '\n')
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        let found: Vec<_> = shown
            .lines()
            .filter(|line| line.contains(is_obeyed))
            .collect();
        assert!(found.is_empty(), "{more:?} {found:#?}");
        assert!(shown.contains("Signed"), "{shown}");
    }
}

#[test]
fn what_a_note_is_about_is_read() {
    let traits = json!({"email": "sarah@klaviyo-demo.com"});
    let explained = self::explained(
        &[],
        &identify(
            &traits,
            &json!({"Klaviyo": {"listId": "bad id!", "other": 1}}),
        ),
    );
    assert_eq!(explained["warnings"][0]["reason"], "invalid_list_id");
    assert_eq!(
        explained["unread"],
        json!(["integrations.Klaviyo.other", "messageId", "timestamp"])
    );
}

#[test]
fn a_message_that_is_not_sent_says_with_what_it_would_be() {
    let mut message = track("m", &json!({}));
    message["context"] = json!({});
    message["userId"] = Value::Null;
    message["anonymousId"] = "a-1".into();
    let explained = self::explained(&[], &message);
    assert_eq!(explained["verdict"]["reason"], "no_email");
    let both = json!([{"ENFORCE_EMAIL": "false", "FALLBACK_ON_ANONYMOUS_ID": "true"}]);
    assert_eq!(explained["sent_with"], both);

    let mut message = track("m", &json!({}));
    message["integrations"] = json!({"Klaviyo": false});
    let explained = self::explained(&[], &message);
    assert_eq!(explained["verdict"]["reason"], "integration_off");
    assert_eq!(
        (&explained["sent_with"], &explained["sent_without"]),
        (&json!([]), &json!(["integrations.Klaviyo"]))
    );

    let explained = self::explained(
        &["--settings", "EVENTS_BLOCKED=Product Viewed"],
        &track("m", &json!({})),
    );
    assert_eq!(explained["sent_with"], json!([{"EVENTS_BLOCKED": ""}]));
    let fields = [
        &explained["sent_without"],
        &explained["sent_with_another_value"],
    ];
    assert_eq!(
        fields,
        [&json!([]), &json!(["event"])],
        "a track without its event is rejected"
    );
    let shown = explain(
        &["--settings", "EVENTS_BLOCKED=Product Viewed"],
        &track("m", &json!({})),
    );
    assert!(
        shown.contains("     with another value in event\n") && !shown.contains("without event"),
        "{shown}"
    );
}

#[test]
fn other_settings_show_only_what_changes() {
    let settings = [
        "ENFORCE_EMAIL=false",
        "SEND_PLACED_ORDER_AS_ORDER_COMPLETED=false",
        "EVENTS_BLOCKED=Ordered Product",
    ];
    let arguments: Vec<_> = settings
        .iter()
        .flat_map(|setting| ["--diff", setting])
        .collect();
    let mut order = order("R1", 2);
    order["userId"] = "usr_1".into();
    let messages = json!([order, track("m", &json!({})), {"type": "alias"}]);
    insta::assert_snapshot!(explain(&arguments, &messages));
}

#[test]
fn what_cannot_be_explained_is_an_error() {
    for (arguments, input, expected) in [
        (
            &["explain", "-"][..],
            "{",
            "error: stdin: line 1, column 1: not JSON",
        ),
        (
            &["explain", "-"],
            r#"{"check": true}"#,
            "error: stdin: not an HTTP request and no messages",
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
        let (code, shown) = segment_klaviyo(arguments, input);
        assert_eq!(code, 2, "{shown}");
        assert!(shown.starts_with(expected), "{shown}");
    }
}

/// Everything that easily goes wrong, in one picture.
#[test]
fn what_is_wrong_with_messages_is_shown() {
    let mut refund = track(
        "m-refund",
        &json!({
            "email": "not an address", "orderId": 991, "order_id": "991", "refund_id": "r1",
            "total": "12,50", "currency": "US Dollars", "phone": "+1 500 555 0006",
        }),
    );
    refund["event"] = "Order Refunded".into();
    refund["timestamp"] = "1999-12-31".into();
    let mut lines = order("R1", 0);
    lines["properties"]["products"] =
        json!([{"id": 1, "price": "x"}, {"id": 2, "price": 3, "quantity": "two"}]);
    let traits = json!({
        "email": "sarah.mason@klaviyo-demo.com", "firstName": "", "name": "Sarah Mason", "phone": "500 555 0006",
        "company": {"name": "Fable & Oat", "size": 5}, "address": {"city": "York"}, "birthday": null, "tags": ["a", "b"],
    });
    let options =
        json!({"Klaviyo": {"listId": "Y6nRLr", "confirmOptin": false, "fieldsToAppend": ["tags"]}});
    let mut subscriber = identify(&traits, &options);
    subscriber["userId"] = "sarah@klaviyo-demo.com".into();
    let no_id = json!({"type": "track", "event": "Signed\u{1b}Up", "userId": "sarah@test.com", "properties": {"value": 5}});
    let group = json!({"type": "group", "groupId": "Y6nRLr", "traits": {"email": "sarah@klaviyo-demo.com", "subscribe": true}});
    let messages = json!([refund, lines, subscriber, no_id, group, 5]);
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!(explain(&[], &messages)) });
}
