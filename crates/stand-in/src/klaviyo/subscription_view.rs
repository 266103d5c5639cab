//! The `subscriptions` of a profile, as Klaviyo shows them:
//! <https://developers.klaviyo.com/en/reference/get_profiles>

use serde_json::{Value, json};

use super::account::Account;
use super::standing::{Channel, Consent, Standing, Suppression};

/// Returns the subscriptions of the profile with this index.
pub(super) fn subscriptions(account: &Account, profile: usize) -> Value {
    let standing = |channel: Channel| match account.text(Some(profile), channel.identifier()) {
        Some(address) => (true, account.standing(channel, &address)),
        None => (false, Standing::default()),
    };
    let (has_email, email) = standing(Channel::Email);
    let (_, sms) = standing(Channel::Sms);
    let (of_lists, of_everything): (Vec<&Suppression>, Vec<&Suppression>) = email
        .suppressions
        .iter()
        .partition(|suppression| suppression.list_id.is_some());
    json!({
        "email": {
            "marketing": {
                // Without any consent too: it is about what Klaviyo could send.
                "can_receive_email_marketing": has_email && !email.is_suppressed(),
                "consent": email.consent,
                "consent_timestamp": email.consented_at,
                "last_updated": email.updated_at,
                "method": method(&email),
                "method_detail": null,
                "custom_method_detail": email.source,
                "double_optin": email.double_opt_in,
                "suppression": of_everything,
                "list_suppressions": of_lists,
            },
            "open_tracking": other_consent(&email, "open_tracking", "can_receive"),
            "click_tracking": other_consent(&email, "click_tracking", "can_receive"),
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": sms.consent == Consent::Subscribed,
                "consent": sms.consent,
                "consent_timestamp": sms.consented_at,
                "last_updated": sms.updated_at,
                "method": method(&sms),
                "method_detail": null,
            },
            "transactional": other_consent(&sms, "transactional", "can_receive_sms_transactional"),
        },
        "mobile_push": {
            "marketing": {
                "can_receive_push_marketing": false,
                "consent": Consent::NeverSubscribed,
                "consent_timestamp": null,
            },
        },
    })
}

fn method(standing: &Standing) -> Option<&'static str> {
    standing.consented_at.as_ref().map(|_| "API")
}

fn other_consent(standing: &Standing, name: &'static str, can_receive: &str) -> Value {
    let (consent, time) = match standing.other_consents.get(name) {
        Some((consent, time)) => (*consent, Some(time)),
        None => (Consent::NeverSubscribed, None),
    };
    json!({
        can_receive: consent == Consent::Subscribed,
        "consent": consent,
        "consent_timestamp": time,
        "last_updated": time,
    })
}
