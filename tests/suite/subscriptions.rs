//! Subscriptions: each person is asked for confirmation once, and nobody against a later wish.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::answers::counts;
use crate::support::messages::{
    AUDIENCE_LIST, audience, delete, identify, nameless, sarah, to_list, track,
};
use crate::support::paths::{DELETE, EVENTS, IMPORT, SUBSCRIBE};
use crate::support::people::{LI, PHONE, SARAH, person};
use crate::support::settings::{BRIEF, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

#[tokio::test]
async fn a_throttled_subscription_holds_back_those_to_other_lists() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "2000")]).await;
    shop.klaviyo().throttle(SUBSCRIBE).once();
    let batch = json!([
        to_list("LISTA1", identify(SARAH, json!({}))),
        to_list("LISTB2", identify(LI, json!({}))),
    ]);
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.retry), (429, 2));
    assert_eq!(shop.klaviyo().consents().len(), 0);
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(shop.klaviyo().consents().len(), 2, "each asked once");
}

#[tokio::test]
async fn a_throttled_subscription_holds_back_those_to_the_same_list() {
    let shop = Shop::open(&[("DELIVERY_BUDGET_MS", "20000"), SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(SUBSCRIBE).once();
    let batch: Value = (0..1_500)
        .map(|n| identify(&person(n), json!({})))
        .collect();
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.retry), (429, 1_500));
    assert_eq!(shop.klaviyo().consents().len(), 0);
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(shop.klaviyo().consents().len(), 1_500, "each asked once");
}

#[tokio::test]
async fn nobody_is_subscribed_while_a_dead_letter_could_make_segment_resend() {
    let shop = Shop::open_with_queues(&[SUBSCRIBE_ALL]).await;
    let batch = json!([nameless(), sarah()]);
    shop.break_queues();
    assert_eq!(shop.send(&batch).await.status, 503);
    assert_eq!(shop.klaviyo().consents().len(), 0);
    shop.repair_queues();
    assert_eq!(shop.send(&batch).await.status, 200);
    assert_eq!(shop.klaviyo().consents().len(), 1, "asked once");
    assert_eq!(shop.dead_letters().len(), 1);
}

#[tokio::test]
async fn in_the_queue_a_subscription_waits_for_its_own_profile_only() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle_path_after(IMPORT, 1);
    let answer = shop.send(&json!([sarah(), identify(LI, json!({}))])).await;
    assert_eq!((answer.status, counts(&answer)), (200, [1, 0, 0]));
    assert_eq!(answer.body.queued, 1);
    assert_eq!(
        shop.klaviyo().consents().len(),
        1,
        "the other person's goes immediately"
    );
    shop.klaviyo().recover();
    assert_eq!(shop.redeliver().await, 0);
    let consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 2);
    let emails: BTreeSet<_> = consents
        .into_iter()
        .filter_map(|consent| consent.email)
        .collect();
    assert_eq!(emails.len(), 2, "each asked once");
}

#[tokio::test]
async fn a_queued_subscription_is_sent_without_its_profile() {
    let shop = Shop::open_with_queues(&[BRIEF, SUBSCRIBE_ALL]).await;
    shop.klaviyo().throttle(SUBSCRIBE).once();
    assert_eq!(shop.send(&sarah()).await.body.queued, 1);
    assert_eq!(shop.retry_queue()[0]["done"], json!(["profile"]));
    shop.klaviyo().forget_requests();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(
        shop.klaviyo().paths(),
        [SUBSCRIBE],
        "the profile is not imported again"
    );
    assert_eq!(shop.klaviyo().consents().len(), 1);
}

#[tokio::test]
async fn a_subscription_without_an_answer_waits_for_half_an_hour() {
    let shop = Shop::open_with_queues(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().disconnect(SUBSCRIBE).but_apply().once();
    let answer = shop.send(&sarah()).await;
    assert_eq!((answer.status, answer.body.queued), (200, 1));
    assert_eq!(answer.body.results[0].reason, "subscription_unanswered");
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue().len(), 1, "it waits");
    assert_eq!(shop.klaviyo().consents().len(), 1);
    shop.let_half_an_hour_pass();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(
        shop.klaviyo().consents().len(),
        2,
        "better asked twice than never"
    );
    assert_eq!(shop.retry_queue().len(), 0);
}

#[tokio::test]
async fn two_subscriptions_without_an_answer_are_a_dead_letter() {
    let shop = Shop::open_with_queues(&[SUBSCRIBE_ALL]).await;
    shop.klaviyo().disconnect(SUBSCRIBE).but_apply().times(2);
    shop.send(&sarah()).await;
    for _ in 0..5 {
        shop.let_half_an_hour_pass();
        shop.redeliver().await;
    }
    assert_eq!(shop.klaviyo().consents().len(), 2, "asked twice at most");
    let dead_letters = shop.dead_letters();
    assert_eq!(dead_letters[0]["reason"], "subscription_unanswered");
    shop.redrive_dead_letters().await;
    assert_eq!(
        shop.klaviyo().consents().len(),
        3,
        "whoever redrives it wants another attempt"
    );
}

#[tokio::test]
async fn a_person_who_asks_to_be_forgotten_is_not_subscribed() {
    let shop = Shop::open(&[PATIENT, ("HONOR_DELETIONS", "true"), SUBSCRIBE_ALL]).await;
    let batch = json!([sarah(), delete(SARAH), track("m1")]);
    assert_eq!(shop.send(&batch).await.body.delivered, 3);
    let paths = shop.klaviyo().paths();
    assert_eq!(paths.last().map(String::as_str), Some(DELETE));
    assert_eq!(shop.klaviyo().consents().len(), 0);
}

#[tokio::test]
async fn a_person_under_two_names_is_forgotten_under_both() {
    let settings = [PATIENT, ("HONOR_DELETIONS", "true"), SUBSCRIBE_ALL];
    for enforces_email in ["true", "false"] {
        let shop =
            Shop::open(&[&settings[..], &[("ENFORCE_EMAIL", enforces_email)]].concat()).await;
        shop.send_all(vec![sarah(), delete("usr_1")]).await;
        assert_eq!(shop.klaviyo().consents().len(), 0, "{enforces_email}");
    }
}

#[tokio::test]
async fn an_id_that_strangers_share_makes_nothing_a_repeat() {
    let settings = [PATIENT, ("ENFORCE_EMAIL", "false")];
    let shop = Shop::open(&settings).await;
    let order = |email: &str| {
        json!({
            "type": "track",
            "event": "Order Completed",
            "userId": "guest",
            "properties": {"email": email, "order_id": "R1"},
        })
    };
    shop.send_all(vec![order(SARAH), order(LI)]).await;
    assert_eq!(shop.klaviyo().paths(), [EVENTS; 2]);
}

#[tokio::test]
async fn deletions_find_the_profile_or_are_rejected_for_an_operator() {
    let settings = [("HONOR_DELETIONS", "true"), ("ENFORCE_EMAIL", "false")];
    let shop = Shop::open(&[&[PATIENT], settings.as_slice()].concat()).await;
    shop.send(&sarah()).await;
    let batch = json!([delete("usr_1"), delete(LI), delete("usr_9")]);
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 2));
    let unresolved = &answer.body.results[0];
    assert_eq!(
        (unresolved.index, unresolved.reason),
        (2, "deletion_unresolved")
    );
    let expected = [("email", LI), ("id", "0")];
    assert_eq!(
        shop.klaviyo().deletions(),
        expected.map(|(field, value)| (field.to_owned(), value.to_owned()))
    );
}

#[tokio::test]
async fn sms_consent_names_the_person_by_email_too() {
    let shop = Shop::open(&[PATIENT, SUBSCRIBE_ALL, ("CONSENT_CHANNELS", "sms")]).await;
    shop.send(&identify(SARAH, json!({"phone": PHONE}))).await;
    let requests = shop.klaviyo().requests();
    let body = &requests.last().unwrap().body;
    let person = &body["data"]["attributes"]["profiles"]["data"][0]["attributes"];
    assert_eq!(person["email"], SARAH);
    assert_eq!(person["phone_number"], PHONE);
    let channels = person["subscriptions"].as_object().unwrap();
    assert_eq!(channels.keys().collect::<Vec<_>>(), ["sms"]);
}

#[tokio::test]
async fn audiences_add_and_remove_without_any_consent() {
    let shop = Shop::open(&[PATIENT, ("AUDIENCE_LISTS", "true")]).await;
    let of = |event, numbers: std::ops::Range<usize>| -> Value {
        numbers.map(|n| audience(event, &person(n))).collect()
    };
    let answer = shop.send(&of("Audience Entered", 0..50)).await;
    assert_eq!(answer.body.delivered, 50);
    let answer = shop.send(&of("Audience Exited", 40..60)).await;
    assert_eq!(
        answer.body.delivered, 20,
        "a profile that Klaviyo does not know is on no list"
    );
    assert_eq!(shop.klaviyo().requests().len(), 3);
    assert_eq!(shop.klaviyo().list_size(AUDIENCE_LIST), 40);
    assert_eq!(shop.klaviyo().consents().len(), 0);
}
