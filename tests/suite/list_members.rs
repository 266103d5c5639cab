//! People who are on a list already, or leave one: nobody is asked again, and leaving one list is not
//! leaving everything.

use segment_klaviyo_stand_in::Consent;
use serde_json::json;

use crate::support::messages::group;
use crate::support::paths::UNSUBSCRIBE;
use crate::support::people::{PHONE, SARAH};
use crate::support::settings::{BRIEF, LIST, PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

/// A list that no setting names.
const OTHER_LIST: &str = "T4bKwX";

#[tokio::test]
async fn an_unsubscription_without_an_answer_does_not_become_one_from_everything() {
    for has_queue in [false, true] {
        let settings = [BRIEF, ("GROUP_LISTS", "true")];
        let shop = if has_queue {
            Shop::open_with_queues(&settings).await
        } else {
            Shop::open(&settings).await
        };
        for list_id in [LIST, OTHER_LIST] {
            shop.klaviyo().put_on_list(list_id, SARAH);
        }
        shop.klaviyo().disconnect(UNSUBSCRIBE).but_apply().always();
        let message = group(SARAH, false);
        shop.send(&message).await;
        shop.klaviyo().recover();
        assert_eq!(shop.redeliver().await, 0);
        assert_eq!(shop.send(&message).await.status, 200);
        assert_eq!(shop.klaviyo().members(LIST), [""; 0]);
        assert_eq!(shop.klaviyo().members(OTHER_LIST), [SARAH]);
        let consent = shop.klaviyo().email_consent(SARAH);
        assert_eq!(consent, Consent::Subscribed, "she left one list");
        let consents = shop.klaviyo().consents();
        assert!(consents.iter().all(|consent| !consent.everywhere));
    }
}

#[tokio::test]
async fn a_number_that_is_subscribed_is_added_to_the_list() {
    let settings = [
        PATIENT,
        SUBSCRIBE_ALL,
        ("CONSENT_CHANNELS", "sms"),
        ("ENFORCE_EMAIL", "false"),
    ];
    let shop = Shop::open(&settings).await;
    shop.klaviyo().put_number_on_list(OTHER_LIST, PHONE);
    let message = json!({
        "type": "identify", "messageId": "m1", "timestamp": "2026-11-20T10:00:00Z",
        "anonymousId": "a1", "traits": {"phone": PHONE},
    });
    assert_eq!(shop.send(&message).await.status, 200);
    assert_eq!(shop.klaviyo().list_size(LIST), 1);
    assert_eq!(shop.klaviyo().consents().len(), 0, "nobody is asked again");
}
