//! Import jobs over requests.

use serde_json::{Value, json};

use super::super::testing::{get, post, profile, refusals};
use super::*;

const JOBS: &str = "/api/profile-bulk-import-jobs";
const IMPORT: &str = "/api/profile-import";
const KAI: &str = "kai@klaviyo-demo.com";
const BO: &str = "bo@klaviyo-demo.com";
const PHONE: &str = "+14155552671";

fn import(account: &mut Account, people: &[Value]) -> JsonResponse {
    let profiles: Vec<Value> = people.iter().cloned().map(profile).collect();
    let body = json!({"data": {"type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": profiles}}}});
    post(account, JOBS, body)
}

/// Returns the status of the first job, and how many of its profiles were taken and refused.
fn progress(account: &mut Account) -> (String, u64, u64) {
    let answer = get(account, &format!("{JOBS}/IMPORT0"));
    let attributes = &answer.body["data"]["attributes"];
    let count = |name: &str| attributes[name].as_u64().unwrap();
    let status = attributes["status"].as_str().unwrap().to_owned();
    (status, count("completed_count"), count("failed_count"))
}

#[test]
fn a_job_takes_what_it_can_and_names_the_rest() {
    let mut account = Account::default();
    for attributes in [
        json!({"email": KAI}),
        json!({"external_id": "n-1", "phone_number": PHONE}),
    ] {
        account.upsert(None, attributes.as_object().unwrap());
    }
    let people = [
        json!({"email": KAI, "external_id": "n-1", "title": "lost"}),
        json!({"email": BO, "phone_number": "+12", "title": "lost"}),
        json!({"email": BO, "title": "kept"}),
    ];
    let answer = import(&mut account, &people[..2]);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body["data"]["id"], "IMPORT0");
    assert_eq!(answer.body["data"]["attributes"]["status"], "queued");
    assert_eq!(account.profiles.len(), 2, "what is refused changes nothing");
    assert_eq!(import(&mut account, &people[2..]).status, 202);
    assert_eq!(account.profiles[2]["title"], "kept");

    let path = format!("{JOBS}/IMPORT0/import-errors");
    assert_eq!(get(&mut account, &path).body["data"], json!([]));
    account.switches.import_ms = 0;
    assert_eq!(progress(&mut account), ("complete".to_owned(), 0, 2));
    let answer = get(&mut account, &path);
    let mut errors = Vec::new();
    for error in answer.body["data"].as_array().unwrap() {
        let attributes = &error["attributes"];
        errors.push((
            attributes["code"].clone(),
            attributes["original_payload"].clone(),
        ));
    }
    let expected = [
        (json!("duplicate_profile"), people[0].clone()),
        (json!("invalid"), people[1].clone()),
    ];
    assert_eq!(errors, expected);
    let place = &answer.body["data"][1]["attributes"]["source"]["pointer"];
    assert_eq!(
        *place,
        "/data/attributes/profiles/data/1/attributes/phone_number"
    );
}

#[test]
fn a_job_goes_through_its_stages() {
    let mut account = Account::default();
    account.switches.import_ms = 1_000;
    import(&mut account, &[json!({"email": KAI})]);
    for (age, status, completed) in [
        (0, "queued", 0),
        (600, "processing", 0),
        (1_100, "complete", 1),
    ] {
        account.import_jobs[0].created_at = SystemTime::now() - Duration::from_millis(age);
        assert_eq!(progress(&mut account), (status.to_owned(), completed, 0));
    }
    assert_eq!(get(&mut account, &format!("{JOBS}/IMPORT1")).status, 404);
    assert_eq!(
        get(&mut account, &format!("{JOBS}/nope/import-errors")).status,
        404
    );
}

#[test]
fn an_answer_may_lack_the_id_of_its_job() {
    let mut account = Account::default();
    account.switches.name_import_jobs = false;
    let answer = import(&mut account, &[json!({"email": KAI})]);
    assert_eq!(
        (answer.status, &answer.body["data"]["id"]),
        (202, &Value::Null)
    );
    assert_eq!(answer.body["data"]["attributes"]["total_count"], 1);
}

#[test]
fn errors_come_page_by_page() {
    let mut account = Account::default();
    account.switches.import_ms = 0;
    let people: Vec<Value> = (0..5)
        .map(|n| json!({"external_id": n.to_string(), "phone_number": "+12"}))
        .collect();
    import(&mut account, &people);
    let mut path = format!("{JOBS}/IMPORT0/import-errors?page[size]=2");
    let mut counts = Vec::new();
    loop {
        let answer = get(&mut account, &path);
        counts.push(answer.body["data"].as_array().unwrap().len());
        let Some(next) = answer.body["links"]["next"].as_str() else {
            break;
        };
        path = next.replace("http://localhost", "");
    }
    assert_eq!(counts, [2, 2, 1]);
    let path = format!("{JOBS}/IMPORT0/import-errors?fields[import-error]=code");
    let answer = get(&mut account, &path);
    let attributes = &answer.body["data"][0]["attributes"];
    assert_eq!(*attributes, json!({"code": "invalid"}));
}

#[test]
fn null_clears_singly_and_not_in_bulk() {
    let mut account = Account::default();
    let held = json!({"email": KAI, "first_name": "Kai", "properties": {"plan": "gold"},
        "location": {"city": "Oslo", "zip": "1"}});
    let nulls = json!({"email": KAI, "first_name": null, "properties": {"plan": null, "deep": {"a": null}},
        "location": {"city": null}});
    account.upsert(None, held.as_object().unwrap());
    assert_eq!(
        import(&mut account, std::slice::from_ref(&nulls)).status,
        202
    );
    let mut expected = held.clone();
    expected["properties"]["deep"] = json!({"a": null});
    assert_eq!(Value::from(account.profiles[0].clone()), expected);

    let single = json!({"data": profile(nulls.clone())});
    assert_eq!(post(&mut account, IMPORT, single).status, 200);
    expected["first_name"] = Value::Null;
    expected["properties"]["plan"] = Value::Null;
    expected["location"]["city"] = Value::Null;
    assert_eq!(Value::from(account.profiles[0].clone()), expected);

    account.switches.refuse_bulk_nulls = true;
    let place = "/data/attributes/profiles/data/0/attributes";
    let (status, places) = refusals(&import(&mut account, &[nulls]));
    assert_eq!(status, 400);
    let expected: Vec<String> = ["first_name", "properties/plan", "location/city"]
        .map(|name| format!("invalid {place}/{name}"))
        .into();
    assert_eq!(places, expected);
}

#[test]
fn a_new_email_beside_another_identifier_updates_or_conflicts() {
    for (refuses, status) in [(false, 200), (true, 409)] {
        let mut account = Account::default();
        account.switches.refuse_new_emails = refuses;
        let held = json!({"email": KAI, "external_id": "n-1"});
        account.upsert(None, held.as_object().unwrap());
        let body = json!({"data": profile(json!({"email": BO, "external_id": "n-1"}))});
        let answer = post(&mut account, IMPORT, body);
        assert_eq!(answer.status, status);
        if refuses {
            let meta = &answer.body["errors"][0]["meta"];
            assert_eq!(*meta, json!({"duplicate_profile_id": "0"}));
        }
    }
}

#[test]
fn an_impossible_phone_is_left_out_beside_another_identifier() {
    let mut account = Account::default();
    let body = |attributes: Value| json!({"data": profile(attributes)});
    for phone_number in ["+12", "+15551234567", "500 555 0006", "+1 415 555 2671"] {
        let attributes = json!({"email": KAI, "phone_number": phone_number});
        let answer = post(&mut account, IMPORT, body(attributes));
        let header = ("x-klaviyo-partial-failure", "phone_number".to_owned());
        assert!(answer.headers.contains(&header), "{phone_number}");
        assert_eq!(account.profiles[0].get("phone_number"), None);
        let alone = body(json!({"phone_number": phone_number}));
        let expected = vec!["invalid /data/attributes/phone_number".to_owned()];
        assert_eq!(
            refusals(&post(&mut account, IMPORT, alone)),
            (400, expected)
        );
    }
    let possible = body(json!({"email": KAI, "phone_number": PHONE}));
    assert_eq!(post(&mut account, IMPORT, possible).headers.len(), 1);
    assert_eq!(account.profiles[0]["phone_number"], PHONE);
}
