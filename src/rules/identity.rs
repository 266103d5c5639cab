//! Whose message it is: email as the primary identifier, as Klaviyo Classic had it.

use super::phone::Phone;
use super::{Stop, phone};
use crate::klaviyo::ProfileIdentifiers;
use crate::outcome::{IgnoreReason, RejectReason};
use crate::segment::json::Fields;
use crate::segment::{Message, MessageType};
use crate::settings::RuleSettings;

/// Klaviyo takes external ids up to this many characters.
pub(super) const EXTERNAL_ID_CHARACTERS: usize = 255;

/// Somebody, as far as a message tells.
pub(super) struct Person<'a> {
    /// What Klaviyo is to know them by.
    pub(super) identity: ProfileIdentifiers<'a>,
    /// Their phone number, if the message has one.
    pub(super) phone: Option<Phone<'a>>,
}

impl<'a> Person<'a> {
    /// The person, or the rule that says the message cannot be told from anybody's.
    pub(super) fn read(message: &Message<'a>, rules: &RuleSettings) -> Result<Self, Stop> {
        let sources: &[&Fields] = match message.message_type {
            MessageType::Identify => &[&message.traits],
            MessageType::Group => &[&message.traits, &message.context_traits],
            _ => &[&message.context_traits, &message.properties],
        };
        let phone = phone::read(sources, rules.default_country);
        Ok(Person {
            identity: identity(message, rules)?,
            phone,
        })
    }
}

fn identity<'a>(
    message: &Message<'a>,
    rules: &RuleSettings,
) -> Result<ProfileIdentifiers<'a>, Stop> {
    let email = email_of(message);
    if rules.enforce_email {
        let email = Some(email.ok_or(Stop::Ignore(IgnoreReason::NoEmail))?);
        return Ok(ProfileIdentifiers {
            email,
            external_id: None,
        });
    }
    let user_id = message.user_id.clone().filter(|id| {
        email
            .as_ref()
            .is_none_or(|email| !id.eq_ignore_ascii_case(email))
    });
    let anonymous_id = || {
        message
            .anonymous_id
            .clone()
            .filter(|_| rules.fallback_on_anonymous_id)
    };
    let external_id = user_id.or_else(|| {
        if email.is_none() {
            anonymous_id()
        } else {
            None
        }
    });
    if external_id
        .as_ref()
        .is_some_and(|id| id.chars().count() > EXTERNAL_ID_CHARACTERS)
    {
        return Err(Stop::Reject(RejectReason::ExternalIdTooLong));
    }
    if email.is_none() && external_id.is_none() {
        return Err(Stop::Ignore(IgnoreReason::NoIdentifier));
    }
    Ok(ProfileIdentifiers { email, external_id })
}

/// The first valid address of `traits.email`, `properties.email`, `context.traits.email` and `userId`.
fn email_of(message: &Message) -> Option<String> {
    let of = |fields: &Fields| fields.text(&["email"]).and_then(|text| email(&text));
    of(&message.traits)
        .or_else(|| of(&message.properties))
        .or_else(|| of(&message.context_traits))
        .or_else(|| email(message.user_id.as_deref()?))
}

/// The longest address that mail knows (RFC 5321).
const EMAIL_BYTES: usize = 254;

/// An address by the form that Klaviyo asks for, lower-cased: one `@`, a domain with a dot in it. No more
/// is asked: carriers have given out addresses such as `a..b@` that no standard allows.
pub(super) fn email(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let (name, top) = domain.rsplit_once('.')?;
    let stray = |c: char| c.is_whitespace() || c.is_control() || "@<>()[]\\,;:\"".contains(c);
    let whole = [local, name, top]
        .iter()
        .all(|part| !part.is_empty() && !part.contains(stray));
    (whole && text.len() <= EMAIL_BYTES).then(|| text.to_lowercase())
}

impl ProfileIdentifiers<'_> {
    /// Klaviyo answers 202 to events of these two domains and drops them.
    pub(super) fn is_dropped_by_klaviyo(&self) -> bool {
        let domain = self
            .email
            .as_deref()
            .and_then(|email| email.rsplit_once('@'))
            .map(|(_, domain)| domain);
        matches!(domain, Some("example.com" | "test.com"))
    }
}

#[cfg(test)]
mod tests {
    use super::email;

    #[test]
    fn addresses_are_lower_cased_and_must_have_a_domain() {
        for (text, expected) in [
            (
                "Sarah.Mason@Klaviyo-Demo.com",
                Some("sarah.mason@klaviyo-demo.com"),
            ),
            ("a+b@klaviyo-demo.co.uk", Some("a+b@klaviyo-demo.co.uk")),
            ("a..b.@klaviyo-demo.ne.jp", Some("a..b.@klaviyo-demo.ne.jp")),
            ("\"a b\"@klaviyo-demo.com", None),
            ("sarah@klaviyo-demo.com, li@klaviyo-demo.com", None),
            ("sarah@klaviyo-demo.", None),
            ("@klaviyo-demo.com", None),
            ("sarah", None),
            ("sarah@localhost", None),
            ("sarah mason@klaviyo-demo.com", None),
            ("Sarah <sarah@klaviyo-demo.com>", None),
            ("sarah@[127.0.0.1]", None),
            ("a@b@klaviyo-demo.com", None),
            ("", None),
        ] {
            assert_eq!(email(text).as_deref(), expected, "{text}");
        }
    }
}
