//! What a message tells or asks the identity memory: whose ids its `userId` and `anonymousId` are.

use time::OffsetDateTime;

use super::context::RuleContext;
use super::identity::Customer;
use super::skip::Skip;
use super::{email, exchange_id, metric};
use crate::domain::Email;
use crate::json::{self, RawObject};
use crate::outcome::IgnoreReason;
use crate::segment::MessageType;

/// Ids that programs send when they have none, compared without regard to case. Strangers share them.
const NO_IDS: [&str; 24] = [
    "-",
    "-1",
    "0",
    "[object object]",
    "admin",
    "anonymous",
    "customer",
    "default",
    "false",
    "guest",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "null",
    "test",
    "true",
    "undefined",
    "unidentified",
    "unknown",
    "user",
    "visitor",
    "00000000-0000-0000-0000-000000000000",
];

/// The longest id that is remembered, in bytes.
const MAX_ID_BYTES: usize = 255;

/// An id of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonId {
    /// `userId`: the merchant's own.
    User(String),
    /// `anonymousId`: of a device.
    Visitor(String),
}

/// What a message tells or asks the identity memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clue {
    /// Nothing: it has no id, or needs no answer.
    Nothing,
    /// It has an address and ids of one person.
    Tells {
        /// The ids, at least one.
        ids: Vec<PersonId>,
        /// The address.
        email: Email,
        /// The time of the message.
        at: OffsetDateTime,
        /// Whether the address stands only among the properties, where it may be somebody else's.
        is_hearsay: bool,
    },
    /// It has no address, and would be sent if it had one.
    Asks {
        /// The user's id, else the visitor's.
        id: PersonId,
        /// The time of the message.
        at: OffsetDateTime,
        /// Whether it is an event that nobody's profile can have without an address.
        is_nobodys_event: bool,
    },
    /// The person is to be forgotten.
    Forget {
        /// The merchant's own id of the person, or their address.
        user_id: String,
    },
}

/// Returns the clue of a message that is for Klaviyo and that its person agrees to.
pub(super) fn from_context(context: &RuleContext) -> Clue {
    let message = context.message;
    if message.message_type == MessageType::Delete {
        return match &message.user_id {
            Some(user_id) => Clue::Forget {
                user_id: user_id.to_string(),
            },
            None => Clue::Nothing,
        };
    }
    let user = message.user_id.as_deref().filter(|id| is_of_one_person(id));
    let user = user.map(|id| PersonId::User(id.to_owned()));
    let visitor = message
        .anonymous_id
        .as_deref()
        .filter(|id| is_of_one_person(id));
    let visitor = visitor.map(|id| PersonId::Visitor(id.to_owned()));
    let at = moment(context);
    if let Some((email, is_own)) = address(context) {
        if message.message_type == MessageType::Group && !is_own {
            return Clue::Nothing;
        }
        // A user id that is an address needs no memory.
        let is_address = message
            .user_id
            .as_deref()
            .is_some_and(|id| Email::parse(id).is_some());
        let has_user = user.is_some();
        let user = user.filter(|_| !is_address);
        let ids: Vec<_> = user.into_iter().chain(visitor).collect();
        if ids.is_empty() {
            return Clue::Nothing;
        }
        return Clue::Tells {
            ids,
            email,
            at,
            // A guest who checks out has said who they are, as far as anybody knows.
            is_hearsay: !is_own && has_user,
        };
    }
    if !needs_address(context) {
        return Clue::Nothing;
    }
    // A user whom nobody knows may be at somebody else's device.
    match (&message.user_id, user, visitor) {
        (_, Some(id), _) | (None, None, Some(id)) => Clue::Asks {
            id,
            at,
            is_nobodys_event: is_nobodys_event(context),
        },
        _ => Clue::Nothing,
    }
}

/// Returns the address of the person, and whether it is said to be theirs: by a trait, or as the
/// user's id.
fn address(context: &RuleContext) -> Option<(Email, bool)> {
    let message = context.message;
    let in_object =
        |object: &RawObject| object.find(&["email"], |raw| Email::parse(&json::identifier(raw)?));
    // The traits of a group are the group's.
    let of_traits = match message.message_type {
        MessageType::Group => None,
        _ => in_object(&message.traits),
    };
    let own = of_traits
        .or_else(|| in_object(&message.context_traits))
        .or_else(|| Email::parse(message.user_id.as_deref()?));
    match own {
        Some(email) => Some((email, true)),
        None => Some((email::find(context)?, false)),
    }
}

/// Whether a message without an address would be sent with one.
fn needs_address(context: &RuleContext) -> bool {
    let settings = context.settings;
    let is_sent = match context.message.message_type {
        MessageType::Identify => true,
        MessageType::Track => metric::name(context).is_ok(),
        MessageType::Page => settings.send_pages && metric::name(context).is_ok(),
        MessageType::Screen => settings.send_screens && metric::name(context).is_ok(),
        MessageType::Group => true,
        MessageType::Delete | MessageType::Other => false,
    };
    // Klaviyo's own id says who it is.
    let has_exchange_id = || {
        let traits = match context.message.message_type {
            MessageType::Identify => &context.message.traits,
            _ => &context.message.context_traits,
        };
        settings.accept_kx && exchange_id::find(context, traits).is_some()
    };
    is_sent && !has_exchange_id()
}

/// Whether a message without an address is an event that is ignored for the lack of one.
fn is_nobodys_event(context: &RuleContext) -> bool {
    let is_event = matches!(
        context.message.message_type,
        MessageType::Track | MessageType::Page | MessageType::Screen
    );
    let nobody = |customer: Result<Customer, Skip>| {
        matches!(
            customer.err(),
            Some(Skip::Ignore(
                IgnoreReason::NoEmail(_) | IgnoreReason::NoIdentifier(_)
            ))
        )
    };
    is_event && nobody(Customer::from_context(context))
}

/// Whether an id can be that of one person.
fn is_of_one_person(id: &str) -> bool {
    id.len() <= MAX_ID_BYTES && !NO_IDS.iter().any(|none| id.eq_ignore_ascii_case(none))
}

/// Returns the time of the message; no later than its arrival, as a clock that is ahead would hide
/// whoever comes next.
fn moment(context: &RuleContext) -> OffsetDateTime {
    let moment = context.message.timestamp;
    let is_plausible = |moment: &OffsetDateTime| super::event::is_plausible(*moment, context.now);
    match moment.filter(is_plausible) {
        Some(moment) => moment.min(context.now),
        None => context.now,
    }
}
