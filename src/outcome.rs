//! How a message ends, and the reasons, in the words Segment and the log are told.

use thiserror::Error;

/// How one message of a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Klaviyo has acknowledged all of it.
    Delivered,
    /// A rule says not to send it.
    Ignored(IgnoreReason),
    /// It can never succeed.
    Rejected(RejectReason),
    /// Klaviyo cannot take it now, and it is kept in the retry queue.
    Queued(RetryReason),
    /// Klaviyo cannot take it now: Segment should resend.
    Retry(RetryReason),
}

/// The rule by which a message is not sent.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum IgnoreReason {
    /// `integrations` turns Klaviyo off.
    #[error("integrations says that the message is not for Klaviyo")]
    IntegrationOff,
    /// `ENFORCE_EMAIL` and no valid address.
    #[error(
        "no valid email in traits.email, properties.email, context.traits.email or userId (ENFORCE_EMAIL is on)"
    )]
    NoEmail,
    /// Nothing to know the person by.
    #[error("no email and no userId (an anonymousId counts with FALLBACK_ON_ANONYMOUS_ID)")]
    NoIdentifier,
    /// `EVENTS_ALLOWED` or `EVENTS_BLOCKED`.
    #[error("EVENTS_ALLOWED or EVENTS_BLOCKED does not let the event through")]
    EventFiltered,
    /// A group that asks for nothing.
    #[error("a group needs traits.subscribe, true or false")]
    NoSubscribeTrait,
    /// A group of somebody who cannot be written to.
    #[error("no identifier for any channel of CONSENT_CHANNELS")]
    NoConsentChannel,
    /// An audience that is connected to no list.
    #[error("context.personas.external_audience_id names no Klaviyo list (AUDIENCE_LISTS is on)")]
    NoAudienceList,
    /// A type without a rule, or whose rule is off.
    #[error(
        "this type of message is not sent (SEND_PAGES, SEND_SCREENS, GROUP_LISTS, HONOR_DELETIONS)"
    )]
    UnsupportedType,
}

/// Why a message can never succeed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RejectReason {
    /// An element of a batch that is no message.
    #[error("not a Segment message: expected a JSON object with a type")]
    NotAMessage,
    /// A track without a usable name.
    #[error("event must be a name of 1 to 127 characters")]
    InvalidEventName,
    /// An external id that Klaviyo does not take.
    #[error("the id must have at most 255 characters")]
    ExternalIdTooLong,
    /// Over 400 properties.
    #[error("properties must not have more than 400 keys")]
    TooManyProperties,
    /// Over 10 levels.
    #[error("properties must not be nested deeper than 10 levels")]
    NestedTooDeeply,
    /// A string over 100 KB.
    #[error("no string in properties may be over 100 KB")]
    StringTooLong,
    /// An array over 4,000 elements.
    #[error("no array in properties may have over 4,000 elements")]
    ArrayTooLong,
    /// An event over 5 MB.
    #[error("properties must not be over 5 MB")]
    EventTooLarge,
    /// A profile over 100 KB.
    #[error("a profile must not be over 100 KB")]
    ProfileTooLarge,
    /// A group whose id is no list.
    #[error("groupId must be a Klaviyo list id: letters and digits, such as Y6nRLr")]
    InvalidListId,
    /// Nobody to forget: a person has to look.
    #[error("no Klaviyo profile has this userId as its email or external_id: delete it by hand")]
    DeletionUnresolved,
    /// A fault of this function's own.
    #[error("an internal error: please report it with the message's type")]
    InternalError,
    /// Klaviyo's own refusal. Its words could quote the message, so only what they are about is kept.
    #[error("Klaviyo answered {status}: {code} at {pointer}")]
    RefusedByKlaviyo {
        /// The HTTP status.
        status: u16,
        /// Klaviyo's error code, such as `invalid`.
        code: String,
        /// The JSON pointer into the request that Klaviyo names.
        pointer: String,
    },
}

/// Why a message is not finished.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum RetryReason {
    /// Klaviyo throttles; the seconds it asks to wait, if it says.
    #[error("Klaviyo throttles")]
    Throttled(Option<u64>),
    /// Klaviyo answers 5xx, or something that is not Klaviyo's answer.
    #[error("Klaviyo is unavailable")]
    Unavailable,
    /// Klaviyo cannot be reached, or the connection broke.
    #[error("Klaviyo cannot be reached")]
    Unreachable,
    /// Klaviyo does not accept the key, not even after a refresh of the secret.
    #[error("Klaviyo does not accept klaviyo_api_key (or it lacks a scope)")]
    ApiKeyRejected,
    /// The time for the delivery is over.
    #[error("no time left")]
    Timeout,
    /// A queue that should keep it cannot be written.
    #[error("the queue cannot be written")]
    QueueWriteFailed,
    /// Subscriptions go last, so that a resend does not repeat them; something before is not finished.
    #[error("waits for the rest of the delivery")]
    WaitingForBatch,
}

/// What a merchant should know of a message although it is delivered.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// A list is named, but no identifier for any of the channels.
    #[error(
        "profile updated but not subscribed: no identifier for any channel of CONSENT_CHANNELS"
    )]
    NotSubscribed,
    /// A list is named by something that is no list id.
    #[error("profile updated but not subscribed: listId is not a Klaviyo list id")]
    InvalidListId,
    /// `@example.com` or `@test.com`.
    #[error("Klaviyo drops events of @example.com and @test.com addresses silently")]
    DroppedByKlaviyo,
}

impl IgnoreReason {
    /// The stable name of the rule.
    pub fn reason(&self) -> &'static str {
        match self {
            IgnoreReason::IntegrationOff => "integration_off",
            IgnoreReason::NoEmail => "no_email",
            IgnoreReason::NoIdentifier => "no_identifier",
            IgnoreReason::EventFiltered => "event_filtered",
            IgnoreReason::NoSubscribeTrait => "no_subscribe_trait",
            IgnoreReason::NoConsentChannel => "no_consent_channel",
            IgnoreReason::NoAudienceList => "no_audience_list",
            IgnoreReason::UnsupportedType => "unsupported_type",
        }
    }
}

impl RejectReason {
    /// The stable name of the reason.
    pub fn reason(&self) -> &'static str {
        match self {
            RejectReason::NotAMessage => "not_a_message",
            RejectReason::InvalidEventName => "invalid_event_name",
            RejectReason::ExternalIdTooLong => "external_id_too_long",
            RejectReason::TooManyProperties => "too_many_properties",
            RejectReason::NestedTooDeeply => "nested_too_deeply",
            RejectReason::StringTooLong => "string_too_long",
            RejectReason::ArrayTooLong => "array_too_long",
            RejectReason::EventTooLarge => "event_too_large",
            RejectReason::ProfileTooLarge => "profile_too_large",
            RejectReason::InvalidListId => "invalid_list_id",
            RejectReason::DeletionUnresolved => "deletion_unresolved",
            RejectReason::InternalError => "internal_error",
            RejectReason::RefusedByKlaviyo { .. } => "refused_by_klaviyo",
        }
    }
}

impl RetryReason {
    /// The stable name of the cause.
    pub fn reason(&self) -> &'static str {
        match self {
            RetryReason::Throttled(_) => "throttled",
            RetryReason::Unavailable => "klaviyo_unavailable",
            RetryReason::Unreachable => "klaviyo_unreachable",
            RetryReason::ApiKeyRejected => "klaviyo_key_refused",
            RetryReason::Timeout => "out_of_time",
            RetryReason::QueueWriteFailed => "queue_unwritable",
            RetryReason::WaitingForBatch => "held_back",
        }
    }
}

impl Warning {
    /// The stable name of the note.
    pub fn reason(&self) -> &'static str {
        match self {
            Warning::NotSubscribed => "not_subscribed",
            Warning::InvalidListId => "invalid_list_id",
            Warning::DroppedByKlaviyo => "dropped_by_klaviyo",
        }
    }
}
