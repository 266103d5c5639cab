//! Consents: <https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles>,
//! <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>

use serde_json::{Map, Value};

use super::account::{Account, ConsentRecord};
use super::consent::NewConsent;
use super::lists::check_list;
use super::refusal::{Refusal, into_result};
use super::sms::{check_sms, with_possible_phones};
use super::standing::{Channel, Consent, PendingSubscription, now};
use crate::json::{array, at, object, optional_text};
use crate::response::JsonResponse;

/// The JSON pointer to the items of a job.
const ITEMS: &str = "/data/attributes/profiles/data";

/// The JSON pointer to the list of a job.
const LIST_ID: &str = "/data/relationships/list/data/id";

/// The consents beside marketing.
const OTHER_CONSENTS: [&str; 3] = ["open_tracking", "click_tracking", "transactional"];

/// What the items of a subscription job have in common.
struct Job {
    list_id: String,
    is_historical: bool,
    /// Whether the people are asked to confirm.
    asks: bool,
    source: Option<String>,
}

/// Subscribes the profiles of a job, and creates those that Klaviyo does not know: all of them, or
/// none.
pub(super) fn subscribe(account: &mut Account, body: &Value) -> Result<JsonResponse, Vec<Refusal>> {
    let list_id = list_id(body);
    check_list(account, &list_id, LIST_ID)?;
    let is_historical = at(body, "/data/attributes/historical_import") == true;
    let profiles = array(at(body, ITEMS));
    check_channels(account, profiles)?;
    check_times(profiles, is_historical)?;
    let (profiles, left_out) = with_possible_phones(account, profiles, ITEMS)?;
    check_sms(account, &profiles, ITEMS)?;
    let job = Job {
        asks: !is_historical && account.is_double_opt_in(&list_id),
        list_id,
        is_historical,
        source: optional_text(at(body, "/data/attributes/custom_source")),
    };
    for profile in &profiles {
        let found = account.find(profile, ITEMS)?;
        let index = account.upsert(found.first().copied(), &identifiers(profile));
        for channel in Channel::ALL {
            subscribe_channel(account, profile, index, channel, &job);
        }
    }
    Ok(JsonResponse::empty(202).with_partial_failure(left_out))
}

/// Records what a profile agrees to in one channel.
fn subscribe_channel(
    account: &mut Account,
    profile: &Value,
    index: usize,
    channel: Channel,
    job: &Job,
) {
    let place = format!("/attributes/subscriptions/{}", channel.name());
    let consents = at(profile, &place);
    let Some(address) = address(account, profile, Some(index), channel) else {
        return;
    };
    let standing = account.standing_mut(channel, &address);
    for name in OTHER_CONSENTS {
        if !at(consents, &format!("/{name}")).is_null() {
            let consent = (Consent::Subscribed, now());
            standing.other_consents.insert(name, consent);
        }
    }
    // A consent to tracking alone puts nobody on a list.
    let marketing = at(consents, "/marketing");
    if marketing.is_null() {
        return;
    }
    let consented_at = optional_text(at(marketing, "/consented_at"));
    let subscription = PendingSubscription {
        profile: index,
        list_id: job.list_id.clone(),
        source: job.source.clone(),
    };
    let mut welcome_flow = false;
    if job.asks {
        standing.pending.push(subscription);
        if channel == Channel::Email && !account.switches.lift_on_confirm {
            account.lift(&address, &job.list_id);
        }
    } else {
        let consent = NewConsent {
            subscription,
            consented_at: consented_at.clone(),
            is_confirmed: false,
            has_welcome: !job.is_historical,
        };
        welcome_flow = account.consent(channel, &address, consent);
    }
    account.consents.push(ConsentRecord {
        subscribed: true,
        confirmation_sent: job.asks,
        consented_at,
        welcome_flow,
        ..record(channel, Some(index), Some(address), &job.list_id)
    });
}

/// Unsubscribes the profiles of a job: all of them, or none.
pub(super) fn unsubscribe(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let list_id = list_id(body);
    check_list(account, &list_id, LIST_ID)?;
    let profiles = array(at(body, ITEMS));
    check_channels(account, profiles)?;
    let (profiles, left_out) = with_possible_phones(account, profiles, ITEMS)?;
    for profile in &profiles {
        let index = account.find(profile, ITEMS)?.first().copied();
        // "Profiles not in the specified list will be globally unsubscribed."
        let everywhere = !account.is_on(&list_id, index);
        for channel in Channel::ALL {
            let place = format!("/attributes/subscriptions/{}/marketing", channel.name());
            if at(profile, &place).is_null() {
                continue;
            }
            let address = address(account, profile, index, channel);
            if let Some(address) = &address {
                let list_id = (!everywhere).then_some(list_id.as_str());
                account.withdraw(channel, address, list_id, None);
            }
            account.consents.push(ConsentRecord {
                everywhere,
                ..record(channel, index, address, &list_id)
            });
        }
        if let Some(index) = index {
            account.leave(&list_id, index);
        }
    }
    Ok(JsonResponse::empty(202).with_partial_failure(left_out))
}

fn list_id(body: &Value) -> String {
    optional_text(at(body, LIST_ID)).unwrap_or_default()
}

/// Returns the identifiers of a subscriber.
fn identifiers(subscriber: &Value) -> Map<String, Value> {
    let mut identifiers = object(at(subscriber, "/attributes")).clone();
    identifiers.retain(|name, value| {
        value.is_string() && Channel::ALL.iter().any(|it| name == it.identifier())
    });
    identifiers
}

/// Returns the address that a channel of a subscription writes to.
fn address(
    account: &Account,
    profile: &Value,
    index: Option<usize>,
    channel: Channel,
) -> Option<String> {
    let identifier = channel.identifier();
    match optional_text(at(profile, &format!("/attributes/{identifier}"))) {
        Some(address) => Some(address),
        None => account.text(index, identifier),
    }
}

/// Returns the record of a consent that is taken back.
fn record(
    channel: Channel,
    profile: Option<usize>,
    address: Option<String>,
    list_id: &str,
) -> ConsentRecord {
    let (email, phone_number) = match channel {
        Channel::Email => (address, None),
        Channel::Sms => (None, address),
    };
    ConsentRecord {
        profile,
        email,
        phone_number,
        list_id: list_id.to_owned(),
        subscribed: false,
        confirmation_sent: false,
        consented_at: None,
        welcome_flow: false,
        everywhere: false,
    }
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
        for channel in Channel::ALL {
            let (name, identifier) = (channel.name(), channel.identifier());
            let is_nobody =
                at(profile, "/id").is_null() && at(attributes, &format!("/{identifier}")).is_null();
            if channels.contains_key(name) && is_nobody {
                // The words of https://github.com/klaviyo/klaviyo-api-node/issues/95
                let detail = format!(
                    "'{identifier}' must not be empty when the {name} channel is included in \
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
        for channel in Channel::ALL {
            for kind in ["marketing", "transactional"] {
                let place = format!("/attributes/subscriptions/{}", channel.name());
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
