//! Consents to SMS, which Klaviyo takes for some numbers and people only:
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use serde_json::Value;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use super::account::Account;
use super::phones::{check_phone, remove_phone};
use super::refusal::{Refusal, into_result};
use super::switches::SmsPointer;
use crate::json::at;

/// The attribute with the day of birth.
const DATE_OF_BIRTH: &str = "age_gated_date_of_birth";

/// The days of the 18 years after which a person is an adult.
const ADULT_DAYS: i64 = 18 * 365 + 4;

/// Returns the profiles of a job without impossible phone numbers, and the name of the attribute if
/// one was left out. Such a number refuses the job, unless it may be left out.
pub(super) fn with_possible_phones(
    account: &Account,
    profiles: &[Value],
    items: &str,
) -> Result<(Vec<Value>, Option<&'static str>), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut kept = Vec::with_capacity(profiles.len());
    let mut left_out = None;
    for (index, profile) in profiles.iter().enumerate() {
        let mut profile = profile.clone();
        let phone_number = at(&profile, "/attributes/phone_number");
        if let Err(refusal) = check_phone(phone_number, &format!("{items}/{index}")) {
            let mut removed = None;
            if account.switches.leave_out_bad_subscriber_phones {
                removed = remove_phone(&mut profile);
            }
            match removed {
                Some(name) => left_out = Some(name),
                None => refusals.push(refusal),
            }
            if let Some(Value::Object(channels)) = profile.pointer_mut("/attributes/subscriptions")
            {
                channels.remove("sms");
            }
        }
        kept.push(profile);
    }
    into_result(refusals)?;
    Ok((kept, left_out))
}

/// Checks that the account can send SMS to those who agree to it, and that they may agree.
pub(super) fn check_sms(
    account: &Account,
    profiles: &[Value],
    items: &str,
) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        if at(profile, "/attributes/subscriptions/sms").is_null() {
            continue;
        }
        let pointer = format!("{items}/{index}/attributes");
        let attributes = at(profile, "/attributes");
        if !can_send_to(account, at(attributes, "/phone_number")) {
            let place = match account.switches.sms_pointer {
                SmsPointer::Data => "/data".to_owned(),
                SmsPointer::PhoneNumber => format!("{pointer}/phone_number"),
                SmsPointer::Subscriptions => format!("{pointer}/subscriptions/sms"),
            };
            // The words of the consent guide.
            let detail = "SMS configuration is required to subscribe phone number only profiles.";
            refusals.push(Refusal::invalid(detail, place));
        } else if account.switches.age_gate
            && !is_adult(at(attributes, &format!("/{DATE_OF_BIRTH}")))
        {
            let detail = "The date of birth of an adult is required to subscribe to SMS";
            refusals.push(Refusal::invalid(
                detail,
                format!("{pointer}/{DATE_OF_BIRTH}"),
            ));
        }
    }
    into_result(refusals)
}

fn can_send_to(account: &Account, phone_number: &Value) -> bool {
    let Some(codes) = &account.switches.sms_countries else {
        return true;
    };
    let number = phone_number.as_str().unwrap_or_default();
    codes.iter().any(|code| number.starts_with(code.as_str()))
}

/// Whether a date of birth is that of an adult. What a region asks for beyond that is unknown.
fn is_adult(date_of_birth: &Value) -> bool {
    let format = format_description!("[year]-[month]-[day]");
    let day = date_of_birth.as_str().and_then(|text| text.get(..10));
    let Some(Ok(born)) = day.map(|day| Date::parse(day, format)) else {
        return false;
    };
    born.saturating_add(Duration::days(ADULT_DAYS)) <= OffsetDateTime::now_utc().date()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{post, profile, refusals};
    use super::*;
    use crate::klaviyo::{Channel, Consent};

    const EMAIL: &str = "s@klaviyo-demo.com";
    const PHONE: &str = "+14155552671";
    const PLACE: &str = "/data/attributes/profiles/data/0/attributes";

    /// Subscribes a person to email and SMS. Returns the status, the errors and what was left out.
    fn subscribe(account: &mut Account, more: &Value) -> (u16, Vec<String>, Option<String>) {
        let consent = json!({"marketing": {"consent": "SUBSCRIBED"}});
        let mut attributes = json!({"email": EMAIL, "phone_number": PHONE,
            "subscriptions": {"email": consent, "sms": consent}});
        let members = attributes.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let body = json!({"data": {"type": "profile-subscription-bulk-create-job",
            "attributes": {"profiles": {"data": [profile(attributes)]}}}});
        account.switches.single_opt_in_account = true;
        let path = "/api/profile-subscription-bulk-create-jobs";
        let answer = post(account, path, body);
        let (status, errors) = refusals(&answer);
        let left_out = answer.header("x-klaviyo-partial-failure");
        (status, errors, left_out.map(str::to_owned))
    }

    #[test]
    fn an_impossible_phone_refuses_the_job_or_is_left_out() {
        let mut account = Account::default();
        let bad = json!({"phone_number": "+12"});
        let place = format!("invalid {PLACE}/phone_number");
        assert_eq!(subscribe(&mut account, &bad), (400, vec![place], None));
        assert_eq!(account.consents.len(), 0);
        account.switches.leave_out_bad_subscriber_phones = true;
        let left_out = Some("phone_number".to_owned());
        assert_eq!(subscribe(&mut account, &bad), (202, Vec::new(), left_out));
        let consent = account.standing(Channel::Email, EMAIL).consent;
        assert_eq!(consent, Consent::Subscribed);
        assert_eq!((account.consents.len(), account.standings.len()), (1, 1));
    }

    #[test]
    fn an_account_sends_sms_to_some_countries() {
        for (countries, pointer, place) in [
            (vec![], SmsPointer::Data, Some("/data".to_owned())),
            (
                vec!["+44".to_owned()],
                SmsPointer::PhoneNumber,
                Some(format!("{PLACE}/phone_number")),
            ),
            (
                vec!["+44".to_owned()],
                SmsPointer::Subscriptions,
                Some(format!("{PLACE}/subscriptions/sms")),
            ),
            (
                vec!["+44".to_owned(), "+1".to_owned()],
                SmsPointer::Data,
                None,
            ),
        ] {
            let mut account = Account::default();
            account.switches.sms_countries = Some(countries.clone());
            account.switches.sms_pointer = pointer;
            let (status, errors, _) = subscribe(&mut account, &json!({}));
            let expected: Vec<String> = place
                .iter()
                .map(|place| format!("invalid {place}"))
                .collect();
            assert_eq!(errors, expected, "{countries:?}");
            assert_eq!(status == 202, place.is_none());
        }
    }

    #[test]
    fn an_age_gate_lets_adults_pass() {
        let mut account = Account::default();
        account.switches.age_gate = true;
        for (birth, status) in [
            (json!({}), 400),
            (json!({"age_gated_date_of_birth": "unknown"}), 400),
            (json!({"age_gated_date_of_birth": "2999-01-01"}), 400),
            (json!({"age_gated_date_of_birth": "1990-02-28"}), 202),
            (
                json!({"age_gated_date_of_birth": "1990-02-28T00:00:00Z"}),
                202,
            ),
        ] {
            assert_eq!(subscribe(&mut account, &birth).0, status, "{birth}");
        }
    }
}
