//! Messages of one delivery that are about one person or one event: they are merged where the order
//! does not matter, and keep Segment's order where it does.

use serde_json::{Value, json};

use crate::support::messages::{
    AUDIENCE_LIST, audience, group, group_with, identify, identify_with, track_with,
};
use crate::support::paths::{IMPORT, SUBSCRIBE};
use crate::support::people::{PHONE, SARAH};
use crate::support::settings::{PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

const OPEN: (&str, &str) = ("ENFORCE_EMAIL", "false");

#[tokio::test]
async fn identifies_of_one_person_are_one_profile_and_the_later_value_wins() {
    let shop = Shop::open(&[PATIENT, SUBSCRIBE_ALL]).await;
    let mut batch = Vec::new();
    for n in 0..20 {
        let city = json!({"city": n.to_string()});
        let traits = json!({"n": n, (format!("only{n}")): true, "address": city});
        batch.push(identify(SARAH, traits));
    }
    assert_eq!(shop.send_all(batch).await.body.delivered, 20);
    assert_eq!(shop.klaviyo().paths(), [IMPORT, SUBSCRIBE]);
    let profiles = shop.klaviyo().profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0]["location"]["city"], "19");
    let properties = profiles[0]["properties"].as_object().unwrap();
    // Klaviyo Classic's name for the address is the last one.
    assert_eq!((&properties["n"], properties.len()), (&json!(19), 22));
    let consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 1, "asked for confirmation once");
}

#[tokio::test]
async fn one_person_known_by_email_and_by_id_is_one_profile() {
    let shop = Shop::open(&[PATIENT, OPEN]).await;
    let first = identify(SARAH, json!({"plan": "gold", "since": 2020}));
    let later = identify_with(json!({"plan": "silver"}), json!({}));
    assert_eq!(shop.send(&json!([first, later])).await.body.delivered, 2);
    assert_eq!(shop.klaviyo().requests().len(), 1);
    let profiles = shop.klaviyo().profiles();
    assert_eq!(profiles.len(), 1);
    let properties = &profiles[0]["properties"];
    assert_eq!(properties, &json!({"plan": "silver", "since": 2020}));
    assert_eq!(profiles[0]["external_id"], "usr_1");
}

#[tokio::test]
async fn changes_to_properties_are_not_merged_and_keep_their_order() {
    let shop = Shop::open(&[PATIENT]).await;
    let append = |sku: &str| {
        let changes = json!({"Klaviyo": {"fieldsToAppend": {"skus": sku}}});
        identify_with(json!({"email": SARAH}), changes)
    };
    let batch = json!([append("A"), append("B"), append("C")]);
    assert_eq!(shop.send(&batch).await.body.delivered, 3);
    let appended: Vec<_> = shop
        .klaviyo()
        .requests()
        .iter()
        .map(|request| request.body["data"]["meta"]["patch_properties"]["append"]["skus"].clone())
        .collect();
    assert_eq!(appended, ["A", "B", "C"]);
}

#[tokio::test]
async fn repeated_events_are_sent_once() {
    for count in [60, 2] {
        let shop = Shop::open(&[PATIENT]).await;
        let batch = (0..count)
            .map(|n| track_with(&format!("m{}", n % 2), json!({"n": n % 2})))
            .collect();
        assert_eq!(shop.send_all(batch).await.body.delivered, count);
        assert_eq!(shop.klaviyo().paths().len(), 2, "{count} messages");
        assert_eq!(shop.klaviyo().events().len(), 2, "{count} messages");
    }
}

#[tokio::test]
async fn an_email_used_as_an_id_is_not_taken_for_the_email() {
    let shop = Shop::open(&[PATIENT, OPEN]).await;
    let with_email = |email: Option<&str>| {
        let traits = json!({"email": email});
        json!({"type": "identify", "userId": "old@klaviyo-demo.com", "traits": traits})
    };
    let batch = json!([with_email(Some("new@klaviyo-demo.com")), with_email(None)]);
    assert_eq!(shop.send(&batch).await.body.delivered, 2);
    let profiles = shop.klaviyo().profiles();
    let mut emails: Vec<_> = profiles
        .iter()
        .map(|profile| profile["email"].as_str().unwrap())
        .collect();
    emails.sort_unstable();
    assert_eq!(emails, ["new@klaviyo-demo.com", "old@klaviyo-demo.com"]);
}

#[tokio::test]
async fn one_id_with_several_emails_keeps_segments_order() {
    let shop = Shop::open(&[PATIENT, OPEN]).await;
    let mut batch = Vec::new();
    for name in ["a", "b", "c"] {
        let email = format!("{name}@klaviyo-demo.com");
        batch.push(identify(&email, json!({"name": name})));
    }
    assert_eq!(shop.send_all(batch).await.body.delivered, 3);
    let profiles = shop.klaviyo().profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0]["email"], "c@klaviyo-demo.com");
}

#[tokio::test]
async fn profiles_that_are_too_large_together_are_not_merged() {
    let shop = Shop::open(&[PATIENT]).await;
    let half = |name: &str| identify(SARAH, json!({ name: "x".repeat(60_000) }));
    let answer = shop.send(&json!([half("one"), half("two")])).await;
    assert_eq!(answer.body.delivered, 2);
    assert_eq!(shop.klaviyo().requests().len(), 2);
    let properties = &shop.klaviyo().profiles()[0]["properties"];
    assert_eq!(properties.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn the_last_wish_about_a_list_counts() {
    let settings = [PATIENT, ("GROUP_LISTS", "true"), ("AUDIENCE_LISTS", "true")];
    let shop = Shop::open(&settings).await;
    let batch = json!([
        group(SARAH, true),
        group(SARAH, false),
        audience("Audience Exited", SARAH),
        audience("Audience Entered", SARAH),
    ]);
    assert_eq!(shop.send(&batch).await.body.delivered, 4);
    let consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 1);
    assert!(!consents[0].subscribed);
    assert_eq!(shop.klaviyo().list_size(AUDIENCE_LIST), 1);
}

/// Returns a wish about the list by email, and by SMS where there is a phone.
fn wish(subscribe: bool, phone: Option<&str>) -> Value {
    group_with(SARAH, json!({"subscribe": subscribe, "phone": phone}))
}

#[tokio::test]
async fn the_last_wish_counts_for_each_channel_separately() {
    const SMS: Option<&str> = Some(PHONE);
    for (wishes, email, sms) in [
        ([wish(false, SMS), wish(false, None)], false, Some(false)),
        ([wish(false, SMS), wish(true, None)], true, Some(false)),
        ([wish(true, SMS), wish(false, None)], false, Some(true)),
        ([wish(true, None), wish(false, SMS)], false, Some(false)),
        ([wish(true, None), wish(true, SMS)], true, Some(true)),
    ] {
        let settings = [
            PATIENT,
            ("GROUP_LISTS", "true"),
            ("CONSENT_CHANNELS", "email,sms"),
        ];
        let shop = Shop::open(&settings).await;
        let answer = shop.send_all(wishes.to_vec()).await;
        assert_eq!(answer.body.delivered, 2);
        let consents = shop.klaviyo().consents();
        let last = |is_sms: bool| {
            consents
                .iter()
                .rfind(|consent| consent.phone_number.is_some() == is_sms)
                .map(|consent| consent.subscribed)
        };
        assert_eq!((last(false), last(true)), (Some(email), sms), "{wishes:?}");
    }
}
