//! Consents: <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>,
//! <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>

use serde_json::Value;

use super::account::{Account, ConsentRecord};
use super::refusal::Refusal;
use crate::json::{array, at, object, optional_text};
use crate::response::JsonResponse;

/// The JSON pointer to the items of a job.
const ITEMS: &str = "/data/attributes/profiles/data";

/// The channels that are recorded, and the identifier that each of them writes to.
const CHANNELS: [(&str, &str); 2] = [("email", "email"), ("sms", "phone_number")];

/// Subscribes the profiles of a job, and creates those that Klaviyo does not know: all of them, or
/// none.
pub(super) fn subscribe(account: &mut Account, body: &Value) -> Result<JsonResponse, Vec<Refusal>> {
    let list_id = list_id(body);
    let is_historical = at(body, "/data/attributes/historical_import") == true;
    let is_double_opt_in = account.opt_in.get(&list_id) != Some(&"single_opt_in");
    let profiles = array(at(body, "/data/attributes/profiles/data"));
    check_channels(account, profiles)?;
    check_times(profiles, is_historical)?;
    for profile in profiles {
        let index = match account.find(profile, ITEMS)?.first() {
            Some(index) => *index,
            None => create(account, profile),
        };
        for consent in consents(account, profile, Some(index), &list_id) {
            account.consents.push(ConsentRecord {
                subscribed: true,
                confirmation_sent: is_double_opt_in && !is_historical,
                ..consent
            });
        }
        if is_historical || !is_double_opt_in {
            account.join(&list_id, index);
        }
    }
    Ok(JsonResponse::empty(202))
}

/// Unsubscribes the profiles of a job: all of them, or none.
pub(super) fn unsubscribe(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let list_id = list_id(body);
    let profiles = array(at(body, "/data/attributes/profiles/data"));
    check_channels(account, profiles)?;
    for profile in profiles {
        let index = account.find(profile, ITEMS)?.first().copied();
        let consents = consents(account, profile, index, &list_id);
        account.consents.extend(consents);
        if let Some(index) = index {
            account.leave(&list_id, index);
        }
    }
    Ok(JsonResponse::empty(202))
}

fn list_id(body: &Value) -> String {
    optional_text(at(body, "/data/relationships/list/data/id")).unwrap_or_default()
}

/// Creates a profile with the identifiers of a subscriber.
fn create(account: &mut Account, subscriber: &Value) -> usize {
    let mut identifiers = object(at(subscriber, "/attributes")).clone();
    identifiers.retain(|name, _| CHANNELS.iter().any(|(_, identifier)| name == identifier));
    account.upsert(None, &identifiers)
}

/// Checks that there are channels, and that each of them has somewhere to write to.
fn check_channels(account: &Account, profiles: &[Value]) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        let pointer = format!("{ITEMS}/{index}");
        if let Err(refusal) = account.find(profile, &pointer) {
            refusals.push(refusal);
        }
        let attributes = at(profile, "/attributes");
        let channels = object(at(attributes, "/subscriptions"));
        if channels.is_empty() {
            let place = format!("{pointer}/attributes/subscriptions");
            refusals.push(Refusal::invalid("A channel is required", place));
        }
        for (channel, identifier) in CHANNELS {
            let is_nobody =
                at(profile, "/id").is_null() && at(attributes, &format!("/{identifier}")).is_null();
            if channels.contains_key(channel) && is_nobody {
                // The words of https://github.com/klaviyo/klaviyo-api-node/issues/95
                let detail = format!(
                    "'{identifier}' must not be empty when the {channel} channel is included in \
                     'subscriptions'."
                );
                let place = format!("{pointer}/attributes/{identifier}");
                refusals.push(Refusal::new(400, "required", detail, place));
            }
        }
    }
    into_result(refusals)
}

/// Checks that each consent of a historical import has a time, and no other consent has one.
fn check_times(profiles: &[Value], is_historical: bool) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        for (channel, _) in CHANNELS {
            for kind in ["marketing", "transactional"] {
                let place = format!("/attributes/subscriptions/{channel}");
                let consent = at(profile, &format!("{place}/{kind}"));
                let has_time = !at(consent, "/consented_at").is_null();
                if !consent.is_null() && has_time != is_historical {
                    refusals.push(Refusal::invalid(
                        "'consented_at' is for a 'historical_import', which requires it",
                        format!("{ITEMS}/{index}{place}"),
                    ));
                }
            }
        }
    }
    into_result(refusals)
}

fn into_result(refusals: Vec<Refusal>) -> Result<(), Vec<Refusal>> {
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// Returns a record for each channel in which a profile takes its consent to marketing back.
fn consents(
    account: &Account,
    profile: &Value,
    index: Option<usize>,
    list_id: &str,
) -> Vec<ConsentRecord> {
    let mut consents = Vec::new();
    for (channel, identifier) in CHANNELS {
        let marketing = at(
            profile,
            &format!("/attributes/subscriptions/{channel}/marketing"),
        );
        if marketing.is_null() {
            continue;
        }
        let mut address = optional_text(at(profile, &format!("/attributes/{identifier}")));
        if address.is_none() {
            address = account.text(index, identifier);
        }
        let (email, phone_number) = match channel {
            "email" => (address, None),
            _ => (None, address),
        };
        consents.push(ConsentRecord {
            profile: index,
            email,
            phone_number,
            list_id: list_id.to_owned(),
            subscribed: false,
            confirmation_sent: false,
            consented_at: optional_text(at(marketing, "/consented_at")),
        });
    }
    consents
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{post, profile, refusals};
    use super::*;

    fn subscription(historical: bool, attributes: Value) -> Value {
        json!({"data": {"type": "profile-subscription-bulk-create-job",
        "attributes": {"historical_import": historical, "profiles": {"data": [profile(attributes)]}},
        "relationships": {"list": {"data": {"type": "list", "id": "Y6nRLr"}}}}})
    }

    #[test]
    fn consents_have_a_time_in_a_historical_import_only() {
        let mut account = Account::default();
        let path = "/api/profile-subscription-bulk-create-jobs";
        let attributes = |consented_at: Option<&str>| {
            let consent = json!({"consent": "SUBSCRIBED", "consented_at": consented_at});
            json!({"email": "s@klaviyo-demo.com", "subscriptions": {"email": {"marketing": consent}}})
        };
        let past = Some("2020-11-20T10:00:00Z");
        let place = "/data/attributes/profiles/data/0/attributes/subscriptions/email";
        for (historical, time, place) in [
            (true, None, place.to_owned()),
            (false, past, place.to_owned()),
            (
                true,
                Some("2999-01-01T00:00:00Z"),
                format!("{place}/marketing/consented_at"),
            ),
        ] {
            let answer = post(
                &mut account,
                path,
                subscription(historical, attributes(time)),
            );
            assert_eq!(refusals(&answer), (400, vec![format!("invalid {place}")]));
        }
        let historical = subscription(true, attributes(past));
        assert_eq!(post(&mut account, path, historical).status, 202);
        assert_eq!(
            post(&mut account, path, subscription(false, attributes(None))).status,
            202
        );
        let sent: Vec<_> = account
            .consents
            .iter()
            .map(|it| it.confirmation_sent)
            .collect();
        assert_eq!((sent, account.profiles.len()), (vec![false, true], 1));
        account.opt_in.insert("Y6nRLr".to_owned(), "single_opt_in");
        assert_eq!(
            post(&mut account, path, subscription(false, attributes(None))).status,
            202
        );
        assert!(!account.consents[2].confirmation_sent);
    }

    #[test]
    fn a_channel_needs_its_identifier() {
        let mut account = Account::default();
        let path = "/api/profile-subscription-bulk-create-jobs";
        let consent = json!({"marketing": {"consent": "SUBSCRIBED"}});
        let place = "/data/attributes/profiles/data/0/attributes";
        for (attributes, expected) in [
            (
                json!({"email": "s@klaviyo-demo.com", "subscriptions": {"sms": consent}}),
                "required ~/phone_number",
            ),
            (
                json!({"phone_number": "+15005550006", "subscriptions": {"email": consent}}),
                "required ~/email",
            ),
            (
                json!({"email": "s@klaviyo-demo.com", "subscriptions": {}}),
                "invalid ~/subscriptions",
            ),
            (
                json!({"email": "s@klaviyo-demo.com"}),
                "required ~/subscriptions",
            ),
        ] {
            let answer = post(&mut account, path, subscription(false, attributes));
            assert_eq!(refusals(&answer), (400, vec![expected.replace('~', place)]));
        }
    }

    #[test]
    fn an_unsubscription_takes_at_most_100_off_the_list() {
        let mut account = Account::default();
        let job = |count: usize| {
            let mut profiles = Vec::new();
            for n in 0..count {
                let consent = json!({"marketing": {"consent": "UNSUBSCRIBED"}});
                profiles.push(profile(json!({"email": format!("p{n}@klaviyo-demo.com"),
                "subscriptions": {"email": consent}})));
            }
            json!({"data": {"type": "profile-subscription-bulk-delete-job",
            "attributes": {"profiles": {"data": profiles}},
            "relationships": {"list": {"data": {"type": "list", "id": "Y6nRLr"}}}}})
        };
        let index = account.upsert(None, object(&json!({"email": "p0@klaviyo-demo.com"})));
        account.join("Y6nRLr", index);
        let path = "/api/profile-subscription-bulk-delete-jobs";
        assert_eq!(post(&mut account, path, job(101)).status, 400);
        assert_eq!(post(&mut account, path, job(100)).status, 202);
        assert_eq!((account.consents.len(), account.profiles.len()), (100, 1));
        assert!(account.lists["Y6nRLr"].is_empty());
    }
}
