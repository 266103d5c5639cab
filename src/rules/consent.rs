//! What a person has agreed to: the purposes in the message's consent object, and the trait that
//! says whether to subscribe.

use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime};

use super::context::RuleContext;
use super::event;
use super::skip::Skip;
use crate::domain::parse_moment;
use crate::json;
use crate::outcome::{IgnoreReason, LeftOut};
use crate::segment::{Message, MessageType};
use crate::settings::ConsentSettings;

const CONSENT_TRAIT: LeftOut = LeftOut {
    field: "consent trait",
    expected: "true, false or the time of consent (CONSENT_TRAIT)",
};

const DATE_OF_BIRTH: LeftOut = LeftOut {
    field: "date of birth",
    expected: "a date such as 1990-04-02 (AGE_GATE_TRAIT)",
};

/// Ignores a message of a person who has not agreed to every purpose of `CONSENT_REQUIRED`:
/// <https://segment.com/docs/privacy/consent-management/>
///
/// A request to be forgotten needs nobody's consent.
pub(super) fn check_purposes(message: &Message, settings: &ConsentSettings) -> Result<(), Skip> {
    if settings.required_categories.is_empty() || message.message_type == MessageType::Delete {
        return Ok(());
    }
    let has_consent = match &message.consent_categories {
        Some(categories) => settings
            .required_categories
            .iter()
            .all(|name| categories.get(name).and_then(json::boolean) == Some(true)),
        None => settings.allows_missing_consent,
    };
    if has_consent {
        Ok(())
    } else {
        Err(Skip::Ignore(IgnoreReason::NoConsent))
    }
}

/// The answer of the trait that says whether to subscribe.
pub(super) enum Agreement {
    /// `CONSENT_TRAIT` is not set: whoever is identified is subscribed.
    Implied,
    /// The trait is true. Shops send it with every identify, so it is no fresh wish.
    Standing,
    /// The trait is the time of the consent.
    Since(OffsetDateTime),
    /// The trait is false.
    Withdrawn,
    /// The trait is not there or cannot be read.
    Unknown,
}

/// Reads the trait that says whether to subscribe.
pub(super) fn agreement(context: &RuleContext) -> Agreement {
    let Some(name) = &context.settings.consent.consent_trait else {
        return Agreement::Implied;
    };
    let Some(raw) = context.message.traits.get(name) else {
        return Agreement::Unknown;
    };
    if json::is_blank(raw) {
        return Agreement::Unknown;
    }
    match (json::boolean(raw), parse_moment(raw)) {
        (Some(true), _) => Agreement::Standing,
        (Some(false), _) => Agreement::Withdrawn,
        (None, Some(moment)) if event::is_plausible(moment, context.now) => {
            Agreement::Since(moment.min(context.now))
        }
        _ => {
            context.leave_out(CONSENT_TRAIT);
            Agreement::Unknown
        }
    }
}

/// Reads the date of birth, for accounts with an age gate:
/// <https://help.klaviyo.com/hc/en-us/articles/17252552814875>
pub(super) fn date_of_birth(context: &RuleContext) -> Option<Date> {
    let name = context.settings.consent.age_gate_trait.as_ref()?;
    let raw = context.message.traits.get(name)?;
    if json::is_blank(raw) {
        return None;
    }
    let text = json::string(raw).unwrap_or_default();
    let (date, _) = text.split_once(['T', ' ']).unwrap_or((&text, ""));
    let date = Date::parse(date, &Iso8601::DATE).ok();
    if date.is_none() {
        context.leave_out(DATE_OF_BIRTH);
    }
    date
}
