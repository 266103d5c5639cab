//! Many messages in few calls, and nothing lost or doubled on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use segment_klaviyo_stand_in::{Fault, Symptom};
use serde_json::{Value, json};

use crate::support::{Shop, identify, order, track};

const EVENT_JOBS: &str = "/api/event-bulk-create-jobs";
const IMPORT_JOBS: &str = "/api/profile-bulk-import-jobs";
const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";

/// Time enough for a debug build on a slow machine.
const PATIENT: (&str, &str) = ("DELIVERY_BUDGET_MS", "60000");

fn tracks(count: usize) -> Value {
    (0..count)
        .map(|n| track(&format!("m{n}"), &json!({"n": n})))
        .collect()
}

fn of(email: String, traits: Value) -> Value {
    let mut traits = traits;
    traits["email"] = json!(email);
    identify(&traits, &json!({}))
}

/// Somebody's own track: every message is of another profile.
fn track_of(n: usize) -> Value {
    let mut message = track(&format!("m{n}"), &json!({"n": n}));
    message["context"]["traits"]["email"] = json!(format!("p{n}@klaviyo-demo.com"));
    message
}

#[tokio::test]
async fn four_thousand_events_are_four_calls() {
    let shop = Shop::open(&[PATIENT]).await;
    let batch: Value = (0..4_000).map(track_of).collect();
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 4_000));
    assert_eq!(shop.paths(), [EVENT_JOBS; 4]);
    let held = shop.stand_in.state();
    let ids: BTreeSet<_> = held
        .account
        .events
        .iter()
        .map(|event| &event.unique_id)
        .collect();
    assert_eq!(
        (
            held.account.events.len(),
            ids.len(),
            held.account.profiles.len()
        ),
        (4_000, 4_000, 4_000)
    );
}

#[tokio::test]
async fn few_events_go_one_by_one() {
    let shop = Shop::open(&[PATIENT]).await;
    shop.send(&tracks(23)).await;
    assert_eq!(shop.paths(), ["/api/events"; 23]);
    shop.stand_in.state().requests.clear();
    shop.send(&tracks(24)).await;
    assert_eq!(shop.paths(), [EVENT_JOBS]);
    assert_eq!(shop.stand_in.state().account.events.len(), 24);
}

#[tokio::test]
async fn a_thousand_identifies_are_one_call_and_to_two_lists_three() {
    let shop = Shop::open(&[PATIENT]).await;
    let people = |list: fn(usize) -> &'static str| -> Value {
        let one = |n| {
            let mut message = of(format!("p{n}@klaviyo-demo.com"), json!({"n": n}));
            message["integrations"] = json!({"Klaviyo": {"listId": list(n)}});
            message
        };
        (0..1_000).map(one).collect()
    };
    let nobody = |_| "";
    assert_eq!(shop.send(&people(nobody)).await.body.delivered, 1_000);
    assert_eq!(shop.paths(), [IMPORT_JOBS]);
    shop.stand_in.state().requests.clear();
    assert_eq!(
        shop.send(&people(|n| if n % 2 == 0 { "LISTA1" } else { "LISTB2" }))
            .await
            .body
            .delivered,
        1_000
    );
    assert_eq!(shop.paths(), [IMPORT_JOBS, SUBSCRIBE, SUBSCRIBE]);
    let held = shop.stand_in.state();
    assert_eq!(
        (held.account.consents.len(), held.account.profiles.len()),
        (1_000, 1_000)
    );
    let right = |list: &str, n: usize| {
        list == if n.is_multiple_of(2) {
            "LISTA1"
        } else {
            "LISTB2"
        }
    };
    let number = |email: &str| {
        email
            .strip_prefix('p')
            .unwrap()
            .split('@')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(
        held.account
            .consents
            .iter()
            .all(|it| right(&it.list_id, number(it.email.as_ref().unwrap())))
    );
}

#[tokio::test]
async fn two_hundred_orders_of_five_are_two_calls() {
    let shop = Shop::open(&[PATIENT]).await;
    let batch: Value = (0..200).map(|n| order(&format!("R{n}"), 5)).collect();
    assert_eq!(shop.send(&batch).await.body.delivered, 200);
    assert_eq!(shop.paths(), [EVENT_JOBS; 2]);
    assert_eq!(shop.stand_in.state().account.events.len(), 1_200);
}

#[tokio::test]
async fn no_request_is_over_five_megabytes() {
    let shop = Shop::open(&[PATIENT]).await;
    let batch: Value = (0..110)
        .map(|n| track(&format!("m{n}"), &json!({"text": "x".repeat(50_000)})))
        .collect();
    assert_eq!(shop.send(&batch).await.body.delivered, 110);
    let held = shop.stand_in.state();
    let sizes: Vec<_> = held
        .requests
        .iter()
        .map(|call| call.body.to_string().len())
        .collect();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().all(|size| *size <= 5_000_000), "{sizes:?}");
    assert_eq!(held.account.events.len(), 110);
}

#[tokio::test]
async fn identifies_of_one_person_are_one_profile_and_the_later_value_wins() {
    let shop = Shop::open(&[PATIENT, ("LIST_ID", "Y6nRLr")]).await;
    let batch: Value = (0..20)
        .map(|n| {
            of(
                "sarah@klaviyo-demo.com".into(),
                json!({"n": n, (format!("only{n}")): true, "address": {"city": n.to_string()}}),
            )
        })
        .collect();
    assert_eq!(shop.send(&batch).await.body.delivered, 20);
    assert_eq!(shop.paths(), ["/api/profile-import", SUBSCRIBE]);
    let held = shop.stand_in.state();
    let profile = &held.account.profiles[0];
    assert_eq!(
        (held.account.profiles.len(), &profile["location"]["city"]),
        (1, &json!("19"))
    );
    assert_eq!(
        (
            &profile["properties"]["n"],
            profile["properties"].as_object().unwrap().len()
        ),
        (&json!(19), 21)
    );
    assert_eq!(
        held.account.consents.len(),
        1,
        "asked for confirmation once"
    );
}

#[tokio::test]
async fn one_person_known_by_address_and_by_id_is_one_profile() {
    let shop = Shop::open(&[PATIENT, ("ENFORCE_EMAIL", "false")]).await;
    let first = of(
        "sarah@klaviyo-demo.com".into(),
        json!({"plan": "gold", "since": 2020}),
    );
    let later = identify(&json!({"plan": "silver"}), &json!({}));
    assert_eq!(shop.send(&json!([first, later])).await.body.delivered, 2);
    let held = shop.stand_in.state();
    assert_eq!((held.requests.len(), held.account.profiles.len()), (1, 1));
    assert_eq!(
        held.account.profiles[0]["properties"],
        json!({"plan": "silver", "since": 2020})
    );
    assert_eq!(held.account.profiles[0]["external_id"], "usr_1");
}

#[tokio::test]
async fn changes_to_properties_are_not_merged_and_keep_their_order() {
    let shop = Shop::open(&[PATIENT]).await;
    let sarah = json!({"email": "sarah@klaviyo-demo.com"});
    let append = |sku: &str| {
        identify(
            &sarah,
            &json!({"Klaviyo": {"fieldsToAppend": {"skus": sku}}}),
        )
    };
    assert_eq!(
        shop.send(&json!([append("A"), append("B"), append("C")]))
            .await
            .body
            .delivered,
        3
    );
    let held = shop.stand_in.state();
    let appended: Vec<_> = held
        .requests
        .iter()
        .map(|call| &call.body["data"]["meta"]["patch_properties"]["append"]["skus"])
        .collect();
    assert_eq!(appended, [&json!("A"), &json!("B"), &json!("C")]);
}

#[tokio::test]
async fn sixty_messages_of_which_two_differ_are_two_events() {
    for (count, calls) in [(60, 2), (2, 2)] {
        let shop = Shop::open(&[PATIENT]).await;
        let batch: Value = (0..count)
            .map(|n| track(&format!("m{}", n % 2), &json!({"n": n % 2})))
            .collect();
        assert_eq!(shop.send(&batch).await.body.delivered, count);
        assert_eq!(
            (
                shop.paths().len(),
                shop.stand_in.state().account.events.len()
            ),
            (calls, 2)
        );
    }
}

#[tokio::test]
async fn of_several_wishes_about_one_list_the_last_counts() {
    let shop = Shop::open(&[PATIENT, ("GROUP_LISTS", "true"), ("AUDIENCE_LISTS", "true")]).await;
    let group = |subscribe: bool| json!({"type": "group", "groupId": "Y6nRLr", "userId": "s@klaviyo-demo.com", "traits": {"subscribe": subscribe}});
    let audience = |event: &str| {
        json!({"type": "track", "event": event, "userId": "s@klaviyo-demo.com", "messageId": event,
            "context": {"personas": {"external_audience_id": "AUD1"}}})
    };
    let batch = json!([
        group(true),
        group(false),
        audience("Audience Exited"),
        audience("Audience Entered")
    ]);
    assert_eq!(shop.send(&batch).await.body.delivered, 4);
    let held = shop.stand_in.state();
    assert_eq!(
        held.account
            .consents
            .iter()
            .map(|it| it.subscribed)
            .collect::<Vec<_>>(),
        [false]
    );
    assert_eq!(held.account.lists["AUD1"].len(), 1);
}

#[tokio::test]
async fn audiences_add_and_remove_without_any_consent() {
    let shop = Shop::open(&[PATIENT, ("AUDIENCE_LISTS", "true")]).await;
    let audience = |event: &str, n: usize| {
        json!({"type": "track", "event": event, "userId": format!("p{n}@klaviyo-demo.com"), "messageId": n.to_string(),
            "context": {"personas": {"external_audience_id": "AUD1"}}})
    };
    let entered: Value = (0..50).map(|n| audience("Audience Entered", n)).collect();
    assert_eq!(shop.send(&entered).await.body.delivered, 50);
    let exited: Value = (40..60).map(|n| audience("Audience Exited", n)).collect();
    assert_eq!(
        shop.send(&exited).await.body.delivered,
        20,
        "who is not in Klaviyo is on no list"
    );
    let held = shop.stand_in.state();
    assert_eq!(
        (
            held.requests.len(),
            held.account.lists["AUD1"].len(),
            held.account.consents.len()
        ),
        (3, 40, 0)
    );
}

#[tokio::test]
async fn deletions_find_the_profile_or_say_that_a_person_has_to_look() {
    let shop = Shop::open(&[
        PATIENT,
        ("HONOR_DELETIONS", "true"),
        ("ENFORCE_EMAIL", "false"),
    ])
    .await;
    shop.send(&of("sarah@klaviyo-demo.com".into(), json!({})))
        .await;
    let delete = |user_id: &str| json!({"type": "delete", "userId": user_id});
    let answer = shop
        .send(&json!([
            delete("usr_1"),
            delete("li@klaviyo-demo.com"),
            delete("usr_9")
        ]))
        .await;
    assert_eq!((answer.status, answer.body.delivered), (200, 2));
    assert_eq!(
        (answer.body.results[0].index, answer.body.results[0].reason),
        (2, "deletion_unresolved")
    );
    let mut deleted = shop.stand_in.state().account.deletions.clone();
    deleted.sort_unstable();
    let expected = [("email", "li@klaviyo-demo.com"), ("id", "0")];
    assert_eq!(
        deleted,
        expected.map(|(field, value)| (field.to_owned(), value.to_owned()))
    );
}

/// A refusal that names places in a job.
fn refusal(path: &'static str, pointers: &[&str], times: usize) -> Fault {
    let errors: Vec<_> = pointers
        .iter()
        .map(|pointer| json!({"code": "invalid", "source": {"pointer": pointer}}))
        .collect();
    let symptom = Symptom::Answer {
        status: 400,
        retry_after: None,
        body: json!({"errors": errors}),
    };
    Fault {
        symptom,
        ..Fault::status(path, 400, times)
    }
}

#[tokio::test]
async fn a_job_refused_for_some_loses_only_those() {
    let shop = Shop::open(&[PATIENT]).await;
    let place =
        |n: usize, rest: &str| format!("/data/attributes/events-bulk-create/data/{n}{rest}");
    let pointers = [
        place(7, "/attributes/profile/data/attributes/email"),
        place(99, "/attributes/events/data/0/attributes/time"),
        place(299, "/attributes/events/data/0"),
    ];
    let pointers: Vec<_> = pointers.iter().map(String::as_str).collect();
    shop.stand_in
        .state()
        .faults
        .push(refusal(EVENT_JOBS, &pointers, 1));
    let answer = shop.send(&(0..300).map(track_of).collect()).await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.rejected),
        (200, 297, 3)
    );
    let refused: Vec<_> = answer
        .body
        .results
        .iter()
        .map(|item| (item.index, item.reason))
        .collect();
    assert_eq!(
        refused,
        [
            (7, "refused_by_klaviyo"),
            (99, "refused_by_klaviyo"),
            (299, "refused_by_klaviyo")
        ]
    );
    assert_eq!(shop.paths(), [EVENT_JOBS; 2]);
    assert_eq!(shop.stand_in.state().account.events.len(), 297);
}

#[tokio::test]
async fn one_event_of_a_profile_is_named_among_its_others() {
    let shop = Shop::open(&[PATIENT]).await;
    let pointer = "/data/attributes/events-bulk-create/data/0/attributes/events/data/30/attributes/properties";
    shop.stand_in
        .state()
        .faults
        .push(refusal(EVENT_JOBS, &[pointer], 1));
    let answer = shop.send(&tracks(60)).await;
    assert_eq!(
        (answer.body.delivered, answer.body.results[0].index),
        (59, 30)
    );
}

#[tokio::test]
async fn a_refusal_that_names_nobody_costs_only_the_one_it_is_about() {
    let shop = Shop::open(&[PATIENT]).await;
    // Klaviyo refuses every job with this property, and says only «the request».
    shop.stand_in.state().refuse_bodies_with = Some("poison".to_owned());
    let mut batch = tracks(100);
    batch[42]["properties"]["poison"] = json!(true);
    let answer = shop.send(&batch).await;
    assert_eq!(
        (
            answer.status,
            answer.body.delivered,
            answer.body.results[0].index
        ),
        (200, 99, 42)
    );
    assert_eq!(shop.stand_in.state().account.events.len(), 99);
}

#[tokio::test]
async fn a_list_that_klaviyo_does_not_know_is_no_reason_to_try_one_by_one() {
    let shop = Shop::open(&[PATIENT, ("LIST_ID", "GONE00")]).await;
    shop.stand_in.state().faults.push(refusal(
        SUBSCRIBE,
        &["/data/relationships/list/data/id"],
        99,
    ));
    let batch: Value = (0..50)
        .map(|n| of(format!("p{n}@klaviyo-demo.com"), json!({})))
        .collect();
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.body.rejected), (400, 50));
    assert_eq!(shop.paths(), [IMPORT_JOBS, SUBSCRIBE]);
}

#[tokio::test]
async fn a_refused_phone_costs_the_sms_consent_and_not_the_email_one() {
    let shop = Shop::open(&[
        PATIENT,
        ("LIST_ID", "Y6nRLr"),
        ("CONSENT_CHANNELS", "email,sms"),
    ])
    .await;
    let pointer = "/data/attributes/profiles/data/0/attributes/phone_number";
    shop.stand_in
        .state()
        .faults
        .push(refusal(SUBSCRIBE, &[pointer], 1));
    let answer = shop
        .send(&of(
            "s@klaviyo-demo.com".into(),
            json!({"phone": "+15005550006"}),
        ))
        .await;
    assert_eq!((answer.status, answer.body.delivered), (200, 1));
    let held = shop.stand_in.state();
    assert_eq!(
        (
            held.account.consents.len(),
            held.account.consents[0].email.as_deref()
        ),
        (1, Some("s@klaviyo-demo.com"))
    );
}

#[tokio::test]
async fn profiles_go_before_events_and_consents_last() {
    let shop = Shop::open(&[PATIENT, ("LIST_ID", "Y6nRLr")]).await;
    let slow = Fault {
        delay: Duration::from_millis(50),
        applied: true,
        ..Fault::status(IMPORT_JOBS, 202, 1)
    };
    shop.stand_in.state().faults.push(slow);
    let mut batch: Vec<Value> = tracks(30).as_array().unwrap().clone();
    batch.extend((0..30).map(|n| of(format!("p{n}@klaviyo-demo.com"), json!({}))));
    assert_eq!(shop.send(&batch.into()).await.body.delivered, 60);
    assert_eq!(shop.paths(), [IMPORT_JOBS, EVENT_JOBS, SUBSCRIBE]);
}

#[tokio::test]
async fn a_throttled_job_is_sent_again_as_a_whole() {
    let shop = Shop::open(&[PATIENT]).await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status(EVENT_JOBS, 429, 2));
    assert_eq!(shop.send(&tracks(100)).await.body.delivered, 100);
    assert_eq!(
        (
            shop.paths().len(),
            shop.stand_in.state().account.events.len()
        ),
        (3, 100)
    );
}

#[tokio::test]
async fn what_is_not_done_in_time_is_handed_back_and_the_rest_is_not() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "2000")]).await;
    let after = Symptom::Answer {
        status: 429,
        retry_after: Some(600),
        body: Value::Null,
    };
    shop.stand_in.state().faults.push(Fault {
        symptom: after,
        ..Fault::status(EVENT_JOBS, 429, 1)
    });
    let mut batch = tracks(30);
    batch
        .as_array_mut()
        .unwrap()
        .push(of("s@klaviyo-demo.com".into(), json!({})));
    let answer = shop.send(&batch).await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.retry),
        (429, 1, 30)
    );
    assert_eq!(answer.retry_after, Some(600));
}

#[tokio::test]
async fn five_thousand_brackets_cost_only_their_own_message() {
    let shop = Shop::open(&[PATIENT]).await;
    let brackets = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let good = track("m1", &json!({}));
    let deep = r#"{"type": "track", "event": "Deep", "messageId": "m2", "userId": "s@klaviyo-demo.com", "properties": {"a": BRACKETS}}"#;
    let body = format!(
        "[{good}, {}, {brackets}, {}]",
        deep.replace("BRACKETS", &brackets),
        track("m3", &json!({}))
    );
    let answer = shop.send_raw(&body).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 2));
    let reasons: Vec<_> = answer
        .body
        .results
        .iter()
        .map(|item| (item.index, item.reason))
        .collect();
    assert_eq!(reasons, [(1, "nested_too_deeply"), (2, "not_a_message")]);
    assert_eq!(shop.send_raw(&brackets).await.status, 400);
}

/// A group message about one list: whether to subscribe, and the person's phone if SMS is meant too.
fn wish(subscribe: bool, phone: Option<&str>) -> Value {
    json!({"type": "group", "groupId": "Y6nRLr", "userId": "s@klaviyo-demo.com", "timestamp": "2026-11-20T10:00:00Z",
        "traits": {"subscribe": subscribe, "phone": phone}})
}

#[tokio::test]
async fn the_last_wish_counts_for_each_channel_by_itself() {
    const PHONE: Option<&str> = Some("+15005550006");
    for (wishes, email, sms) in [
        (
            [wish(false, PHONE), wish(false, None)],
            Some(false),
            Some(false),
        ),
        (
            [wish(false, PHONE), wish(true, None)],
            Some(true),
            Some(false),
        ),
        (
            [wish(true, PHONE), wish(false, None)],
            Some(false),
            Some(true),
        ),
        (
            [wish(true, None), wish(false, PHONE)],
            Some(false),
            Some(false),
        ),
        (
            [wish(true, None), wish(true, PHONE)],
            Some(true),
            Some(true),
        ),
    ] {
        let shop = Shop::open(&[
            PATIENT,
            ("GROUP_LISTS", "true"),
            ("CONSENT_CHANNELS", "email,sms"),
        ])
        .await;
        assert_eq!(shop.send(&wishes.clone().into()).await.body.delivered, 2);
        let held = shop.stand_in.state();
        let last = |is_sms: bool| {
            held.account
                .consents
                .iter()
                .rfind(|it| it.phone_number.is_some() == is_sms)
                .map(|it| it.subscribed)
        };
        assert_eq!((last(false), last(true)), (email, sms), "{wishes:?}");
    }
}

#[tokio::test]
async fn somebody_who_asks_to_be_forgotten_is_not_written_to() {
    let shop = Shop::open(&[PATIENT, ("HONOR_DELETIONS", "true"), ("LIST_ID", "Y6nRLr")]).await;
    let email = "s@klaviyo-demo.com";
    let mut track = track("m1", &json!({}));
    track["context"]["traits"]["email"] = json!(email);
    let batch = json!([of(email.into(), json!({})), {"type": "delete", "userId": email}, track]);
    assert_eq!(shop.send(&batch).await.body.delivered, 3);
    assert_eq!(
        shop.paths().last().map(String::as_str),
        Some("/api/data-privacy-deletion-jobs")
    );
    assert_eq!(shop.stand_in.state().account.consents.len(), 0);
}

#[tokio::test]
async fn an_address_used_as_an_id_is_not_taken_for_the_address() {
    let shop = Shop::open(&[PATIENT, ("ENFORCE_EMAIL", "false")]).await;
    let of = |email: Option<&str>| json!({"type": "identify", "userId": "old@klaviyo-demo.com", "traits": {"email": email}});
    assert_eq!(
        shop.send(&json!([of(Some("new@klaviyo-demo.com")), of(None)]))
            .await
            .body
            .delivered,
        2
    );
    let held = shop.stand_in.state();
    let mut emails: Vec<_> = held
        .account
        .profiles
        .iter()
        .map(|profile| profile["email"].as_str().unwrap())
        .collect();
    emails.sort_unstable();
    assert_eq!(emails, ["new@klaviyo-demo.com", "old@klaviyo-demo.com"]);
}

#[tokio::test]
async fn one_id_with_two_addresses_keeps_segment_s_order() {
    let shop = Shop::open(&[PATIENT, ("ENFORCE_EMAIL", "false")]).await;
    let batch: Value = ["a", "b", "c"]
        .iter()
        .map(|name| of(format!("{name}@klaviyo-demo.com"), json!({"name": name})))
        .collect();
    assert_eq!(shop.send(&batch).await.body.delivered, 3);
    let held = shop.stand_in.state();
    assert_eq!(
        (
            held.account.profiles.len(),
            &held.account.profiles[0]["email"]
        ),
        (1, &json!("c@klaviyo-demo.com"))
    );
}

#[tokio::test]
async fn what_is_too_large_together_goes_apart() {
    let shop = Shop::open(&[PATIENT]).await;
    let part = |name: &str| {
        of(
            "s@klaviyo-demo.com".into(),
            json!({ name: "x".repeat(60_000) }),
        )
    };
    assert_eq!(
        shop.send(&json!([part("one"), part("two")]))
            .await
            .body
            .delivered,
        2
    );
    let held = shop.stand_in.state();
    assert_eq!(
        (
            held.requests.len(),
            held.account.profiles[0]["properties"]
                .as_object()
                .unwrap()
                .len()
        ),
        (2, 2)
    );
}

#[tokio::test]
async fn a_job_refused_as_a_whole_is_halved_until_the_one_is_found() {
    let shop = Shop::open(&[PATIENT]).await;
    let whole = "/data/attributes/events-bulk-create/data";
    shop.stand_in
        .state()
        .faults
        .push(refusal(EVENT_JOBS, &[whole], 1));
    assert_eq!(shop.send(&tracks(100)).await.body.delivered, 100);
    assert_eq!(shop.paths(), [EVENT_JOBS; 3]);
}

#[tokio::test]
async fn one_subscription_job_that_is_throttled_holds_back_the_next() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "2000")]).await;
    let to = |n: usize, list: &str| {
        let mut message = of(format!("p{n}@klaviyo-demo.com"), json!({}));
        message["integrations"] = json!({"Klaviyo": {"listId": list}});
        message
    };
    let symptom = Symptom::Answer {
        status: 429,
        retry_after: Some(120),
        body: Value::Null,
    };
    shop.stand_in.state().faults.push(Fault {
        symptom,
        ..Fault::status(SUBSCRIBE, 429, 1)
    });
    let batch = json!([to(1, "LISTA1"), to(2, "LISTB2")]);
    let answer = shop.send(&batch).await;
    assert_eq!(
        (
            answer.status,
            answer.retry,
            shop.stand_in.state().account.consents.len()
        ),
        (429, 2, 0)
    );
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(
        shop.stand_in.state().account.consents.len(),
        2,
        "each asked once"
    );
}

#[tokio::test]
async fn subscription_jobs_to_one_list_go_one_after_another_too() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "20000"), ("LIST_ID", "Y6nRLr")]).await;
    let symptom = Symptom::Answer {
        status: 429,
        retry_after: Some(120),
        body: Value::Null,
    };
    shop.stand_in.state().faults.push(Fault {
        symptom,
        ..Fault::status(SUBSCRIBE, 429, 1)
    });
    let batch: Value = (0..1_500)
        .map(|n| of(format!("p{n}@klaviyo-demo.com"), json!({})))
        .collect();
    let answer = shop.send(&batch).await;
    assert_eq!(
        (
            answer.status,
            answer.retry,
            shop.stand_in.state().account.consents.len()
        ),
        (429, 1_500, 0)
    );
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(
        shop.stand_in.state().account.consents.len(),
        1_500,
        "each asked once"
    );
}

#[tokio::test]
async fn sms_consent_names_the_person_by_address_too() {
    let shop = Shop::open(&[PATIENT, ("LIST_ID", "Y6nRLr"), ("CONSENT_CHANNELS", "sms")]).await;
    shop.send(&of(
        "s@klaviyo-demo.com".into(),
        json!({"phone": "+15005550006"}),
    ))
    .await;
    let held = shop.stand_in.state();
    let person = &held.requests[1].body["data"]["attributes"]["profiles"]["data"][0]["attributes"];
    assert_eq!(
        (&person["email"], &person["phone_number"]),
        (&json!("s@klaviyo-demo.com"), &json!("+15005550006"))
    );
    assert_eq!(
        person["subscriptions"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["sms"]
    );
}

#[tokio::test]
async fn a_large_order_does_not_grow_with_its_lines() {
    let shop = Shop::open(&[PATIENT]).await;
    let mut large = order("R1", 500);
    large["properties"]["copy"] = json!(vec!["x".repeat(1_000); 300]);
    assert_eq!(shop.send(&large).await.body.delivered, 1);
    let held = shop.stand_in.state();
    let bytes: usize = held
        .requests
        .iter()
        .map(|call| call.body.to_string().len())
        .sum();
    assert!(bytes < 6_000_000, "{bytes}");
    assert_eq!(held.account.events.len(), 501);
}

#[tokio::test]
async fn a_bad_identify_does_not_cost_the_same_person_s_others() {
    for strangers in [0, 20] {
        let shop = Shop::open(&[PATIENT]).await;
        shop.stand_in.state().refuse_bodies_with = Some("poison".to_owned());
        let sarah = |traits: Value| of("sarah@klaviyo-demo.com".into(), traits);
        let mut batch = vec![
            sarah(json!({"n": 1, "a": 1})),
            sarah(json!({"poison": true})),
            sarah(json!({"n": 3, "b": 1})),
        ];
        batch.extend((0..strangers).map(|n| of(format!("p{n}@klaviyo-demo.com"), json!({}))));
        let answer = shop.send(&batch.into()).await;
        assert_eq!(
            (answer.status, answer.body.delivered, answer.body.rejected),
            (200, strangers + 2, 1)
        );
        assert_eq!(answer.body.results[0].index, 1);
        let held = shop.stand_in.state();
        let sarah = held
            .account
            .profiles
            .iter()
            .find(|it| it["email"] == "sarah@klaviyo-demo.com")
            .unwrap();
        assert_eq!(sarah["properties"], json!({"n": 3, "a": 1, "b": 1}));
    }
}

#[tokio::test]
async fn a_bad_identify_behind_another_address_costs_only_itself_too() {
    let shop = Shop::open(&[PATIENT, ("ENFORCE_EMAIL", "false")]).await;
    shop.stand_in.state().refuse_bodies_with = Some("poison".to_owned());
    let to = |name: &str, traits: Value| of(format!("{name}@klaviyo-demo.com"), traits);
    let batch = json!([
        to("a", json!({})),
        to("b", json!({"n": 1})),
        to("b", json!({"poison": true})),
        to("b", json!({"n": 3}))
    ]);
    let answer = shop.send(&batch).await;
    assert_eq!(
        (answer.status, answer.body.delivered, answer.body.rejected),
        (200, 3, 1)
    );
    assert_eq!(
        shop.stand_in.state().account.profiles[0]["properties"],
        json!({"n": 3})
    );
}
