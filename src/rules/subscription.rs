//! Subscriptions to lists, with or without confirmation, and subscriptions withdrawn.
//!
//! Adding a profile to a list does not subscribe it, and subscribing lifts suppressions:
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use super::context::RuleContext;
use super::event;
use super::identity::Customer;
use super::phone::PhoneField;
use super::skip::Skip;
use crate::domain::{ListId, Timestamp};
use crate::json;
use crate::klaviyo::{Operation, Subscriber, Subscription, Unsubscription};
use crate::outcome::{IgnoreReason, RejectReason, Warning};
use crate::settings::{Channel, RuleSettings};

/// Returns the subscription that an identify asks for, if it asks for one, or a warning if it
/// cannot be made.
pub(super) fn from_identify(
    context: &RuleContext,
    customer: &Customer,
) -> Result<Option<Subscription>, Warning> {
    let list_id = match context.integration.options.text(&["listId"]) {
        Some(text) => ListId::parse(&text).ok_or(Warning::InvalidListId)?,
        None => match &context.settings.list_id {
            Some(list_id) => list_id.clone(),
            None => return Ok(None),
        },
    };
    let subscriber = subscriber(customer, context.settings).ok_or(Warning::NotSubscribed)?;
    Ok(Some(Subscription {
        list_id,
        subscriber,
        consented_at: consented_at(context),
    }))
}

/// Returns the operation that a group asks for: `groupId` is a list, and `traits.subscribe` says
/// whether to subscribe or unsubscribe.
pub(super) fn from_group<'a>(
    context: &RuleContext,
    customer: &Customer,
) -> Result<Operation<'a>, Skip> {
    let message = context.message;
    let Some(subscribes) = message.traits.get("subscribe").and_then(json::boolean) else {
        return Err(Skip::Ignore(IgnoreReason::NoSubscribeTrait));
    };
    let Some(list_id) = message.group_id.as_deref().and_then(ListId::parse) else {
        return Err(Skip::Reject(RejectReason::InvalidListId));
    };
    let Some(subscriber) = subscriber(customer, context.settings) else {
        return Err(Skip::Ignore(IgnoreReason::NoConsentChannel));
    };
    if subscribes {
        let consented_at = consented_at(context);
        Ok(Operation::Subscribe(Subscription {
            list_id,
            subscriber,
            consented_at,
        }))
    } else {
        Ok(Operation::Unsubscribe(Unsubscription {
            list_id,
            subscriber,
        }))
    }
}

/// Returns the person with the channels that `CONSENT_CHANNELS` names and the message has an
/// identifier for.
fn subscriber(customer: &Customer, settings: &RuleSettings) -> Option<Subscriber> {
    let sms_number = if settings.consent_channels.contains(&Channel::Sms) {
        customer
            .phone
            .as_ref()
            .and_then(PhoneField::number)
            .cloned()
    } else {
        None
    };
    let includes_email = settings.consent_channels.contains(&Channel::Email);
    Subscriber::new(
        customer.identifiers.email().cloned(),
        includes_email,
        sms_number,
    )
}

/// Returns the moment of a consent that needs no confirmation: the message's time, since Klaviyo
/// refuses a moment in the future. `None` if Klaviyo is to ask for confirmation.
fn consented_at(context: &RuleContext) -> Option<Timestamp> {
    if needs_confirmation(context) {
        return None;
    }
    let now = context.now;
    match context.message.timestamp {
        Some(moment) if event::is_plausible(moment, now) => Timestamp::new(moment.min(now)),
        _ => Timestamp::new(now),
    }
}

/// Whether Klaviyo is to ask for confirmation. An override that cannot be read asks, because a
/// subscription without consent cannot be taken back.
fn needs_confirmation(context: &RuleContext) -> bool {
    match context.integration.options.get("confirmOptin") {
        Some(raw) if !json::is_null(raw) => json::boolean(raw).unwrap_or(true),
        _ => context.settings.confirm_optin,
    }
}
