//! A message that Klaviyo refuses costs only itself, however many go with it in one request.

use serde_json::json;

use crate::support::answers::{counts, reasons};
use crate::support::messages::{identify, tracks};
use crate::support::paths::{EVENT_JOBS, IMPORT_JOBS, SUBSCRIBE};
use crate::support::people::{PHONE, SARAH, person};
use crate::support::settings::{PATIENT, SUBSCRIBE_ALL};
use crate::support::shop::Shop;

#[tokio::test]
async fn a_job_refused_for_some_items_loses_only_those() {
    let shop = Shop::open(&[PATIENT]).await;
    let items = "/data/attributes/events-bulk-create/data";
    let pointers = [
        format!("{items}/7/attributes/profile/data/attributes/email"),
        format!("{items}/99/attributes/events/data/0/attributes/unique_id"),
        format!("{items}/299/attributes/events/data/0"),
    ];
    let pointers = pointers.each_ref().map(String::as_str);
    shop.klaviyo().refuse(EVENT_JOBS, &pointers).once();

    let mut batch = tracks(300);
    for (n, message) in batch.iter_mut().enumerate() {
        message["context"]["traits"]["email"] = json!(person(n));
    }
    let answer = shop.send_all(batch).await;
    assert_eq!((answer.status, counts(&answer)), (200, [297, 0, 3]));
    let refused = [7, 99, 299].map(|index| (index, "refused_by_klaviyo"));
    assert_eq!(reasons(&answer), refused);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS; 2]);
    assert_eq!(shop.klaviyo().events().len(), 297);
}

#[tokio::test]
async fn one_event_of_a_profile_is_refused_without_its_others() {
    let shop = Shop::open(&[PATIENT]).await;
    let of_profile = "/data/attributes/events-bulk-create/data/0";
    let pointer = format!("{of_profile}/attributes/events/data/30/attributes/properties");
    shop.klaviyo().refuse(EVENT_JOBS, &[&pointer]).once();
    let answer = shop.send_all(tracks(60)).await;
    assert_eq!(answer.body.delivered, 59);
    assert_eq!(answer.body.results[0].index, 30);
}

#[tokio::test]
async fn a_refusal_that_names_nothing_costs_only_the_message_it_concerns() {
    let shop = Shop::open(&[PATIENT]).await;
    shop.klaviyo().refuse_bodies_with("poison");
    let mut batch = tracks(100);
    batch[42]["properties"]["poison"] = json!(true);
    let answer = shop.send_all(batch).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 99));
    assert_eq!(answer.body.results[0].index, 42);
    assert_eq!(shop.klaviyo().events().len(), 99);
}

#[tokio::test]
async fn a_job_refused_as_a_whole_is_halved() {
    let shop = Shop::open(&[PATIENT]).await;
    let whole = "/data/attributes/events-bulk-create/data";
    shop.klaviyo().refuse(EVENT_JOBS, &[whole]).once();
    assert_eq!(shop.send_all(tracks(100)).await.body.delivered, 100);
    assert_eq!(shop.klaviyo().paths(), [EVENT_JOBS; 3]);
}

#[tokio::test]
async fn an_unknown_list_is_refused_for_all_and_not_halved() {
    let shop = Shop::open(&[PATIENT, ("LIST_ID", "GONE00")]).await;
    let list = "/data/relationships/list/data/id";
    shop.klaviyo().refuse(SUBSCRIBE, &[list]).always();
    let batch = (0..50).map(|n| identify(&person(n), json!({}))).collect();
    let answer = shop.send_all(batch).await;
    assert_eq!((answer.status, answer.body.rejected), (400, 50));
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS, SUBSCRIBE]);
}

#[tokio::test]
async fn a_refused_phone_costs_the_sms_consent_and_not_the_email_consent() {
    let channels = ("CONSENT_CHANNELS", "email,sms");
    let shop = Shop::open(&[PATIENT, SUBSCRIBE_ALL, channels]).await;
    let pointer = "/data/attributes/profiles/data/0/attributes/phone_number";
    shop.klaviyo().refuse(SUBSCRIBE, &[pointer]).once();
    let answer = shop.send(&identify(SARAH, json!({"phone": PHONE}))).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 1));
    let consents = shop.klaviyo().consents();
    assert_eq!(consents.len(), 1);
    assert_eq!(consents[0].email.as_deref(), Some(SARAH));
}

#[tokio::test]
async fn a_refused_identify_does_not_cost_the_others_of_the_same_person() {
    for others in [0, 20] {
        let shop = Shop::open(&[PATIENT]).await;
        shop.klaviyo().refuse_bodies_with("poison");
        let mut batch = vec![
            identify(SARAH, json!({"n": 1, "a": 1})),
            identify(SARAH, json!({"poison": true})),
            identify(SARAH, json!({"n": 3, "b": 1})),
        ];
        batch.extend((0..others).map(|n| identify(&person(n), json!({}))));
        let answer = shop.send_all(batch).await;
        assert_eq!((answer.status, counts(&answer)), (200, [others + 2, 0, 1]));
        assert_eq!(answer.body.results[0].index, 1);
        let properties = &shop.klaviyo().profile(SARAH)["properties"];
        assert_eq!(properties, &json!({"n": 3, "a": 1, "b": 1}));
    }
}

#[tokio::test]
async fn a_refused_identify_behind_another_email_costs_only_itself() {
    let shop = Shop::open(&[PATIENT, ("ENFORCE_EMAIL", "false")]).await;
    shop.klaviyo().refuse_bodies_with("poison");
    let batch = json!([
        identify("a@klaviyo-demo.com", json!({})),
        identify("b@klaviyo-demo.com", json!({"n": 1})),
        identify("b@klaviyo-demo.com", json!({"poison": true})),
        identify("b@klaviyo-demo.com", json!({"n": 3})),
    ]);
    let answer = shop.send(&batch).await;
    assert_eq!((answer.status, counts(&answer)), (200, [3, 0, 1]));
    let properties = &shop.klaviyo().profiles()[0]["properties"];
    assert_eq!(properties, &json!({"n": 3}));
}

#[tokio::test]
async fn a_message_that_makes_a_whole_job_fail_costs_no_neighbor() {
    for status in [500, 503, 403] {
        let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "20000")]).await;
        shop.klaviyo().fail_bodies_with("poison", status);
        let mut batch = tracks(300);
        batch[123]["properties"] = json!({"poison": true});
        let answer = shop.send_all(batch).await;
        assert_eq!(answer.body.delivered, 299, "{status}");
        assert_eq!(answer.body.queued, 1, "{status}");
        assert_eq!(shop.klaviyo().events().len(), 299, "{status}");
        let paths = shop.klaviyo().paths();
        let jobs = paths.iter().filter(|path| *path == EVENT_JOBS).count();
        assert!(jobs < 20, "{jobs} jobs after {status}");
    }
}

#[tokio::test]
async fn a_klaviyo_that_is_down_gets_few_requests() {
    let shop = Shop::open_with_queues(&[("DELIVERY_BUDGET_MS", "20000")]).await;
    shop.klaviyo().fail(EVENT_JOBS, 503).always();
    let answer = shop.send_all(tracks(300)).await;
    assert_eq!(answer.body.queued, 300);
    let requests = shop.klaviyo().requests().len();
    assert_eq!(requests, 2 + 2 + 2, "the job, and each half of it, twice");
}

#[tokio::test]
async fn a_job_that_is_too_large_is_split() {
    let shop = Shop::open(&[PATIENT]).await;
    shop.klaviyo().fail(EVENT_JOBS, 413).times(3);
    let answer = shop.send_all(tracks(300)).await;
    assert_eq!((answer.status, answer.body.delivered), (200, 300));
    assert_eq!(shop.klaviyo().events().len(), 300);
}
