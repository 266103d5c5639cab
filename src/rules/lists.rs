//! Identify → a subscription to a list, with or without asking for confirmation.
//!
//! Adding to a list does not subscribe, and subscribing lifts suppressions:
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use time::OffsetDateTime;

use super::identity::Person;
use super::integrations::Integration;
use super::phone::Phone;
use crate::klaviyo::Subscription;
use crate::outcome::Note;
use crate::segment::json::{self, Fields};
use crate::segment::{Message, timestamp};
use crate::settings::{Channel, Rules};

/// The subscription that an identify asks for, `None` when no list is named, or why there is none
/// although a list is.
pub(super) fn subscription<'a>(
    message: &Message<'a>,
    person: &Person<'a>,
    integration: &Integration<'a>,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Option<Subscription<'a>>, Note> {
    let options = integration.options();
    let Some(list_id) = options
        .text(&["listId"])
        .or_else(|| rules.list_id.clone().map(Into::into))
    else {
        return Ok(None);
    };
    let consents_to = |channel| rules.consent_channels.contains(&channel);
    let email = person
        .identity
        .email
        .clone()
        .filter(|_| consents_to(Channel::Email));
    let phone_number = person
        .phone
        .as_ref()
        .and_then(Phone::number)
        .filter(|_| consents_to(Channel::Sms));
    if email.is_none() && phone_number.is_none() {
        return Err(Note::NoConsentChannel);
    }
    let consented_at = if confirm(options, rules) {
        None
    } else {
        consent_time(message, now)
    };
    Ok(Some(Subscription {
        list_id,
        email,
        phone_number: phone_number.map(str::to_owned),
        consented_at,
    }))
}

/// Whether Klaviyo is to ask for confirmation. An override that cannot be read asks: to subscribe
/// somebody without consent cannot be undone.
fn confirm(options: &Fields, rules: &Rules) -> bool {
    match options
        .raw("confirmOptin")
        .filter(|raw| !json::is_null(raw))
    {
        Some(raw) => json::boolean(raw).unwrap_or(true),
        None => rules.confirm_optin,
    }
}

/// When consent was given: the message's time. Klaviyo refuses a moment in the future.
fn consent_time(message: &Message, now: OffsetDateTime) -> Option<String> {
    timestamp::write(message.timestamp.map_or(now, |moment| moment.min(now)))
}
