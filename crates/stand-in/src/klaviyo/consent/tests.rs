//! Consents over requests, as the account keeps them and Klaviyo shows them.

use serde_json::{Value, json};

use super::super::testing::{get, post, profile};
use super::*;
use crate::klaviyo::Consent;

const SUBSCRIBE: &str = "/api/profile-subscription-bulk-create-jobs";
const UNSUBSCRIBE: &str = "/api/profile-subscription-bulk-delete-jobs";
const KAI: &str = "kai@klaviyo-demo.com";
const NOOR: &str = "noor@klaviyo-demo.com";
const PHONE: &str = "+14155552671";
const PAST: &str = "2020-11-20T10:00:00Z";

/// How a person is subscribed.
#[derive(Clone, Copy, PartialEq)]
enum Process {
    Plain,
    Historical,
}

fn list(list_id: &str) -> Value {
    if list_id.is_empty() {
        return json!({});
    }
    json!({"list": {"data": {"type": "list", "id": list_id}}})
}

fn subscribe_to(account: &mut Account, attributes: Value, list_id: &str, process: Process) -> u16 {
    let is_historical = process == Process::Historical;
    let body = json!({"data": {"type": "profile-subscription-bulk-create-job",
        "attributes": {"historical_import": is_historical, "profiles": {"data": [profile(attributes)]}},
        "relationships": list(list_id)}});
    post(account, SUBSCRIBE, body).status
}

/// Subscribes an email address.
fn subscribe(account: &mut Account, email: &str, list_id: &str, process: Process) {
    let mut consent = json!({"consent": "SUBSCRIBED"});
    if process == Process::Historical {
        consent["consented_at"] = json!(PAST);
    }
    let attributes = json!({"email": email, "subscriptions": {"email": {"marketing": consent}}});
    let status = subscribe_to(account, attributes, list_id, process);
    assert_eq!(status, 202);
}

fn unsubscribe(account: &mut Account, email: &str, list_id: &str) {
    let consent = json!({"marketing": {"consent": "UNSUBSCRIBED"}});
    let attributes = json!({"email": email, "subscriptions": {"email": consent}});
    let body = json!({"data": {"type": "profile-subscription-bulk-delete-job",
        "attributes": {"profiles": {"data": [profile(attributes)]}}, "relationships": list(list_id)}});
    assert_eq!(post(account, UNSUBSCRIBE, body).status, 202);
}

/// Returns the subscriptions of the only profile with this address.
fn subscriptions(account: &mut Account, email: &str) -> Value {
    let path = format!(
        "/api/profiles?filter=any(email,[%22{email}%22])&additional-fields[profile]=subscriptions"
    );
    let answer = get(account, &path);
    let [profile] = answer.body["data"].as_array().unwrap().as_slice() else {
        panic!("{}", answer.body)
    };
    profile["attributes"]["subscriptions"].clone()
}

fn email_marketing(account: &mut Account, email: &str) -> Value {
    subscriptions(account, email)["email"]["marketing"].clone()
}

fn lifted_reasons(account: &Account) -> Vec<SuppressionReason> {
    account.lifted.iter().map(|lifted| lifted.reason).collect()
}

#[test]
fn a_subscription_lifts_what_the_person_can_take_back() {
    use SuppressionReason::{HardBounce, InvalidEmail, SpamComplaint, Unsubscribe, UserSuppressed};
    for process in [Process::Plain, Process::Historical] {
        let mut account = Account::default();
        for why in [
            Unsubscribe,
            SpamComplaint,
            UserSuppressed,
            HardBounce,
            InvalidEmail,
        ] {
            let setting = ConsentSetting::of_email(ConsentState::Suppressed, KAI);
            account.set_consent(&ConsentSetting { why, ..setting });
        }
        subscribe(&mut account, KAI, "Y6nRLr", process);
        let reasons = [Unsubscribe, SpamComplaint, UserSuppressed];
        assert_eq!(lifted_reasons(&account), reasons);
        assert_eq!(account.lifted[0].email.as_deref(), Some(KAI));
        assert_eq!(account.lifted[0].list_id, "Y6nRLr");
        let marketing = email_marketing(&mut account, KAI);
        assert_eq!(marketing["suppression"].as_array().unwrap().len(), 2);
        assert_eq!(marketing["can_receive_email_marketing"], false);
        subscribe(&mut account, KAI, "Y6nRLr", process);
        assert_eq!(account.lifted.len(), 3, "nothing is left to lift");
    }
}

#[test]
fn a_person_who_left_is_shown_with_the_time() {
    let mut account = Account::default();
    let setting = ConsentSetting::of_email(ConsentState::Unsubscribed, "Kai@klaviyo-demo.com");
    account.set_consent(&ConsentSetting {
        at: Some(PAST.to_owned()),
        ..setting
    });
    let marketing = email_marketing(&mut account, KAI);
    assert_eq!(marketing["consent"], "UNSUBSCRIBED");
    assert_eq!(marketing["consent_timestamp"], PAST);
    assert_eq!(marketing["can_receive_email_marketing"], false);
    let suppression = json!([{"reason": "UNSUBSCRIBE", "timestamp": PAST}]);
    assert_eq!(marketing["suppression"], suppression);
    account.set_consent(&ConsentSetting::of_email(
        ConsentState::NeverSubscribed,
        KAI,
    ));
    let marketing = email_marketing(&mut account, KAI);
    assert_eq!(marketing["consent"], "NEVER_SUBSCRIBED");
    assert_eq!(marketing["can_receive_email_marketing"], true);
    assert_eq!(account.profiles.len(), 1);
}

#[test]
fn sms_has_a_consent_and_no_suppressions() {
    let mut account = Account::default();
    let setting = ConsentSetting::of_email(ConsentState::Unsubscribed, KAI);
    account.set_consent(&ConsentSetting {
        phone_number: Some(PHONE.to_owned()),
        ..setting
    });
    let consent = json!({"marketing": {"consent": "SUBSCRIBED"}});
    let attributes =
        json!({"email": KAI, "phone_number": PHONE, "subscriptions": {"sms": consent}});
    account.opt_in.insert("Y6nRLr".to_owned(), "single_opt_in");
    assert_eq!(
        subscribe_to(&mut account, attributes, "Y6nRLr", Process::Plain),
        202
    );
    assert_eq!(lifted_reasons(&account), [SuppressionReason::Unsubscribe]);
    assert_eq!(account.lifted[0].phone_number.as_deref(), Some(PHONE));
    let shown = subscriptions(&mut account, KAI);
    assert_eq!(shown["sms"]["marketing"]["can_receive_sms_marketing"], true);
    assert_eq!(shown["email"]["marketing"]["consent"], "UNSUBSCRIBED");
}

#[test]
fn a_double_opt_in_list_waits_for_the_confirmation() {
    for (lift_on_confirm, lifted) in [(false, 1), (true, 0)] {
        let mut account = Account::default();
        account.switches.lift_on_confirm = lift_on_confirm;
        account.set_consent(&ConsentSetting::of_email(ConsentState::Unsubscribed, KAI));
        subscribe(&mut account, KAI, "Y6nRLr", Process::Plain);
        assert_eq!(account.lifted.len(), lifted);
        let standing = account.standing(Channel::Email, KAI);
        assert_eq!(standing.consent, Consent::Unsubscribed);
        assert!(!account.is_on("Y6nRLr", Some(0)));
        account.confirm(Channel::Email, KAI);
        assert_eq!(account.lifted.len(), 1);
        let marketing = email_marketing(&mut account, KAI);
        assert_eq!(marketing["consent"], "SUBSCRIBED");
        assert_eq!(marketing["double_optin"], true);
        assert!(account.is_on("Y6nRLr", Some(0)));
        assert_eq!(account.welcome_flows, 1);
    }
}

#[test]
fn only_who_joins_a_list_plainly_starts_its_flow() {
    let mut account = Account::default();
    account.opt_in.insert("single".to_owned(), "single_opt_in");
    for (email, list_id, process, flows) in [
        (KAI, "single", Process::Plain, 1),
        (KAI, "single", Process::Plain, 1),
        (NOOR, "single", Process::Historical, 1),
        (NOOR, "double", Process::Plain, 1),
        (NOOR, "", Process::Plain, 1),
    ] {
        subscribe(&mut account, email, list_id, process);
        assert_eq!(account.welcome_flows, flows, "{email} {list_id}");
    }
    let waiting = account.standing(Channel::Email, NOOR).pending.len();
    assert_eq!(waiting, 2, "without a list the account asks too");
    account.switches.single_opt_in_account = true;
    subscribe(&mut account, NOOR, "", Process::Plain);
    assert!(!account.consents.last().unwrap().confirmation_sent);
}

#[test]
fn who_is_not_on_the_list_is_unsubscribed_from_everything() {
    let mut account = Account::default();
    for email in [KAI, NOOR] {
        subscribe(&mut account, email, "Y6nRLr", Process::Historical);
    }
    unsubscribe(&mut account, KAI, "Y6nRLr");
    let marketing = email_marketing(&mut account, KAI);
    assert_eq!(marketing["consent"], "SUBSCRIBED");
    assert_eq!(marketing["suppression"], json!([]));
    assert_eq!(marketing["list_suppressions"][0]["list_id"], "Y6nRLr");
    unsubscribe(&mut account, NOOR, "another");
    let marketing = email_marketing(&mut account, NOOR);
    assert_eq!(marketing["consent"], "UNSUBSCRIBED");
    assert_eq!(marketing["list_suppressions"], json!([]));
    let everywhere: Vec<_> = account.consents.iter().map(|it| it.everywhere).collect();
    assert_eq!(everywhere, [false, false, false, true]);
}

#[test]
fn a_list_that_does_not_exist_is_refused() {
    let mut account = Account::default();
    account.missing_lists.insert("gone".to_owned());
    account.opt_in.insert("Y6nRLr".to_owned(), "double_opt_in");
    let consent = json!({"marketing": {"consent": "SUBSCRIBED"}});
    let attributes = json!({"email": KAI, "subscriptions": {"email": consent}});
    for (refuses, list_id, status) in [
        (false, "gone", 404),
        (false, "new", 202),
        (true, "new", 404),
        (true, "Y6nRLr", 202),
        (true, "", 202),
    ] {
        account.switches.refuse_unknown_lists = refuses;
        let found = subscribe_to(&mut account, attributes.clone(), list_id, Process::Plain);
        assert_eq!(found, status, "{refuses} {list_id}");
    }
}

#[test]
fn a_consent_to_tracking_subscribes_nobody() {
    let mut account = Account::default();
    let consent = json!({"open_tracking": {"consent": "SUBSCRIBED"}});
    let attributes = json!({"email": KAI, "subscriptions": {"email": consent}});
    assert_eq!(
        subscribe_to(&mut account, attributes, "Y6nRLr", Process::Plain),
        202
    );
    let shown = subscriptions(&mut account, KAI);
    assert_eq!(shown["email"]["open_tracking"]["consent"], "SUBSCRIBED");
    assert_eq!(shown["email"]["marketing"]["consent"], "NEVER_SUBSCRIBED");
    assert_eq!(account.consents, []);
}
