//! Messages of Segment Engage: flags that are meant for this function, and audiences as lists.

use serde_json::{Value, json};

use super::outcome::{outcome, with};
use crate::support::messages::track;
use crate::support::people::SARAH;
use crate::support::settings::Setting;

#[test]
fn flags_count_in_any_spelling_and_a_webhook_is_this_function() {
    for (integrations, is_sent) in [
        (json!({"All": false, "Webhooks (Actions)": true}), true),
        (
            json!({"All": false, "Webhook": true, "Segment.io": true}),
            true,
        ),
        (json!({"all": false, "webhooks (actions)": {}}), true),
        (
            json!({"All": false, "Webhooks (Actions)": true, "Warehouses": {"all": false}}),
            true,
        ),
        (json!({"All": false, "Amazon Lambda": true}), true),
        (
            json!({"All": false, "Amazon EventBridge": {"region": "us-west-2"}}),
            true,
        ),
        (json!({"All": false, "Amazon Lambda": false}), false),
        (json!({"All": false, "Webhooks (Actions)": false}), false),
        (json!({"All": false, "Webhooks (Actions)": null}), false),
        (json!({"All": false, "Warehouses": {"all": true}}), false),
        (json!({"all": false}), false),
        (json!({"ALL": "false"}), false),
        (json!({"klaviyo": false}), false),
        (json!({"KLAVIYO (actions)": false}), false),
        (json!({"Actions Klaviyo": false}), false),
        (json!({"Klaviyo": false, "Webhooks (Actions)": true}), false),
        (json!({"all": false, "klaviyo": {"listId": "L"}}), true),
        (json!({"all": false, "Actions Klaviyo": true}), true),
    ] {
        let outcome = outcome(
            &[],
            &with(track("m"), json!({"integrations": integrations})),
        );
        let is_ignored = outcome == json!({"ignored": "integration_off"});
        assert_eq!(!is_ignored, is_sent, "{integrations}: {outcome}");
    }
}

const CONNECTED: &[Setting] = &[("AUDIENCE_LISTS", "true")];
const PAIRS: &[Setting] = &[("AUDIENCE_LISTS", "vip=LVIP, new_here=LNEW")];

/// Returns a message that an audience sends.
fn of_audience(fields: Value, key: &str) -> Value {
    let personas = json!({"computation_class": "audience", "computation_key": key});
    let message = json!({
        "messageId": "m",
        "userId": SARAH,
        "context": {"personas": personas},
        "integrations": {"All": false, "Webhooks (Actions)": true},
    });
    with(message, fields)
}

/// Returns the kinds of requests that a message becomes, or why there is none.
fn requests(settings: &[Setting<'_>], message: &Value) -> Value {
    let outcome = outcome(settings, message);
    let Some(requests) = outcome["requests"].as_array() else {
        return outcome["ignored"].clone();
    };
    let kind = |request: &Value| {
        let (path, data) = request.as_object().unwrap().iter().next().unwrap();
        let list = data.pointer("/relationships/lists/data/0/id");
        match (path.as_str(), list.and_then(Value::as_str)) {
            ("POST /api/events", _) => "event".to_owned(),
            ("POST /api/profile-import", _) => "profile".to_owned(),
            (_, Some(list)) => format!("add to {list}"),
            (path, None) => path
                .replace("DELETE /api/lists/", "remove from ")
                .replace("POST /api/lists/", "add to ")
                .replace("/relationships/profiles", ""),
        }
    };
    requests.iter().map(kind).collect()
}

#[test]
fn audiences_change_the_list_of_their_key() {
    let event = |name: &str, key: &str, is_member: Value| {
        let properties = json!({"audience_key": key, key: is_member});
        of_audience(
            json!({"type": "track", "event": name, "properties": properties}),
            key,
        )
    };
    for (settings, message, expected) in [
        (
            PAIRS,
            event("Audience Entered", "vip", json!(true)),
            json!(["add to LVIP"]),
        ),
        (
            PAIRS,
            event("Audience Exited", "new_here", json!(false)),
            json!(["remove from LNEW"]),
        ),
        (
            PAIRS,
            event("audience_entered", "vip", json!(true)),
            json!(["add to LVIP"]),
        ),
        (
            PAIRS,
            event("Became VIP", "vip", json!(true)),
            json!(["add to LVIP"]),
        ),
        (
            PAIRS,
            event("Became VIP", "vip", json!("false")),
            json!(["remove from LVIP"]),
        ),
        (
            PAIRS,
            event("Became VIP", "vip", json!(null)),
            json!(["event"]),
        ),
        (
            PAIRS,
            event("Audience Entered", "other", json!(true)),
            json!("no_audience_list"),
        ),
        (
            CONNECTED,
            event("Audience Entered", "vip", json!(true)),
            json!("no_audience_list"),
        ),
        (
            &[],
            event("Audience Entered", "vip", json!(true)),
            json!(["event"]),
        ),
        (
            &[],
            event("Became VIP", "vip", json!(true)),
            json!(["event"]),
        ),
    ] {
        assert_eq!(
            requests(settings, &message),
            expected,
            "{settings:?} {message}"
        );
    }
}

#[test]
fn an_identify_of_an_audience_changes_profile_and_list() {
    let identify =
        |traits: Value| of_audience(json!({"type": "identify", "traits": traits}), "vip");
    for (settings, traits, expected) in [
        (
            PAIRS,
            json!({"vip": true}),
            json!(["profile", "add to LVIP"]),
        ),
        (
            PAIRS,
            json!({"vip": "false"}),
            json!(["profile", "remove from LVIP"]),
        ),
        (PAIRS, json!({"vip": 1}), json!(["profile"])),
        (PAIRS, json!({"plan": "pro"}), json!(["profile"])),
        (CONNECTED, json!({"vip": true}), json!(["profile"])),
        (&[], json!({"vip": true}), json!(["profile"])),
    ] {
        assert_eq!(
            requests(settings, &identify(traits.clone())),
            expected,
            "{traits}"
        );
    }
    let by_website = json!({"type": "identify", "userId": SARAH, "traits": {"vip": true}});
    assert_eq!(
        requests(PAIRS, &by_website),
        json!(["profile"]),
        "a website is no audience"
    );
    let computed = json!({"personas": {"computation_class": "trait", "computation_key": "vip"}});
    let computed = with(by_website, json!({"context": computed}));
    assert_eq!(
        requests(PAIRS, &computed),
        json!(["profile"]),
        "nor is a computed trait"
    );
}

#[test]
fn the_list_that_an_audience_is_connected_to_comes_first() {
    let mut message = of_audience(
        json!({"type": "track", "event": "Audience Entered", "properties": {"vip": true}}),
        "vip",
    );
    message["context"]["personas"]["external_audience_id"] = json!("LEXT");
    for settings in [CONNECTED, PAIRS] {
        assert_eq!(
            requests(settings, &message),
            json!(["add to LEXT"]),
            "{settings:?}"
        );
    }
    message["context"]["personas"]["external_audience_id"] = json!("no list!");
    assert_eq!(requests(PAIRS, &message), json!(["add to LVIP"]));
    assert_eq!(requests(CONNECTED, &message), json!("no_audience_list"));
    message["context"]["personas"]["computation_class"] = json!("AUDIENCE");
    assert_eq!(requests(PAIRS, &message), json!(["add to LVIP"]));
    message["context"]["personas"]["external_audience_id"] = json!("\u{200b}LEXT");
    assert_eq!(requests(CONNECTED, &message), json!(["add to LEXT"]));
}
