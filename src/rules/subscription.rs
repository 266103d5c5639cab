//! Subscriptions to lists, with or without confirmation, and subscriptions withdrawn.
//!
//! Adding a profile to a list does not subscribe it, and subscribing lifts suppressions:
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use super::consent::{self, Agreement};
use super::context::RuleContext;
use super::event;
use super::identity::Customer;
use super::phone::PhoneField;
use super::skip::Skip;
use crate::domain::{ListId, Timestamp};
use crate::json;
use crate::klaviyo::{Operation, Subscriber, Subscription, Unsubscription, Wish};
use crate::outcome::{IgnoreReason, LeftOut, RejectReason, Warning};
use crate::segment::Message;
use crate::settings::{Channel, ConfirmOptinOverride, Resubscribe};

const SMS_CONSENT: LeftOut = LeftOut {
    field: "sms consent",
    expected: "a phone number that can be read",
};

/// A list, and who asks for it.
struct RequestedList {
    id: ListId,
    /// Whether the message itself names it. Otherwise it is that of `LIST_ID`.
    is_named_by_message: bool,
}

/// Returns the subscription or unsubscription that an identify asks for, if it asks for one, or a
/// warning if it cannot be made.
pub(super) fn from_identify<'a>(
    context: &RuleContext,
    customer: &Customer,
) -> Result<Option<Operation<'a>>, Warning> {
    let Some(list) = requested_list(context)? else {
        return Ok(None);
    };
    let agreement = consent::agreement(context);
    if let Agreement::Unknown = agreement {
        return Ok(None);
    }
    let subscriber = subscriber(context, customer).ok_or(Warning::NotSubscribed)?;
    if let Agreement::Withdrawn = agreement {
        return Ok(Some(Operation::Unsubscribe(Unsubscription {
            list_id: list.id,
            subscriber,
            asked_at: asked_at(context),
        })));
    }
    // Whoever is at the device now has not given this address.
    if customer.is_remembered {
        return Err(Warning::NotSubscribed);
    }
    let mut subscription = subscription(context, list, subscriber);
    if let Agreement::Since(moment) = agreement
        && let Some(moment) = Timestamp::new(moment)
    {
        subscription.consented_at = subscription.consented_at.map(|_| moment);
        if context.settings.consent.resubscribe != Resubscribe::Never {
            subscription.wish = Wish::At(moment);
        }
    }
    Ok(Some(Operation::Subscribe(subscription)))
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
    let Some(id) = message.group_id.as_deref().and_then(ListId::parse) else {
        return Err(Skip::Reject(RejectReason::InvalidListId));
    };
    let Some(subscriber) = subscriber(context, customer) else {
        return Err(Skip::Ignore(IgnoreReason::NoConsentChannel));
    };
    if subscribes && customer.is_remembered {
        Err(Skip::Ignore(IgnoreReason::NoConsentChannel))
    } else if subscribes {
        let list = RequestedList {
            id,
            is_named_by_message: true,
        };
        let subscription = subscription(context, list, subscriber);
        Ok(Operation::Subscribe(subscription))
    } else {
        Ok(Operation::Unsubscribe(Unsubscription {
            list_id: id,
            subscriber,
            asked_at: asked_at(context),
        }))
    }
}

/// Returns the list that an identify subscribes to. `listId` of `null`, `false` or `""` is no list,
/// and one that cannot be read is never replaced by `LIST_ID`: the message means another list.
fn requested_list(context: &RuleContext) -> Result<Option<RequestedList>, Warning> {
    if let Some(raw) = context.integration.options.get("listId") {
        if json::is_blank(raw) || json::boolean(raw) == Some(false) {
            return Ok(None);
        }
        let id = json::identifier(raw).and_then(|text| ListId::parse(&text));
        return Ok(Some(RequestedList {
            id: id.ok_or(Warning::InvalidListId)?,
            is_named_by_message: true,
        }));
    }
    // Engage identifies a person when it has computed something, not when the person does something.
    if context.message.is_from_engage {
        return Ok(None);
    }
    let list_id = context.settings.list_id.clone();
    Ok(list_id.map(|id| RequestedList {
        id,
        is_named_by_message: false,
    }))
}

fn subscription(
    context: &RuleContext,
    list: RequestedList,
    subscriber: Subscriber,
) -> Subscription {
    let asked_at = asked_at(context);
    // What the message asks for is wished for when it first arrives, however old it is. Only while
    // it waits in a queue can the person leave after that.
    let wish_of_message = match Timestamp::new(context.now) {
        Some(arrival) => Wish::At(arrival),
        None => Wish::Standing,
    };
    let wish = match context.settings.consent.resubscribe {
        Resubscribe::Always => wish_of_message,
        Resubscribe::OnRequest if list.is_named_by_message => wish_of_message,
        Resubscribe::OnRequest | Resubscribe::Never => Wish::Standing,
    };
    let consented_at = if needs_confirmation(context) {
        None
    } else {
        Some(asked_at)
    };
    Subscription {
        list_id: list.id,
        subscriber,
        consented_at,
        wish,
        asked_at,
        date_of_birth: consent::date_of_birth(context),
    }
}

/// Returns the person with the channels that `CONSENT_CHANNELS` names and the message has an
/// identifier for.
fn subscriber(context: &RuleContext, customer: &Customer) -> Option<Subscriber> {
    let channels = &context.settings.consent_channels;
    let mut sms_number = None;
    if channels.contains(&Channel::Sms) {
        match &customer.phone {
            Some(PhoneField::Number(number)) => sms_number = Some(number.clone()),
            Some(PhoneField::Unreadable(_)) => context.leave_out(SMS_CONSENT),
            Some(PhoneField::Null) | None => {}
        }
    }
    let includes_email = channels.contains(&Channel::Email);
    Subscriber::new(
        customer.identifiers.email().cloned(),
        includes_email,
        sms_number,
    )
}

/// Returns the time of the message. Klaviyo refuses a consent in the future, so that a clock that
/// is ahead counts as the present.
fn asked_at(context: &RuleContext) -> Timestamp {
    let now = context.now;
    let moment = context
        .message
        .timestamp
        .filter(|moment| event::is_plausible(*moment, now));
    let moment = moment.map_or(now, |moment| moment.min(now));
    Timestamp::new(moment).unwrap_or(Timestamp::EPOCH)
}

/// Whether Klaviyo is to ask for confirmation. An override that cannot be read asks, because a
/// subscription without consent cannot be taken back.
fn needs_confirmation(context: &RuleContext) -> bool {
    let is_confirmed = context.settings.confirm_optin;
    let Some(raw) = context.integration.options.get("confirmOptin") else {
        return is_confirmed;
    };
    if json::is_null(raw) {
        return is_confirmed;
    }
    let wants_confirmation = json::boolean(raw).unwrap_or(true);
    if is_confirmed && !wants_confirmation && !may_override_confirmation(context) {
        context.warn(Warning::ConfirmationKept);
        return true;
    }
    wants_confirmation
}

fn may_override_confirmation(context: &RuleContext) -> bool {
    match context.settings.consent.confirm_optin_override {
        ConfirmOptinOverride::Any => true,
        ConfirmOptinOverride::Server => !is_from_client(context.message),
        ConfirmOptinOverride::Never => false,
    }
}

/// Whether a browser or an app sent the message. Anybody can do so: its write key is public.
fn is_from_client(message: &Message) -> bool {
    const CHANNELS: [&str; 3] = ["client", "browser", "mobile"];
    /// Parts of the names of Segment's libraries for browsers and apps:
    /// <https://segment.com/docs/connections/sources/catalog/>
    const LIBRARIES: [&str; 10] = [
        "analytics.js",
        "analytics-next",
        "ios",
        "android",
        "swift",
        "kotlin",
        "react-native",
        "flutter",
        "xamarin",
        "cordova",
    ];
    let channel = message.channel.as_deref().unwrap_or_default();
    let library = message.library.as_deref().unwrap_or_default();
    let library = library.to_ascii_lowercase();
    CHANNELS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(channel))
        || LIBRARIES.iter().any(|name| library.contains(name))
}
