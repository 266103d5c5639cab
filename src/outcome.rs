//! The outcomes of messages, and their reasons.
//!
//! Every message ends in one [`Outcome`]. A rule gives an [`IgnoreReason`] or [`RejectReason`], a
//! failed request a [`RejectReason`] or [`RetryReason`], and a [`Warning`] says what a merchant
//! should know although the message is delivered. Outcomes become an HTTP status in one place,
//! [`response`](crate::response). `reason()` gives the stable names that answers, logs and queue
//! entries hold; the text of each error says what is wrong and what is accepted, and never holds a
//! value of the message.

mod email_place;
mod klaviyo_detail;
mod warning;

use std::fmt;

use thiserror::Error;

pub use email_place::EmailPlace;
pub use klaviyo_detail::KlaviyoDetail;
pub use warning::{LeftOut, Warning};

/// The outcome of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Klaviyo has acknowledged all of its operations.
    Delivered,
    /// A rule says not to send it.
    Ignored(IgnoreReason),
    /// It can never succeed.
    Rejected(RejectReason),
    /// Klaviyo cannot take it now, and it waits in the retry queue.
    Queued(RetryReason),
    /// Klaviyo cannot take it now, and its sender should send it again.
    Retry(RetryReason),
}

/// The rule by which a message is not sent.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum IgnoreReason {
    /// `integrations` turns Klaviyo off.
    #[error("the message's integrations object turns Klaviyo off")]
    IntegrationOff,
    /// The person has not agreed to every purpose of `CONSENT_REQUIRED`.
    #[error("context.consent.categoryPreferences lacks a category of CONSENT_REQUIRED")]
    NoConsent,
    /// `ENFORCE_EMAIL` is on, and there is no valid address; the place of one that is not read.
    #[error(
        "no valid email in traits.email, properties.email, context.traits.email or userId \
         (ENFORCE_EMAIL is on){hint}", hint = EmailHint(.0)
    )]
    NoEmail(Option<EmailPlace>),
    /// Nothing identifies the person; the place of an address that is not read.
    #[error(
        "no email, no userId and no phone number (an anonymousId counts with \
         FALLBACK_ON_ANONYMOUS_ID){hint}", hint = EmailHint(.0)
    )]
    NoIdentifier(Option<EmailPlace>),
    /// The event waits until somebody says whose its ids are.
    #[error(
        "no email: waits in MEMORY_TABLE until somebody says whose its userId or anonymousId is \
         (HOLD_ANONYMOUS_HOURS)"
    )]
    Held,
    /// `EVENTS_ALLOWED` or `EVENTS_BLOCKED` filters the event out.
    #[error("EVENTS_ALLOWED or EVENTS_BLOCKED filters this event out")]
    EventFiltered,
    /// A group neither subscribes nor unsubscribes.
    #[error("a group needs traits.subscribe, true or false")]
    NoSubscribeTrait,
    /// A group is about a person who has no address for any channel.
    #[error("no identifier for any channel of CONSENT_CHANNELS")]
    NoConsentChannel,
    /// An audience is not connected to a list.
    #[error(
        "context.personas.external_audience_id names no Klaviyo list, and AUDIENCE_LISTS has none for \
         the audience's key"
    )]
    NoAudienceList,
    /// No rule is on for messages of this type.
    #[error(
        "this type of message is not sent (SEND_PAGES, SEND_SCREENS, GROUP_LISTS, HONOR_DELETIONS)"
    )]
    UnsupportedType,
}

/// The reason why a message can never succeed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RejectReason {
    /// An element of a batch is no message.
    #[error("not a Segment message: expected a JSON object with a type")]
    NotAMessage,
    /// A track has no usable name.
    #[error("event must be a name of 1 to 127 characters")]
    InvalidEventName,
    /// The id is longer than Klaviyo accepts.
    #[error("userId or anonymousId must have at most 255 characters")]
    ExternalIdTooLong,
    /// An event has over 400 properties.
    #[error("properties must not have more than 400 keys")]
    TooManyProperties,
    /// Properties have over 10 levels of objects.
    #[error("properties must not have more than 10 levels of objects")]
    NestedTooDeeply,
    /// Traits have over 100 levels.
    #[error("traits must not have more than 100 levels of objects and arrays")]
    TraitsNestedTooDeeply,
    /// A whole number does not fit into 64 bits.
    #[error("whole numbers in properties must fit into 64 bits")]
    NumberTooLarge,
    /// A string is over 100 KB.
    #[error("no string in properties may be over 100 KB")]
    StringTooLong,
    /// An array has over 4,000 elements.
    #[error("no array in properties may have over 4,000 elements")]
    ArrayTooLong,
    /// An event is over 5 MB.
    #[error("properties must not be over 5 MB")]
    EventTooLarge,
    /// A profile is over 100 KB.
    #[error("a profile must not be over 100 KB")]
    ProfileTooLarge,
    /// The id of a group is no list id.
    #[error("groupId must be a Klaviyo list id: letters and digits, such as Y6nRLr")]
    InvalidListId,
    /// Klaviyo knows nobody whom the deletion could be about, so an operator has to look.
    #[error("no Klaviyo profile has this userId as its email or external_id: delete it by hand")]
    DeletionUnresolved,
    /// Klaviyo did not answer two attempts to subscribe the person.
    #[error(
        "Klaviyo did not answer two subscriptions: see there whether the person is subscribed, and \
         redrive the message if not"
    )]
    SubscriptionUnanswered,
    /// The message has waited too long; the reason why it was last to be retried.
    #[error("not delivered within 12 hours, at last because: {0}")]
    GivenUp(RetryReason),
    /// A rule panicked.
    #[error("an internal error: please report it with the message's type")]
    InternalError,
    /// Klaviyo refused the request. Its own text could quote the message, so answers and logs hold
    /// only the code and the place.
    #[error("Klaviyo answered {status}: {code} at {pointer}")]
    RefusedByKlaviyo {
        /// The HTTP status.
        status: u16,
        /// Klaviyo's error code, such as `invalid`.
        code: String,
        /// The JSON pointer into the request that Klaviyo names.
        pointer: String,
        /// Klaviyo's own words, for dead letters only.
        detail: KlaviyoDetail,
    },
}

/// The reason why a message is not finished.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum RetryReason {
    /// Klaviyo throttles; the seconds that it asks to wait, if it says.
    #[error("Klaviyo throttles")]
    Throttled(Option<u64>),
    /// Klaviyo throttles single requests, but a job has a limit of its own; the seconds that it asks to
    /// wait.
    #[error("Klaviyo throttles")]
    ThrottledSingly(Option<u64>),
    /// Klaviyo answers 5xx, or the answer does not come from Klaviyo.
    #[error("Klaviyo is unavailable")]
    Unavailable,
    /// Klaviyo cannot be reached, or the connection broke.
    #[error("Klaviyo cannot be reached")]
    Unreachable,
    /// Klaviyo does not serve this revision of its API, or this path or format, any more.
    #[error("Klaviyo does not serve this version any more: update segment-klaviyo")]
    RevisionRefused,
    /// Klaviyo does not accept the key, even after the secret was refreshed.
    #[error("Klaviyo rejects klaviyo_api_key, or the key lacks a scope")]
    ApiKeyRejected,
    /// The time for the delivery is over.
    #[error("no time left")]
    Timeout,
    /// Klaviyo did not answer a subscription. It may have asked the person, so the next attempt waits
    /// for 30 minutes, within which Klaviyo holds repeats back.
    #[error("Klaviyo did not answer a subscription, which waits for 30 minutes")]
    SubscriptionUnanswered,
    /// Another attempt to subscribe the person may be under way, or was cut off. It is waited for.
    #[error(
        "another attempt to subscribe the person may be under way: waits for 30 minutes at most"
    )]
    SubscriptionUnderWay,
    /// The ledger of consents cannot be written, so nobody knows whether the person was asked.
    #[error("the table of MEMORY_TABLE cannot be written")]
    LedgerUnavailable,
    /// The message waits for a job, before anything of it was sent (`INTAKE`).
    #[error("waits in the queue for a job (INTAKE is Queued)")]
    Intake,
    /// The identity memory cannot be read, so nobody knows whom the message is about; or it cannot be
    /// told whom its ids are.
    #[error("the table of MEMORY_TABLE cannot be read or written, and says who somebody is")]
    MemoryUnavailable,
    /// A queue could not be written.
    #[error("the queue cannot be written")]
    QueueWriteFailed,
    /// A subscription waits, because something before it is not finished and would make the sender
    /// repeat both.
    #[error("waits for the rest of the delivery")]
    WaitingForBatch,
}

/// What to do about an address that is not read.
struct EmailHint<'p>(&'p Option<EmailPlace>);

impl fmt::Display for EmailHint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Some(place) => write!(f, "; {place} holds one: set EMAIL_FROM={place}"),
            None => Ok(()),
        }
    }
}

impl IgnoreReason {
    /// Returns the stable name of the rule.
    pub fn reason(&self) -> &'static str {
        match self {
            IgnoreReason::IntegrationOff => "integration_off",
            IgnoreReason::NoConsent => "no_consent",
            IgnoreReason::NoEmail(_) => "no_email",
            IgnoreReason::NoIdentifier(_) => "no_identifier",
            IgnoreReason::Held => "held",
            IgnoreReason::EventFiltered => "event_filtered",
            IgnoreReason::NoSubscribeTrait => "no_subscribe_trait",
            IgnoreReason::NoConsentChannel => "no_consent_channel",
            IgnoreReason::NoAudienceList => "no_audience_list",
            IgnoreReason::UnsupportedType => "unsupported_type",
        }
    }
}

impl RejectReason {
    /// Returns the stable name of the reason.
    pub fn reason(&self) -> &'static str {
        match self {
            RejectReason::NotAMessage => "not_a_message",
            RejectReason::InvalidEventName => "invalid_event_name",
            RejectReason::ExternalIdTooLong => "external_id_too_long",
            RejectReason::TooManyProperties => "too_many_properties",
            RejectReason::NestedTooDeeply | RejectReason::TraitsNestedTooDeeply => {
                "nested_too_deeply"
            }
            RejectReason::NumberTooLarge => "number_too_large",
            RejectReason::StringTooLong => "string_too_long",
            RejectReason::ArrayTooLong => "array_too_long",
            RejectReason::EventTooLarge => "event_too_large",
            RejectReason::ProfileTooLarge => "profile_too_large",
            RejectReason::InvalidListId => "invalid_list_id",
            RejectReason::DeletionUnresolved => "deletion_unresolved",
            RejectReason::SubscriptionUnanswered => "subscription_unanswered",
            RejectReason::GivenUp(_) => "given_up",
            RejectReason::InternalError => "internal_error",
            RejectReason::RefusedByKlaviyo { .. } => "refused_by_klaviyo",
        }
    }
}

impl RetryReason {
    /// Returns the stable name of the reason. Some are older than the names in the code, and stay:
    /// queue entries, log queries and alarms hold them.
    pub fn reason(&self) -> &'static str {
        match self {
            RetryReason::Throttled(_) | RetryReason::ThrottledSingly(_) => "throttled",
            RetryReason::Unavailable => "klaviyo_unavailable",
            RetryReason::Unreachable => "klaviyo_unreachable",
            RetryReason::RevisionRefused => "klaviyo_revision_refused",
            RetryReason::ApiKeyRejected => "klaviyo_key_refused",
            RetryReason::Timeout => "out_of_time",
            RetryReason::SubscriptionUnanswered => "subscription_unanswered",
            RetryReason::SubscriptionUnderWay => "subscription_under_way",
            RetryReason::LedgerUnavailable => "ledger_unavailable",
            RetryReason::Intake => "intake",
            RetryReason::MemoryUnavailable => "memory_unavailable",
            RetryReason::QueueWriteFailed => "queue_unwritable",
            RetryReason::WaitingForBatch => "held_back",
        }
    }
}
