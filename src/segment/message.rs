//! One Segment message: <https://segment.com/docs/connections/spec/common/>

use std::borrow::Cow;

use thiserror::Error;
use time::OffsetDateTime;

use crate::domain::parse_moment;
use crate::json::{self, Raw, RawObject};

/// The `type` of a message, as Segment's spec names it:
/// <https://segment.com/docs/connections/spec/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// The traits of a person.
    Identify,
    /// An event with properties.
    Track,
    /// A view of a web page.
    Page,
    /// A view of a screen of an app.
    Screen,
    /// A group that a person belongs to.
    Group,
    /// A request to delete a person's data.
    Delete,
    /// Any other type: alias, or one that the spec does not name.
    Other,
}

impl MessageType {
    fn parse(name: &str) -> Self {
        match name {
            "identify" => MessageType::Identify,
            "track" => MessageType::Track,
            "page" => MessageType::Page,
            "screen" => MessageType::Screen,
            "group" => MessageType::Group,
            "delete" => MessageType::Delete,
            _ => MessageType::Other,
        }
    }
}

/// An element of a batch that is not a JSON object, or has no `type`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not a Segment message: expected a JSON object with a type")]
pub struct InvalidMessage;

/// A message. The values of its objects stay raw JSON until a rule reads them.
#[derive(Debug)]
pub struct Message<'a> {
    /// The message's own bytes. Their hash identifies a message without an id.
    pub raw: Raw<'a>,
    /// `type`.
    pub message_type: MessageType,
    /// `messageId`: Segment's id of the message, the same on every resend.
    pub message_id: Option<Cow<'a, str>>,
    /// `userId`: the merchant's id of the person.
    pub user_id: Option<Cow<'a, str>>,
    /// `anonymousId`: the id of a visitor who is not known yet.
    pub anonymous_id: Option<Cow<'a, str>>,
    /// `event`: the name of the event, in a track.
    pub event: Option<Cow<'a, str>>,
    /// `name`: the name of the page or screen.
    pub name: Option<Cow<'a, str>>,
    /// `groupId`: the id of the group.
    pub group_id: Option<Cow<'a, str>>,
    /// `timestamp`, else `originalTimestamp`, else `receivedAt`: the time of the event, in any
    /// format that [`parse_moment`] accepts.
    pub timestamp: Option<OffsetDateTime>,
    /// `traits`, of an identify or group.
    pub traits: RawObject<'a>,
    /// `properties` of a track, page or screen, as raw JSON, if they are an object.
    pub raw_properties: Option<Raw<'a>>,
    /// The same `properties`, parsed to a depth of one level.
    pub properties: RawObject<'a>,
    /// `context.traits`: the known traits of the person, in a track, page, screen or group.
    pub context_traits: RawObject<'a>,
    /// `channel`: `server`, `browser`, `client` or `mobile`.
    pub channel: Option<Cow<'a, str>>,
    /// `context.library.name`: the library that sent the message.
    pub library: Option<Cow<'a, str>>,
    /// `context.consent.categoryPreferences`: the purposes that the person agreed to, if the
    /// message has a consent object: <https://segment.com/docs/privacy/consent-management/>
    pub consent_categories: Option<RawObject<'a>>,
    /// `context`, as raw JSON, for what few messages are asked for.
    pub context: Option<Raw<'a>>,
    /// Whether `context.personas` is there: Engage computed the message, nobody did something.
    pub is_from_engage: bool,
    /// `context.personas.external_audience_id`: the list that an Engage audience is connected to.
    pub audience_list: Option<Cow<'a, str>>,
    /// `integrations`: the destinations that the message is for, and options for each.
    pub integrations: RawObject<'a>,
}

/// The keys of a message that are read, in the order in which [`Message::parse`] destructures them.
const KEYS: [&str; 15] = [
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "event",
    "name",
    "groupId",
    "timestamp",
    "originalTimestamp",
    "receivedAt",
    "channel",
    "context",
    "properties",
    "traits",
    "integrations",
];

impl<'a> Message<'a> {
    /// Parses one message, in one pass over its bytes. A field of the wrong type counts as absent:
    /// a bad field must not cost the message. Only JSON that is not an object with a `type` that is
    /// text is an error.
    pub fn parse(raw: impl Into<Raw<'a>>) -> Result<Self, InvalidMessage> {
        let raw = raw.into();
        let fields = json::pick(raw, KEYS).ok_or(InvalidMessage)?;
        let [
            message_type,
            message_id,
            user_id,
            anonymous_id,
            event,
            name,
            group_id,
            timestamp,
            original_timestamp,
            received_at,
            channel,
            context,
            properties,
            traits,
            integrations,
        ] = fields;
        let message_type = message_type.and_then(json::string).ok_or(InvalidMessage)?;
        let times = [timestamp, original_timestamp, received_at];
        let [context_traits, personas, library, consent] =
            pick(context, ["traits", "personas", "library", "consent"]);
        let [library] = pick(library, ["name"]);
        let [categories] = pick(consent, ["categoryPreferences"]);
        let [audience_list] = pick(personas, ["external_audience_id"]);
        Ok(Message {
            raw,
            message_type: MessageType::parse(message_type.trim()),
            message_id: text(message_id),
            user_id: user_id.and_then(json::identifier),
            anonymous_id: anonymous_id.and_then(json::identifier),
            event: event.and_then(json::string),
            name: text(name),
            group_id: group_id.and_then(json::identifier),
            timestamp: times.into_iter().flatten().find_map(parse_moment),
            traits: object(traits),
            raw_properties: properties.filter(|raw| raw.get().starts_with('{')),
            properties: object(properties),
            context_traits: object(context_traits),
            channel: text(channel),
            library: text(library),
            consent_categories: consent
                .filter(|raw| !json::is_null(*raw))
                .map(|_| object(categories)),
            context,
            is_from_engage: personas.is_some_and(|raw| !json::is_null(raw)),
            audience_list: audience_list.and_then(json::identifier),
            integrations: object(integrations),
        })
    }
}

impl<'a> Message<'a> {
    /// Drops the parsed objects, which take several times the memory of their bytes. The rules cannot
    /// be applied any more.
    pub fn forget_objects(&mut self) {
        for object in [
            &mut self.traits,
            &mut self.properties,
            &mut self.context_traits,
            &mut self.integrations,
        ] {
            *object = RawObject::default();
        }
        self.consent_categories = None;
    }

    /// Returns the times of the message, the first of which is its own: `timestamp`,
    /// `originalTimestamp` and `receivedAt`.
    pub fn times(&self) -> [Option<Raw<'a>>; 3] {
        pick(
            Some(self.raw),
            ["timestamp", "originalTimestamp", "receivedAt"],
        )
    }

    /// Returns `context.timezone`, the time zone of the device.
    pub fn timezone(&self) -> Option<Cow<'a, str>> {
        let [timezone] = pick(self.context, ["timezone"]);
        text(timezone)
    }

    /// Returns the key of the audience of Engage that sends the message.
    pub fn audience_key(&self) -> Option<Cow<'a, str>> {
        let [personas] = pick(self.context, ["personas"]);
        let [class, key] = pick(personas, ["computation_class", "computation_key"]);
        if text(class)?.eq_ignore_ascii_case("audience") {
            text(key).or_else(|| self.properties.text(&["audience_key"]))
        } else {
            None
        }
    }

    /// Returns the value at a path of keys below `traits`, `properties` or `context`.
    pub fn at_path(&self, path: &[impl AsRef<str>]) -> Option<Raw<'a>> {
        RawObject::parse(self.raw)?.at_path(path)
    }
}

/// Returns members of an object; each is `None` if the object or the member is absent.
fn pick<'a, const N: usize>(raw: Option<Raw<'a>>, keys: [&str; N]) -> [Option<Raw<'a>>; N] {
    match raw.and_then(|raw| json::pick(raw, keys)) {
        Some(members) => members,
        None => [None; N],
    }
}

/// Returns a field that is text or a number, as text.
fn text(raw: Option<Raw<'_>>) -> Option<Cow<'_, str>> {
    json::text(raw?)
}

/// Returns a field that is an object. Absent means empty here: no rule distinguishes the two.
fn object(raw: Option<Raw<'_>>) -> RawObject<'_> {
    raw.and_then(RawObject::parse).unwrap_or_default()
}
