//! Import jobs: Klaviyo accepts them before it looks at their profiles, so the function comes back for
//! what they did not accept.

use serde_json::{Value, json};

use crate::support::answers::counts;
use crate::support::messages::identify;
use crate::support::paths::{IMPORT, IMPORT_JOBS};
use crate::support::people::person;
use crate::support::settings::PATIENT;
use crate::support::shop::Shop;

const OWNER: &str = "owner@klaviyo-demo.com";

/// A number that belongs to somebody else.
const TAKEN: &str = "+15005550006";

/// Identifies people, some of whom claim a number that belongs to somebody else.
fn people(count: usize, conflicts: &[usize]) -> Vec<Value> {
    let of = |number: usize| {
        let traits = if conflicts.contains(&number) {
            json!({"n": number, "phone": TAKEN})
        } else {
            json!({"n": number})
        };
        identify(&person(number), traits)
    };
    (0..count).map(of).collect()
}

/// Opens a shop in which somebody has the number, and everybody who claims it is known.
async fn shop(conflicts: &[usize]) -> Shop {
    let shop = Shop::open_with_queues(&[PATIENT]).await;
    shop.klaviyo().switch(|switches| switches.import_ms = 0);
    shop.klaviyo().add_profile(OWNER, Some(TAKEN));
    for number in conflicts {
        shop.klaviyo().add_profile(&person(*number), None);
    }
    shop
}

#[tokio::test]
async fn a_profile_that_a_job_did_not_accept_is_repaired() {
    let conflicts = [3, 7];
    let shop = shop(&conflicts).await;
    let answer = shop.send_all(people(20, &conflicts)).await;
    assert_eq!(counts(&answer), [20, 0, 0]);
    assert_eq!(shop.klaviyo().paths(), [IMPORT_JOBS]);
    for number in conflicts {
        assert_eq!(
            shop.klaviyo().profile(&person(number)).get("properties"),
            None
        );
    }

    assert_eq!(shop.redeliver().await, 0);
    let repairs = [IMPORT_JOBS, IMPORT, IMPORT, IMPORT, IMPORT];
    assert_eq!(
        shop.klaviyo().paths(),
        repairs,
        "each with and without the number"
    );
    for number in 0..20 {
        let profile = shop.klaviyo().profile(&person(number));
        assert_eq!(profile["properties"]["n"], json!(number));
        assert_eq!(profile.get("phone_number"), None);
    }
    assert_eq!(shop.klaviyo().profile(OWNER)["phone_number"], TAKEN);
    assert_eq!(shop.retry_queue().len(), 0);
    assert_eq!(shop.dead_letters().len(), 0);
    assert_eq!(shop.log().last().unwrap()["ImportErrors"], 2);
}

#[tokio::test]
async fn what_cannot_be_repaired_is_a_dead_letter_with_klaviyos_reason() {
    let shop = shop(&[3]).await;
    shop.send_all(people(20, &[3])).await;
    shop.klaviyo()
        .refuse(IMPORT, &["/data/attributes/email"])
        .always();
    assert_eq!(shop.redeliver().await, 0);
    let dead_letters = shop.dead_letters();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(dead_letters[0]["message"]["traits"]["n"], 3);
    assert_eq!(dead_letters[0]["klaviyo_detail"], "injected");
    let log = serde_json::to_string(&shop.log()).unwrap();
    assert!(
        !log.contains("injected"),
        "the log never holds Klaviyo's words"
    );

    shop.klaviyo().recover();
    assert_eq!(shop.redrive_dead_letters().await, 0);
    let profile = shop.klaviyo().profile(&person(3));
    assert_eq!(profile["properties"]["n"], 3);
}

#[tokio::test]
async fn a_job_that_is_not_finished_is_asked_for_again() {
    let shop = shop(&[3]).await;
    shop.klaviyo()
        .switch(|switches| switches.import_ms = 60_000);
    shop.send_all(people(20, &[3])).await;
    for asked in 1..4 {
        assert_eq!(shop.redeliver().await, 0);
        let entries = shop.retry_queue();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["asked"], asked);
    }
    shop.klaviyo().switch(|switches| switches.import_ms = 0);
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.retry_queue().len(), 0);
    assert_eq!(shop.klaviyo().profile(&person(3))["properties"]["n"], 3);
}

#[tokio::test]
async fn a_repair_that_klaviyo_cannot_take_now_waits_by_itself() {
    let shop = shop(&[3]).await;
    shop.send_all(people(20, &[3])).await;
    shop.klaviyo().throttle(IMPORT).once();
    assert_eq!(shop.redeliver().await, 0);
    let entries = shop.retry_queue();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["to_do"], json!(["profile"]));
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().profile(&person(3))["properties"]["n"], 3);
}

#[tokio::test]
async fn an_error_that_names_nobody_may_be_about_anybody() {
    const ERRORS: &str = "/api/profile-bulk-import-jobs/IMPORT0/import-errors";
    let shop = shop(&[3]).await;
    shop.send_all(people(20, &[3])).await;
    let nameless = json!({"data": [{"attributes": {"code": "invalid"}}], "links": {}});
    shop.klaviyo().fail(ERRORS, 200).body(nameless).once();
    assert_eq!(shop.redeliver().await, 0);
    assert_eq!(shop.klaviyo().profile(&person(3))["properties"]["n"], 3);
    assert_eq!(shop.dead_letters().len(), 0);
}

#[tokio::test]
async fn an_answer_without_the_id_of_a_job_is_fine() {
    let shop = shop(&[]).await;
    shop.klaviyo()
        .switch(|switches| switches.name_import_jobs = false);
    let answer = shop.send_all(people(20, &[])).await;
    assert_eq!(counts(&answer), [20, 0, 0]);
    assert_eq!(shop.retry_queue().len(), 0);
}

#[tokio::test]
async fn a_job_that_nobody_can_follow_is_no_success() {
    let shop = shop(&[]).await;
    shop.break_queues();
    let answer = shop.send_all(people(20, &[])).await;
    assert_eq!((answer.status, answer.retry), (503, 20));
    shop.repair_queues();
    assert_eq!(shop.send_all(people(20, &[])).await.status, 200);
    assert_eq!(shop.klaviyo().profiles().len(), 21);
}
