//! What a script sets and reads of the Klaviyo account: consents, mishaps, switches.

use super::*;

const IMPORT_JOBS: &str = "/api/profile-bulk-import-jobs";
const SARAH: &str = "sarah@klaviyo-demo.com";

/// Returns the body of an import job of three people with phone numbers.
fn import_job() -> Value {
    let mut profiles = Vec::new();
    for n in 0..3 {
        let attributes =
            json!({"external_id": n.to_string(), "phone_number": format!("+1415555267{n}")});
        profiles.push(json!({"type": "profile", "attributes": attributes}));
    }
    json!({"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": profiles}}}})
}

#[tokio::test]
async fn consents_are_set_confirmed_and_read() {
    let script = Script::start_with(options()).await;
    let left = json!([{"state": "suppressed", "email": SARAH, "why": "SPAM_COMPLAINT"},
        {"state": "unsubscribed", "phone_number": "+14155552671", "at": "2020-11-20T10:00:00Z"}]);
    assert_eq!(script.set("consent", &left).await, 204);
    script
        .set("options", &json!({"lift_on_confirm": true}))
        .await;
    assert_eq!(script.post(SUBSCRIBE, &subscription()).await, 202);
    assert_eq!(script.ask("state").await["lifted"], json!([]));
    assert_eq!(script.set("confirm", &json!({"email": SARAH})).await, 204);
    let state = script.ask("state").await;
    let lifted = json!([{"email": SARAH, "phone_number": null, "list_id": "Y6nRLr", "reason": "SPAM_COMPLAINT"}]);
    assert_eq!(state["lifted"], lifted);
    let [email, sms] = state["standings"].as_array().unwrap().as_slice() else {
        panic!("{state}")
    };
    assert_eq!(
        (&email["channel"], &sms["channel"]),
        (&json!("email"), &json!("sms"))
    );
    assert_eq!(email["standing"]["consent"], "SUBSCRIBED");
    assert_eq!(sms["standing"]["consented_at"], "2020-11-20T10:00:00Z");
}

#[tokio::test]
async fn switches_stay_after_a_reset() {
    let script = Script::start_with(options()).await;
    let given = json!({"age_gate": true, "sms_countries": ["+44"], "sms_pointer": "subscriptions"});
    assert_eq!(script.set("options", &given).await, 204);
    let wrong = json!({"age_gate": false, "latency_ms": 9, "max_metrics": -1});
    assert_eq!(script.set("options", &wrong).await, 400);
    script.set("reset", &Value::Null).await;
    let found = script.ask("options").await;
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(found[name], *value, "{name}");
    }
    assert_eq!(found["latency_ms"], 0, "a wrong request changes nothing");
}

#[tokio::test]
async fn events_are_lost_and_can_be_sent_again() {
    let script = Script::start_with(options()).await;
    script
        .set("faults", &json!({"match": EVENTS, "lose_events": 1}))
        .await;
    for (events, lost) in [(0, 1), (1, 1), (1, 1)] {
        assert_eq!(script.post(EVENTS, &event("m1")).await, 202);
        let state = script.ask("state").await;
        let count = |name: &str| state[name].as_array().unwrap().len();
        assert_eq!((count("events"), count("lost_events")), (events, lost));
    }
}

#[tokio::test]
async fn profiles_of_an_import_job_fail() {
    let script = Script::start_with(options()).await;
    script.set("options", &json!({"import_ms": 0})).await;
    for (index, failure, code) in [
        (0, "conflict", "duplicate_profile"),
        (1, "phone", "invalid"),
    ] {
        let fault = json!({"match": IMPORT_JOBS, "fail_imports": 2, "import_failure": failure});
        script.set("faults", &fault).await;
        assert_eq!(script.post(IMPORT_JOBS, &import_job()).await, 202);
        let path = format!("{IMPORT_JOBS}/IMPORT{index}/import-errors");
        let (_, errors) = script.send(Method::GET, &path, &Value::Null).await;
        let codes: Value = errors["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["attributes"]["code"].clone())
            .collect();
        assert_eq!(codes, json!([code, code]));
    }
    // The acknowledgement may be lost beside that.
    let fault = json!({"match": IMPORT_JOBS, "fail_imports": 1, "drop": true, "apply": true});
    script.set("faults", &fault).await;
    assert_eq!(script.post(IMPORT_JOBS, &import_job()).await, 0);
    let jobs = &script.ask("state").await["import_jobs"];
    assert_eq!(jobs[2]["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_phone_is_left_out_and_the_log_says_so() {
    let script = Script::start_with(options()).await;
    script
        .set(
            "faults",
            &json!({"match": EVENTS, "leave_phones_out": true}),
        )
        .await;
    let mut event = event("m1");
    let attributes = &mut event["data"]["attributes"]["profile"]["data"]["attributes"];
    attributes["phone_number"] = json!("+14155552671");
    for (left_out, phone_number) in [
        (json!("phone_number"), Value::Null),
        (Value::Null, json!("+14155552671")),
    ] {
        assert_eq!(script.post(EVENTS, &event).await, 202);
        let state = script.ask("state").await;
        assert_eq!(state["profiles"][0]["phone_number"], phone_number);
        let log = script.ask("log").await;
        assert_eq!(
            log.as_array().unwrap().last().unwrap()["left_out"],
            left_out
        );
    }
}

#[test]
fn every_option_is_documented() {
    let guide = include_str!("../../../../../docs/cli.md");
    let switches = serde_json::to_value(crate::Switches::default()).unwrap();
    for name in switches.as_object().unwrap().keys() {
        assert!(guide.contains(&format!("| `{name}` |")), "{name}");
    }
}
