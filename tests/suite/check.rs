//! `{"check": true}` says what would keep deliveries from arriving, and changes nothing.

use segment_klaviyo::check::{CheckReport, Severity};
use segment_klaviyo::handler::{InvocationContext, Reply};
use segment_klaviyo_stand_in::Fault;
use serde_json::json;

use crate::support::Shop;

async fn check(shop: &Shop) -> CheckReport {
    match shop
        .invoke(&json!({"check": true}), InvocationContext::default())
        .await
        .unwrap()
    {
        Reply::Check(report) => report,
        other => panic!("{other:?}"),
    }
}

/// A shop with both queues and a list that is there.
async fn shop(settings: &[(&str, &str)], opt_in: &'static str) -> Shop {
    let shop = Shop::open_with_queues(&[&[("LIST_ID", "Y6nRLr")], settings].concat()).await;
    shop.stand_in
        .state()
        .account
        .opt_in
        .insert("Y6nRLr".to_owned(), opt_in);
    shop
}

/// The state of what is said about `about`, and its words.
fn about(report: &CheckReport, about: &str) -> (Severity, String) {
    let found = report
        .findings
        .iter()
        .find(|finding| finding.about == about);
    let found = found.unwrap_or_else(|| panic!("nothing about {about} in {report:?}"));
    (found.state, found.detail.to_string())
}

#[tokio::test]
async fn a_good_deployment_passes_and_nothing_is_changed() {
    let all = [("HONOR_DELETIONS", "true"), ("AUDIENCE_LISTS", "true")];
    let shop = shop(&all, "double_opt_in").await;
    let report = check(&shop).await;
    insta::assert_json_snapshot!(report.findings);
    assert_eq!(report.check, Severity::Ok);
    let held = shop.stand_in.state();
    assert_eq!(
        (
            held.account.profiles.len(),
            held.account.events.len(),
            held.account.consents.len()
        ),
        (0, 0, 0)
    );
    assert_eq!(
        (held.account.deletions.len(), held.account.lists.len()),
        (0, 0)
    );
    assert_eq!(held.requests.len(), 6);
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    for (path, scopes) in [
        ("/api/profile-import", "profiles:write"),
        ("/api/event-bulk-create-jobs", "events:write"),
        (
            "/api/profile-subscription-bulk-create-jobs",
            "lists:write, profiles:write, subscriptions:write",
        ),
        ("/api/data-privacy-deletion-jobs", "data-privacy:write"),
        ("/api/profiles", "profiles:read"),
    ] {
        let shop = shop(&[("HONOR_DELETIONS", "true")], "double_opt_in").await;
        shop.stand_in
            .state()
            .faults
            .push(Fault::status(path, 403, 1));
        let report = check(&shop).await;
        assert_eq!(
            (report.check, about(&report, scopes).0),
            (Severity::Failed, Severity::Failed),
            "{path}"
        );
        assert_eq!(
            report
                .findings
                .iter()
                .filter(|finding| finding.state == Severity::Failed)
                .count(),
            1,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_key_that_klaviyo_does_not_know_fails_everywhere() {
    let shop = shop(&[], "double_opt_in").await;
    shop.stand_in.state().account.api_key = Some("pk_another_not_a_real_key".to_owned());
    let report = check(&shop).await;
    assert_eq!(report.check, Severity::Failed);
    assert_eq!(
        about(&report, "events:write").1,
        "Klaviyo does not know klaviyo_api_key"
    );
    assert_eq!(about(&report, "list").0, Severity::Failed);
}

#[tokio::test]
async fn the_list_has_to_be_there_and_opt_in_as_confirm_optin_says() {
    for (confirm, opt_in, state) in [
        ("true", "double_opt_in", Severity::Ok),
        ("true", "single_opt_in", Severity::Warning),
        ("false", "double_opt_in", Severity::Ok),
        ("false", "single_opt_in", Severity::Ok),
        ("true", "another", Severity::Warning),
    ] {
        let report = check(&shop(&[("CONFIRM_OPTIN", confirm)], opt_in).await).await;
        assert_eq!(
            (report.check, about(&report, "list").0),
            (state, state),
            "{confirm} {opt_in}"
        );
    }
    let missing = check(&Shop::open_with_queues(&[("LIST_ID", "gone")]).await).await;
    assert_eq!(
        about(&missing, "list"),
        (
            Severity::Failed,
            "gone does not exist in this Klaviyo account".to_owned()
        )
    );
    let none = check(&Shop::open_with_queues(&[]).await).await;
    assert_eq!(
        (none.check, about(&none, "list").0),
        (Severity::Ok, Severity::Ok)
    );
}

#[tokio::test]
async fn a_list_that_cannot_be_looked_at_is_a_warning() {
    let shop = shop(&[], "double_opt_in").await;
    shop.stand_in
        .state()
        .faults
        .push(Fault::status("/api/lists/Y6nRLr", 403, 1));
    let report = check(&shop).await;
    assert_eq!(report.check, Severity::Warning);
    assert_eq!(
        about(&report, "list").1,
        "Y6nRLr cannot be checked: klaviyo_api_key lacks lists:read"
    );
}

#[tokio::test]
async fn the_secret_is_fetched_anew_and_what_is_wrong_with_it_is_said() {
    let shop = shop(&[], "double_opt_in").await;
    shop.stand_in.state().secret =
        Some(r#"{"klaviyo_api_key": "", "segment_shared_secret": "s"}"#.to_owned());
    let report = check(&shop).await;
    let (state, detail) = about(&report, "secret");
    assert_eq!((report.check, state), (Severity::Failed, Severity::Failed));
    assert!(detail.contains("klaviyo_api_key is empty"), "{detail}");
    assert_eq!(shop.log().last().unwrap()["level"], "ERROR");
}

#[tokio::test]
async fn a_klaviyo_that_cannot_answer_is_no_pass() {
    for (status, expected) in [(429, Severity::Warning), (500, Severity::Failed)] {
        let shop = shop(&[], "double_opt_in").await;
        shop.stand_in
            .state()
            .faults
            .push(Fault::status("/api/profile-import", status, 1));
        let report = check(&shop).await;
        assert_eq!(about(&report, "profiles:write").0, expected, "{status}");
    }
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_warned_about() {
    let useless = [
        ("FALLBACK_ON_ANONYMOUS_ID", "true"),
        ("CONSENT_CHANNELS", "email,sms"),
    ];
    let report = check(&Shop::open(&useless).await).await;
    let warnings: Vec<_> = report
        .findings
        .iter()
        .filter(|it| it.state == Severity::Warning)
        .map(|it| it.about)
        .collect();
    assert_eq!(warnings, ["settings", "settings", "queues", "queues"]);
}
