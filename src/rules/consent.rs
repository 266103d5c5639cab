//! Subscriptions to lists, with or without asking for confirmation, and subscriptions taken back.
//!
//! Adding to a list does not subscribe, and subscribing lifts suppressions:
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use time::OffsetDateTime;

use super::identity::Person;
use super::integrations::Integration;
use super::phone::Phone;
use super::{Stop, event};
use crate::klaviyo::{ListId, Operation, Subscriber, Subscription, Unsubscription};
use crate::outcome::{IgnoreReason, RejectReason, Warning};
use crate::segment::json::{self, Fields};
use crate::segment::{Message, timestamp};
use crate::settings::{Channel, RuleSettings};

/// The subscription that an identify asks for. A list that is named and not subscribed to is noted.
pub(super) fn of_identify(
    message: &Message,
    person: &Person,
    integration: &Integration,
    rules: &RuleSettings,
    now: OffsetDateTime,
    warnings: &mut Vec<Warning>,
) -> Option<Subscription> {
    let options = integration.options();
    let list_id = match options.text(&["listId"]) {
        Some(named) => {
            let list_id = ListId::parse(&named);
            if list_id.is_none() {
                warnings.push(Warning::InvalidListId);
            }
            list_id?
        }
        None => rules.list_id.clone()?,
    };
    let Some(who) = consenter(person, rules) else {
        warnings.push(Warning::NotSubscribed);
        return None;
    };
    Some(Subscription {
        list_id,
        who,
        consented_at: consented_at(message, options, rules, now),
    })
}

/// What a group asks for: `groupId` is a list, `traits.subscribe` says which way.
pub(super) fn of_group<'a>(
    message: &Message,
    person: &Person,
    integration: &Integration,
    rules: &RuleSettings,
    now: OffsetDateTime,
) -> Result<Operation<'a>, Stop> {
    let wish = message.traits.raw("subscribe").and_then(json::boolean);
    let subscribe = wish.ok_or(Stop::Ignore(IgnoreReason::NoSubscribeTrait))?;
    let list_id = message.group_id.as_deref().and_then(ListId::parse);
    let list_id = list_id.ok_or(Stop::Reject(RejectReason::InvalidListId))?;
    let who = consenter(person, rules).ok_or(Stop::Ignore(IgnoreReason::NoConsentChannel))?;
    Ok(if subscribe {
        let consented_at = consented_at(message, integration.options(), rules, now);
        Operation::Subscribe(Subscription {
            list_id,
            who,
            consented_at,
        })
    } else {
        Operation::Unsubscribe(Unsubscription { list_id, who })
    })
}

/// The person with the channels that the settings name and there is an identifier for.
fn consenter(person: &Person, rules: &RuleSettings) -> Option<Subscriber> {
    let means = |channel| rules.consent_channels.contains(&channel);
    let email = person.identity.email.clone();
    let phone_number = person
        .phone
        .as_ref()
        .and_then(Phone::number)
        .filter(|_| means(Channel::Sms));
    let by_email = email.is_some() && means(Channel::Email);
    let phone_number = phone_number.map(str::to_owned);
    (by_email || phone_number.is_some()).then_some(Subscriber {
        email,
        phone_number,
        by_email,
    })
}

/// When consent was given, for somebody who need not be asked: the message's time. Klaviyo refuses a
/// moment in the future.
fn consented_at(
    message: &Message,
    options: &Fields,
    rules: &RuleSettings,
    now: OffsetDateTime,
) -> Option<String> {
    if confirm(options, rules) {
        return None;
    }
    let moment = message
        .timestamp
        .filter(|moment| event::is_plausible(*moment, now));
    timestamp::write(moment.map_or(now, |moment| moment.min(now)))
}

/// Whether Klaviyo is to ask for confirmation. An override that cannot be read asks: to subscribe
/// somebody without consent cannot be undone.
fn confirm(options: &Fields, rules: &RuleSettings) -> bool {
    match options
        .raw("confirmOptin")
        .filter(|raw| !json::is_null(raw))
    {
        Some(raw) => json::boolean(raw).unwrap_or(true),
        None => rules.confirm_optin,
    }
}
