//! The guard of people who have left: a subscription that is no fresh wish is sent only after a look
//! at what Klaviyo holds, because subscribing lifts every unsubscription and suppression.
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use time::{Duration, OffsetDateTime};

use super::dispatch::Dispatch;
use super::profile_lookup::{FoundProfiles, LookupError};
use crate::domain::{Email, ListId, PhoneNumber, Timestamp};
use crate::klaviyo::{
    ChannelConsent, FoundProfile, Membership, Operation, ProfileIdentifiers, ProfileKey,
    Subscriber, Subscription, Unsubscription, Wish,
};
use crate::outcome::Warning;

/// A wish that is not older than this cannot be outlived by an unsubscription that Klaviyo already
/// shows.
const FRESH: Duration = Duration::seconds(60);

/// Subscriptions, sorted by what Klaviyo holds of their people.
#[derive(Default)]
pub(super) struct Guarded<'t, 'a> {
    /// To be sent.
    pub(super) subscriptions: Vec<Dispatch<'t, 'a>>,
    /// People who are subscribed already: they are added to the list, and nobody is asked again.
    pub(super) memberships: Vec<Dispatch<'t, 'a>>,
}

/// Returns the addresses and numbers that have to be looked up for these consents.
pub(super) fn keys<'s, 't: 's, 'a: 't>(
    consents: impl IntoIterator<Item = &'s Dispatch<'t, 'a>>,
    now: OffsetDateTime,
) -> Vec<ProfileKey<'s>> {
    let mut keys = Vec::new();
    for dispatch in consents {
        let needs_look = match dispatch.operation() {
            Operation::Subscribe(subscription) => needs_look(subscription, now),
            _ => true,
        };
        if needs_look && let Some(subscriber) = dispatch.operation().subscriber() {
            let email = subscriber.email().map(Email::as_str);
            let number = subscriber.sms_number().map(PhoneNumber::as_str);
            keys.extend(email.map(ProfileKey::Email));
            keys.extend(number.map(ProfileKey::PhoneNumber));
        }
    }
    keys
}

/// Sorts subscriptions by what Klaviyo holds. Those that are not to be sent are finished here, with
/// a warning, or fail with the look-up.
pub(super) fn sort<'t, 'a>(
    subscriptions: Vec<Dispatch<'t, 'a>>,
    profiles: &FoundProfiles,
    now: OffsetDateTime,
) -> Guarded<'t, 'a> {
    let mut guarded = Guarded::default();
    for mut dispatch in subscriptions {
        let Some(subscription) = subscription(&dispatch) else {
            continue;
        };
        if !needs_look(subscription, now) {
            guarded.subscriptions.push(dispatch);
            continue;
        }
        let verdict = match verdict(subscription, profiles) {
            Ok(verdict) => verdict,
            Err(LookupError::Forbidden) => {
                withhold(&dispatch, Warning::ConsentUnknown);
                continue;
            }
            Err(LookupError::Failed(error)) => {
                dispatch.fail(error.clone());
                continue;
            }
        };
        let remaining = subscription.subscriber.only(|channel| {
            if channel.includes_email() {
                verdict.email == Verdict::Subscribe
            } else {
                verdict.sms == Verdict::Subscribe
            }
        });
        let member = member(&subscription.subscriber);
        let list_id = subscription.list_id.clone();
        if verdict.contains(Verdict::Withhold) {
            dispatch.warn(Warning::UnsubscribedBefore);
        }
        if let Some(remaining) = remaining {
            if dispatch.operation().subscriber() != Some(&remaining)
                && let Some(subscriber) = dispatch.operation_mut().subscriber_mut()
            {
                *subscriber = remaining;
            }
            guarded.subscriptions.push(dispatch);
        } else if verdict.contains(Verdict::Add)
            && let Some(identifiers) = member
        {
            let membership = Membership {
                list_id,
                identifiers,
            };
            dispatch.replace_operation(Operation::AddToList(membership));
            guarded.memberships.push(dispatch);
        } else {
            dispatch.acknowledge();
        }
    }
    guarded
}

/// Returns the unsubscriptions that are still to be sent. Who has left the list already is finished
/// here: Klaviyo would take a repeat for one from everything, as the person is not on the list any
/// more. Without a look-up the person's wish counts more.
/// <https://developers.klaviyo.com/en/reference/bulk_unsubscribe_profiles>
pub(super) fn without_who_left<'t, 'a>(
    unsubscriptions: Vec<Dispatch<'t, 'a>>,
    profiles: &FoundProfiles,
) -> Vec<Dispatch<'t, 'a>> {
    let mut left = Vec::with_capacity(unsubscriptions.len());
    for mut dispatch in unsubscriptions {
        let Operation::Unsubscribe(unsubscription) = dispatch.operation() else {
            continue;
        };
        let Unsubscription {
            list_id,
            subscriber,
            ..
        } = unsubscription;
        let mut failure = None;
        let mut has_left =
            |key, consent: fn(&FoundProfile, &ListId) -> Option<ChannelConsent>| match profiles
                .get(key)
            {
                Ok(Some(profile)) => {
                    matches!(consent(profile, list_id), Some(ChannelConsent::Left(_)))
                }
                Ok(None) | Err(LookupError::Forbidden) => false,
                Err(LookupError::Failed(error)) => {
                    failure = Some(error.clone());
                    false
                }
            };
        let email = subscriber.email().map(Email::as_str);
        let number = subscriber.sms_number().map(PhoneNumber::as_str);
        let email_left = email
            .is_some_and(|email| has_left(ProfileKey::Email(email), FoundProfile::email_consent));
        let sms_left = number.is_some_and(|number| {
            has_left(ProfileKey::PhoneNumber(number), FoundProfile::sms_consent)
        });
        let remaining = subscriber.only(|channel| {
            if channel.includes_email() {
                !email_left
            } else {
                !sms_left
            }
        });
        match (failure, remaining) {
            (Some(error), _) => dispatch.fail(error),
            (None, None) => dispatch.acknowledge(),
            (None, Some(remaining)) => {
                if remaining != *subscriber
                    && let Some(subscriber) = dispatch.operation_mut().subscriber_mut()
                {
                    *subscriber = remaining;
                }
                left.push(dispatch);
            }
        }
    }
    left
}

/// Returns what names the person to a list.
fn member<'a>(subscriber: &Subscriber) -> Option<ProfileIdentifiers<'a>> {
    match subscriber.email() {
        Some(email) => Some(ProfileIdentifiers::Email {
            email: email.clone(),
            external_id: None,
        }),
        None => {
            let number = subscriber.sms_number()?;
            Some(ProfileIdentifiers::PhoneNumber(number.clone()))
        }
    }
}

/// Finishes a subscription without sending it.
fn withhold(dispatch: &Dispatch, warning: Warning) {
    dispatch.warn(warning);
    dispatch.acknowledge();
}

/// What to do about one channel of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The subscription does not include the channel.
    Absent,
    /// Subscribe the person.
    Subscribe,
    /// Add the person to the list, who is subscribed already.
    Add,
    /// Do nothing: the person has left.
    Withhold,
}

/// The verdicts of both channels.
struct Verdicts {
    email: Verdict,
    sms: Verdict,
}

impl Verdicts {
    fn contains(&self, verdict: Verdict) -> bool {
        self.email == verdict || self.sms == verdict
    }
}

fn verdict<'p>(
    subscription: &Subscription,
    profiles: &'p FoundProfiles,
) -> Result<Verdicts, &'p LookupError> {
    let Subscription {
        list_id,
        subscriber,
        wish,
        ..
    } = subscription;
    let mut verdicts = Verdicts {
        email: Verdict::Absent,
        sms: Verdict::Absent,
    };
    if let Some(email) = subscriber.email()
        && subscriber.includes_email()
    {
        let profile = profiles.get(ProfileKey::Email(email.as_str()))?;
        let consent = profile.map(|profile| profile.email_consent(list_id));
        verdicts.email = channel_verdict(consent, *wish)?;
    }
    if let Some(number) = subscriber.sms_number() {
        let profile = profiles.get(ProfileKey::PhoneNumber(number.as_str()))?;
        let consent = profile.map(|profile| profile.sms_consent(list_id));
        verdicts.sms = channel_verdict(consent, *wish)?;
    }
    Ok(verdicts)
}

/// `consent`: none if Klaviyo knows no such profile, and none within if it shows no consents, as to
/// a key that may not read them.
fn channel_verdict(
    consent: Option<Option<ChannelConsent>>,
    wish: Wish,
) -> Result<Verdict, &'static LookupError> {
    match consent {
        None | Some(Some(ChannelConsent::Never)) => Ok(Verdict::Subscribe),
        Some(Some(ChannelConsent::Subscribed)) => Ok(Verdict::Add),
        Some(Some(ChannelConsent::Left(since))) => {
            let left_at = since.and_then(Timestamp::new);
            match (wish, left_at) {
                (Wish::At(wished_at), Some(left_at)) if wished_at > left_at => {
                    Ok(Verdict::Subscribe)
                }
                _ => Ok(Verdict::Withhold),
            }
        }
        Some(None) => Err(&LookupError::Forbidden),
    }
}

/// Whether the person has to be looked up before the subscription is sent.
fn needs_look(subscription: &Subscription, now: OffsetDateTime) -> bool {
    match subscription.wish {
        Wish::Standing => true,
        Wish::At(wished_at) => match Timestamp::new(now - FRESH) {
            Some(fresh_since) => wished_at < fresh_since,
            None => true,
        },
    }
}

fn subscription<'d>(dispatch: &'d Dispatch<'_, '_>) -> Option<&'d Subscription> {
    match dispatch.operation() {
        Operation::Subscribe(subscription) => Some(subscription),
        _ => None,
    }
}
