//! How a message ends, and the reasons, in the words Segment and the log are told.

use thiserror::Error;

/// How one message of a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Klaviyo has acknowledged all of it.
    Delivered,
    /// A rule says not to send it.
    Ignored(Ignored),
    /// It can never succeed.
    Rejected(Rejected),
    /// Klaviyo cannot take it now, and it is kept in the retry queue.
    Queued(Unfinished),
    /// Klaviyo cannot take it now: Segment should resend.
    Retry(Unfinished),
}

/// The rule by which a message is not sent.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
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
pub enum Rejected {
    /// An element of a batch that is no message.
    #[error("not a Segment message: expected a JSON object with a type")]
    NotAMessage,
    /// A track without a usable name.
    #[error("event must be a name of 1 to 127 characters")]
    EventName,
    /// An external id that Klaviyo does not take.
    #[error("the id must have at most 255 characters")]
    ExternalIdTooLong,
    /// Over 400 properties.
    #[error("properties must not have more than 400 keys")]
    TooManyProperties,
    /// Over 10 levels.
    #[error("properties must not be nested deeper than 10 levels")]
    TooDeep,
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
    ListId,
    /// Nobody to forget: a person has to look.
    #[error("no Klaviyo profile has this userId as its email or external_id: delete it by hand")]
    DeletionUnresolved,
    /// A fault of this function's own.
    #[error("an internal error: please report it with the message's type")]
    Internal,
    /// Klaviyo's own refusal. Its words could quote the message, so only what they are about is kept.
    #[error("Klaviyo answered {status}: {code} at {pointer}")]
    Klaviyo {
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
pub enum Unfinished {
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
    KeyRefused,
    /// The time for the delivery is over.
    #[error("no time left")]
    OutOfTime,
    /// A queue that should keep it cannot be written.
    #[error("the queue cannot be written")]
    QueueUnwritable,
    /// Subscriptions go last, so that a resend does not repeat them; something before is not finished.
    #[error("waits for the rest of the delivery")]
    HeldBack,
}

/// What a merchant should know of a message although it is delivered.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A list is named, but no identifier for any of the channels.
    #[error(
        "profile updated but not subscribed: no identifier for any channel of CONSENT_CHANNELS"
    )]
    NoConsentChannel,
    /// A list is named by something that is no list id.
    #[error("profile updated but not subscribed: listId is not a Klaviyo list id")]
    ListIdUnreadable,
    /// `@example.com` or `@test.com`.
    #[error("Klaviyo drops events of @example.com and @test.com addresses silently")]
    DroppedDomain,
}

impl Ignored {
    /// The stable name of the rule.
    pub fn reason(&self) -> &'static str {
        match self {
            Ignored::IntegrationOff => "integration_off",
            Ignored::NoEmail => "no_email",
            Ignored::NoIdentifier => "no_identifier",
            Ignored::EventFiltered => "event_filtered",
            Ignored::NoSubscribeTrait => "no_subscribe_trait",
            Ignored::NoConsentChannel => "no_consent_channel",
            Ignored::NoAudienceList => "no_audience_list",
            Ignored::UnsupportedType => "unsupported_type",
        }
    }
}

impl Rejected {
    /// The stable name of the reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejected::NotAMessage => "not_a_message",
            Rejected::EventName => "invalid_event_name",
            Rejected::ExternalIdTooLong => "external_id_too_long",
            Rejected::TooManyProperties => "too_many_properties",
            Rejected::TooDeep => "nested_too_deeply",
            Rejected::StringTooLong => "string_too_long",
            Rejected::ArrayTooLong => "array_too_long",
            Rejected::EventTooLarge => "event_too_large",
            Rejected::ProfileTooLarge => "profile_too_large",
            Rejected::ListId => "invalid_list_id",
            Rejected::DeletionUnresolved => "deletion_unresolved",
            Rejected::Internal => "internal_error",
            Rejected::Klaviyo { .. } => "refused_by_klaviyo",
        }
    }
}

impl Unfinished {
    /// The stable name of the cause.
    pub fn reason(&self) -> &'static str {
        match self {
            Unfinished::Throttled(_) => "throttled",
            Unfinished::Unavailable => "klaviyo_unavailable",
            Unfinished::Unreachable => "klaviyo_unreachable",
            Unfinished::KeyRefused => "klaviyo_key_refused",
            Unfinished::OutOfTime => "out_of_time",
            Unfinished::QueueUnwritable => "queue_unwritable",
            Unfinished::HeldBack => "held_back",
        }
    }
}

impl Note {
    /// The stable name of the note.
    pub fn reason(&self) -> &'static str {
        match self {
            Note::NoConsentChannel => "not_subscribed",
            Note::ListIdUnreadable => "invalid_list_id",
            Note::DroppedDomain => "dropped_by_klaviyo",
        }
    }
}
