//! Facts that a merchant should know although a message is delivered.

use thiserror::Error;

/// A fact that a merchant should know although the message is delivered.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// A field is there and cannot be used. The rest of the message is delivered without it.
    #[error("{0}")]
    FieldLeftOut(LeftOut),
    /// A list is named, but there is no identifier for any channel.
    #[error(
        "profile updated but not subscribed: no identifier for any channel of CONSENT_CHANNELS"
    )]
    NotSubscribed,
    /// The list is named by a value that is no list id.
    #[error("profile updated but not subscribed: listId is not a Klaviyo list id")]
    InvalidListId,
    /// The person has left, and the message is no later wish to come back.
    #[error(
        "profile updated but not subscribed: the person unsubscribed or is suppressed (RESUBSCRIBE)"
    )]
    UnsubscribedBefore,
    /// Klaviyo does not say whether the person has left.
    #[error("profile updated but not subscribed: klaviyo_api_key lacks profiles:read")]
    ConsentUnknown,
    /// The message may not switch the confirmation off.
    #[error("confirmation asked for although confirmOptin is false (CONFIRM_OPTIN_OVERRIDE)")]
    ConfirmationKept,
    /// Another message of the delivery is the same event.
    #[error("sent once: another message of the delivery is the same event")]
    Duplicate,
    /// The event looks like a completed order and has another name.
    #[error(
        "recorded as an event and not as an order: if it is a completed order, put its name into \
         ORDER_EVENTS"
    )]
    NearlyAnOrder,
    /// The address is at `example.com` or `test.com`.
    #[error("Klaviyo drops events of @example.com and @test.com addresses silently")]
    DroppedByKlaviyo,
}

/// A field that is left out of a message, and what it accepts. Neither text may hold a value.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("{field} was left out: expected {expected}")]
pub struct LeftOut {
    /// The name of the field, as merchants know it: `revenue`, `currency`, `phone`.
    pub field: &'static str,
    /// What it accepts, such as `a number such as 39.95`.
    pub expected: &'static str,
}

impl Warning {
    /// Returns the stable name of the warning.
    pub fn reason(&self) -> &'static str {
        match self {
            Warning::FieldLeftOut(_) => "field_left_out",
            Warning::NotSubscribed => "not_subscribed",
            Warning::InvalidListId => "invalid_list_id",
            Warning::UnsubscribedBefore => "unsubscribed_before",
            Warning::ConsentUnknown => "consent_unknown",
            Warning::ConfirmationKept => "confirmation_kept",
            Warning::Duplicate => "duplicate",
            Warning::NearlyAnOrder => "nearly_an_order",
            Warning::DroppedByKlaviyo => "dropped_by_klaviyo",
        }
    }
}
