//! The person a message is about. Email is the primary identifier, as it was in Klaviyo Classic.

use std::borrow::Cow;

use super::phone::{self, PhoneField};
use super::skip::Skip;
use crate::domain::{Email, ExternalId};
use crate::json::{self, RawObject};
use crate::klaviyo::ProfileIdentifiers;
use crate::outcome::{IgnoreReason, RejectReason};
use crate::segment::{Message, MessageType};
use crate::settings::RuleSettings;

/// The person a message is about.
pub(super) struct Customer<'a> {
    /// The identifiers to send.
    pub(super) identifiers: ProfileIdentifiers<'a>,
    /// The phone number, if the message has one.
    pub(super) phone: Option<PhoneField<'a>>,
}

impl<'a> Customer<'a> {
    /// Returns the person, or the reason why the message has none.
    pub(super) fn from_message(
        message: &Message<'a>,
        settings: &RuleSettings,
    ) -> Result<Self, Skip> {
        let sources: &[&RawObject] = match message.message_type {
            MessageType::Identify => &[&message.traits],
            MessageType::Group => &[&message.traits, &message.context_traits],
            _ => &[&message.context_traits, &message.properties],
        };
        let phone = phone::find(sources, settings.default_country);
        Ok(Customer {
            identifiers: identifiers(message, settings)?,
            phone,
        })
    }
}

fn identifiers<'a>(
    message: &Message<'a>,
    settings: &RuleSettings,
) -> Result<ProfileIdentifiers<'a>, Skip> {
    let email = find_email(message);
    if settings.enforce_email {
        return match email {
            Some(email) => Ok(ProfileIdentifiers::Email {
                email,
                external_id: None,
            }),
            None => Err(Skip::Ignore(IgnoreReason::NoEmail)),
        };
    }
    match email {
        Some(email) => {
            // A userId that is the email again says nothing new.
            let external_id = match &message.user_id {
                Some(user_id) if !user_id.eq_ignore_ascii_case(email.as_str()) => {
                    Some(external_id(user_id)?)
                }
                _ => None,
            };
            Ok(ProfileIdentifiers::Email { email, external_id })
        }
        None => {
            let fallback = match &message.anonymous_id {
                Some(anonymous_id) if settings.fallback_on_anonymous_id => Some(anonymous_id),
                _ => None,
            };
            match message.user_id.as_ref().or(fallback) {
                Some(id) => Ok(ProfileIdentifiers::ExternalId(external_id(id)?)),
                None => Err(Skip::Ignore(IgnoreReason::NoIdentifier)),
            }
        }
    }
}

fn external_id<'a>(id: &Cow<'a, str>) -> Result<ExternalId<'a>, Skip> {
    ExternalId::parse(id.clone()).ok_or(Skip::Reject(RejectReason::ExternalIdTooLong))
}

/// Returns the first valid address of `traits.email`, `properties.email`, `context.traits.email`
/// and `userId`.
fn find_email(message: &Message) -> Option<Email> {
    for object in [
        &message.traits,
        &message.properties,
        &message.context_traits,
    ] {
        let email = object
            .spellings("email")
            .find_map(|(_, raw)| Email::parse(&json::identifier(raw)?));
        if email.is_some() {
            return email;
        }
    }
    Email::parse(message.user_id.as_deref()?)
}
