//! The person a message is about. Email is the primary identifier, as it was in Klaviyo Classic.

use std::borrow::Cow;

use super::context::RuleContext;
use super::email;
use super::exchange_id;
use super::phone::{self, PhoneField};
use super::skip::Skip;
use crate::domain::{Email, ExternalId, PhoneNumber};
use crate::json::RawObject;
use crate::klaviyo::ProfileIdentifiers;
use crate::outcome::{IgnoreReason, RejectReason};
use crate::segment::MessageType;

/// The person a message is about.
pub(super) struct Customer<'a> {
    /// The identifiers to send.
    pub(super) identifiers: ProfileIdentifiers<'a>,
    /// The phone number, if the message has one and may use it.
    pub(super) phone: Option<PhoneField<'a>>,
    /// Klaviyo's own id of the person.
    pub(super) exchange_id: Option<Cow<'a, str>>,
    /// Whether the address is not the message's own, but remembered. Nobody consents by it.
    pub(super) is_remembered: bool,
}

impl<'a> Customer<'a> {
    /// Returns the person, or the reason why the message has none.
    pub(super) fn from_context(context: &RuleContext<'_, 'a>) -> Result<Self, Skip> {
        let RuleContext {
            message, settings, ..
        } = context;
        let (traits, sources): (_, &[&RawObject]) = match message.message_type {
            MessageType::Identify => (&message.traits, &[&message.traits]),
            MessageType::Group => (
                &message.context_traits,
                &[&message.traits, &message.context_traits],
            ),
            // With email as the only identifier, an event has no phone number.
            _ if settings.enforce_email => (&message.context_traits, &[]),
            _ => (
                &message.context_traits,
                &[&message.context_traits, &message.properties],
            ),
        };
        let phone = phone::find(sources, settings.default_country);
        let exchange_id = exchange_id::find(context, traits);
        let number = phone.as_ref().and_then(PhoneField::number);
        let email = email::find(context);
        // An id of Klaviyo's own in the message says more than an address from another one.
        let says_who = email.is_some() || (settings.accept_kx && exchange_id.is_some());
        let remembered = context.remembered.filter(|_| !says_who);
        Ok(Customer {
            is_remembered: remembered.is_some(),
            identifiers: identifiers(
                context,
                email.or_else(|| remembered.cloned()),
                number,
                exchange_id.as_ref(),
            )?,
            phone,
            exchange_id,
        })
    }
}

fn identifiers<'a>(
    context: &RuleContext<'_, 'a>,
    email: Option<Email>,
    phone_number: Option<&PhoneNumber>,
    exchange_id: Option<&Cow<'a, str>>,
) -> Result<ProfileIdentifiers<'a>, Skip> {
    let RuleContext {
        message, settings, ..
    } = context;
    if settings.enforce_email {
        return match (email, exchange_id) {
            (Some(email), _) => Ok(ProfileIdentifiers::Email {
                email,
                external_id: None,
            }),
            (None, Some(id)) if settings.accept_kx => {
                Ok(ProfileIdentifiers::ExchangeId(id.clone()))
            }
            (None, _) => Err(Skip::Ignore(IgnoreReason::NoEmail(email::place_elsewhere(
                message,
            )))),
        };
    }
    if let Some(email) = email {
        // A userId that is the email again says nothing new.
        let external_id = match &message.user_id {
            Some(user_id) if !user_id.eq_ignore_ascii_case(email.as_str()) => {
                Some(external_id(user_id)?)
            }
            _ => None,
        };
        return Ok(ProfileIdentifiers::Email { email, external_id });
    }
    if let Some(user_id) = &message.user_id {
        return Ok(ProfileIdentifiers::ExternalId(external_id(user_id)?));
    }
    if let Some(number) = phone_number {
        return Ok(ProfileIdentifiers::PhoneNumber(number.clone()));
    }
    if let Some(exchange_id) = exchange_id {
        return Ok(ProfileIdentifiers::ExchangeId(exchange_id.clone()));
    }
    match &message.anonymous_id {
        Some(id) if settings.fallback_on_anonymous_id => {
            Ok(ProfileIdentifiers::ExternalId(external_id(id)?))
        }
        _ => Err(Skip::Ignore(IgnoreReason::NoIdentifier(
            email::place_elsewhere(message),
        ))),
    }
}

fn external_id<'a>(id: &Cow<'a, str>) -> Result<ExternalId<'a>, Skip> {
    ExternalId::parse(id.clone()).ok_or(Skip::Reject(RejectReason::ExternalIdTooLong))
}
