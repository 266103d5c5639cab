//! `{"check": true}` says what would keep deliveries from arriving, and changes nothing.

use segment_klaviyo::check::{CheckReport, Finding, Severity};
use segment_klaviyo::handler::{InvocationContext, Reply};
use serde_json::json;

use crate::support::paths::{DELETE, EVENT_JOBS, IMPORT, METRICS, PROFILES, SUBSCRIBE};
use crate::support::secrets::{secret, secret_with_token};
use crate::support::settings::{LIST, SUBSCRIBE_ALL, Setting};
use crate::support::shop::Shop;

async fn check(shop: &Shop) -> CheckReport {
    let event = json!({"check": true});
    match shop.invoke(&event, InvocationContext::default()).await {
        Ok(Reply::Check(report)) => report,
        other => panic!("{other:?}"),
    }
}

/// Starts a shop with both queues, a ledger and a list that exists.
async fn shop(settings: &[Setting<'_>], opt_in_process: &'static str) -> Shop {
    let shop = Shop::open_with_ledger(&[&[SUBSCRIBE_ALL], settings].concat()).await;
    shop.klaviyo().create_list(LIST, opt_in_process);
    shop.secrets_manager().store(&secret_with_token("t0ken"));
    shop
}

/// Returns the finding about this subject.
fn finding<'r>(report: &'r CheckReport, about: &str) -> &'r Finding {
    report
        .findings
        .iter()
        .find(|finding| finding.about == about)
        .unwrap_or_else(|| panic!("nothing about {about} in {report:?}"))
}

/// Returns the subjects of the findings of this severity.
fn subjects(report: &CheckReport, severity: Severity) -> Vec<&'static str> {
    report
        .findings
        .iter()
        .filter(|finding| finding.state == severity)
        .map(|finding| finding.about)
        .collect()
}

#[tokio::test]
async fn a_good_deployment_passes_and_nothing_is_changed() {
    let all = [("HONOR_DELETIONS", "true"), ("AUDIENCE_LISTS", "true")];
    let shop = shop(&all, "double_opt_in").await;
    let report = check(&shop).await;
    insta::assert_json_snapshot!(report.findings);
    assert_eq!(report.check, Severity::Ok);
    assert_eq!(shop.klaviyo().profiles().len(), 0);
    assert_eq!(shop.klaviyo().events().len(), 0);
    assert_eq!(shop.klaviyo().consents().len(), 0);
    assert_eq!(shop.klaviyo().deletions().len(), 0);
    assert_eq!(shop.klaviyo().list_count(), 0);
    assert_eq!(shop.klaviyo().requests().len(), 7);
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    for (path, scopes) in [
        (IMPORT, "profiles:write"),
        (EVENT_JOBS, "events:write"),
        (
            SUBSCRIBE,
            "lists:write, profiles:write, subscriptions:write",
        ),
        (DELETE, "data-privacy:write"),
        (PROFILES, "profiles:read"),
    ] {
        let shop = shop(&[("HONOR_DELETIONS", "true")], "double_opt_in").await;
        shop.klaviyo().fail(path, 403).once();
        let report = check(&shop).await;
        assert_eq!(report.check, Severity::Failed, "{path}");
        assert_eq!(subjects(&report, Severity::Failed), [scopes], "{path}");
    }
}

#[tokio::test]
async fn a_key_that_klaviyo_does_not_know_fails_everywhere() {
    let shop = shop(&[], "double_opt_in").await;
    shop.klaviyo().accept_only("pk_another_not_a_real_key");
    let report = check(&shop).await;
    assert_eq!(report.check, Severity::Failed);
    assert_eq!(
        finding(&report, "events:write").detail,
        "Klaviyo does not know klaviyo_api_key"
    );
    assert_eq!(finding(&report, "list").state, Severity::Failed);
}

#[tokio::test]
async fn the_opt_in_process_of_the_list_has_to_suit_confirm_optin() {
    for (confirm_optin, opt_in_process, severity) in [
        ("true", "double_opt_in", Severity::Ok),
        ("true", "single_opt_in", Severity::Warning),
        ("false", "double_opt_in", Severity::Ok),
        ("false", "single_opt_in", Severity::Ok),
        ("true", "another", Severity::Warning),
    ] {
        let shop = shop(&[("CONFIRM_OPTIN", confirm_optin)], opt_in_process).await;
        let report = check(&shop).await;
        assert_eq!(
            (report.check, finding(&report, "list").state),
            (severity, severity),
            "{confirm_optin} {opt_in_process}"
        );
    }
}

#[tokio::test]
async fn a_list_that_does_not_exist_fails() {
    let report = check(&Shop::open_with_ledger(&[("LIST_ID", "gone")]).await).await;
    let finding = finding(&report, "list");
    assert_eq!(finding.state, Severity::Failed);
    assert_eq!(
        finding.detail,
        "gone does not exist in this Klaviyo account"
    );
}

#[tokio::test]
async fn what_can_delete_or_subscribe_anybody_needs_a_token() {
    for (setting, severity) in [
        ("GROUP_LISTS", Severity::Failed),
        ("HONOR_DELETIONS", Severity::Failed),
        ("AUDIENCE_LISTS", Severity::Failed),
        ("SEND_PAGES", Severity::Warning),
    ] {
        let shop = Shop::open_with_ledger(&[(setting, "true")]).await;
        let report = check(&shop).await;
        let found = finding(&report, "webhook_token");
        assert_eq!(found.state, severity, "{setting}");
        let is_named = found.detail.contains(setting);
        assert_eq!(is_named, severity == Severity::Failed, "{setting}");

        shop.secrets_manager().store(&secret_with_token("t0ken"));
        let report = check(&shop).await;
        assert!(!subjects(&report, severity).contains(&"webhook_token"));
    }
}

#[tokio::test]
async fn an_unknown_field_of_the_secret_is_named_without_its_value() {
    let shop = Shop::open_with_ledger(&[]).await;
    let misspelled = secret_with_token("hush").replace("webhook_token", "webhook-token");
    shop.secrets_manager().store(&misspelled);
    let report = check(&shop).await;
    let details: Vec<_> = report
        .findings
        .iter()
        .map(|finding| &finding.detail)
        .collect();
    assert!(details.contains(&&"these fields are not used: webhook-token".into()));
    assert!(!format!("{report:?}").contains("hush"));
}

#[tokio::test]
async fn no_list_is_ok() {
    let shop = Shop::open_with_ledger(&[]).await;
    shop.secrets_manager().store(&secret_with_token("t0ken"));
    let report = check(&shop).await;
    assert_eq!(report.check, Severity::Ok);
    assert_eq!(finding(&report, "list").state, Severity::Ok);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_a_warning() {
    let shop = shop(&[], "double_opt_in").await;
    shop.klaviyo().fail("/api/lists/Y6nRLr", 403).once();
    let report = check(&shop).await;
    assert_eq!(report.check, Severity::Warning);
    assert_eq!(
        finding(&report, "list").detail,
        "Y6nRLr cannot be checked: klaviyo_api_key lacks lists:read"
    );
}

#[tokio::test]
async fn the_secret_is_fetched_again_and_its_mistake_named() {
    let shop = shop(&[], "double_opt_in").await;
    shop.secrets_manager().store(&secret("", &json!("s")));
    let report = check(&shop).await;
    assert_eq!(report.check, Severity::Failed);
    let finding = finding(&report, "secret");
    assert_eq!(finding.state, Severity::Failed);
    let detail = finding.detail.to_string();
    assert!(detail.contains("klaviyo_api_key is empty"), "{detail}");
    assert_eq!(shop.log().last().unwrap()["level"], "ERROR");
}

#[tokio::test]
async fn a_klaviyo_that_cannot_answer_does_not_pass() {
    for (status, severity) in [(429, Severity::Warning), (500, Severity::Failed)] {
        let shop = shop(&[], "double_opt_in").await;
        shop.klaviyo().fail(IMPORT, status).once();
        let report = check(&shop).await;
        assert_eq!(
            finding(&report, "profiles:write").state,
            severity,
            "{status}"
        );
    }
}

#[tokio::test]
async fn settings_without_an_effect_are_warned_about() {
    let useless = [
        ("FALLBACK_ON_ANONYMOUS_ID", "true"),
        ("CONSENT_CHANNELS", "email,sms"),
    ];
    let report = check(&Shop::open(&useless).await).await;
    assert_eq!(
        subjects(&report, Severity::Warning),
        [
            "settings",
            "settings",
            "queues",
            "queues",
            "ledger",
            "webhook_token"
        ]
    );
}

#[tokio::test]
async fn the_metrics_of_the_account_are_counted() {
    let pages = [("SEND_PAGES", "true")];
    for (settings, count, expected) in [
        (vec![], 12, Severity::Ok),
        (vec![], 190, Severity::Ok),
        (pages.to_vec(), 12, Severity::Ok),
        (pages.to_vec(), 190, Severity::Warning),
        (vec![], 200, Severity::Failed),
    ] {
        let shop = shop(&settings, "double_opt_in").await;
        let metrics = vec![json!({"type": "metric", "id": "XyZ123"}); count];
        let answer = json!({ "data": metrics });
        shop.klaviyo().fail(METRICS, 200).body(answer).once();
        let report = check(&shop).await;
        let finding = finding(&report, "metrics");
        assert_eq!(finding.state, expected, "{settings:?} {count}: {finding:?}");
    }
}

#[tokio::test]
async fn a_key_that_may_not_look_up_people_fails_the_check() {
    let shop = shop(&[], "double_opt_in").await;
    shop.klaviyo().fail(PROFILES, 403).always();
    let report = check(&shop).await;
    assert_eq!(finding(&report, "profiles:read").state, Severity::Failed);
}

#[tokio::test]
async fn a_table_that_cannot_be_written_fails() {
    let shop = shop(&[], "double_opt_in").await;
    assert_eq!(finding(&check(&shop).await, "ledger").state, Severity::Ok);
    assert_eq!(shop.ledger(), [], "the check leaves nothing behind");
    shop.set_ledger_down(true);
    let report = check(&shop).await;
    let finding = finding(&report, "ledger");
    assert_eq!(finding.state, Severity::Failed);
    assert!(finding.detail.contains("500 InternalServerError"));
}
