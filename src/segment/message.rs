//! One Segment message: <https://segment.com/docs/connections/spec/common/>

use std::borrow::Cow;

use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::InvalidMessage;
use super::json::{self, Fields};
use super::timestamp;

/// The `type` of a message, as Segment's spec names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Who somebody is: traits.
    Identify,
    /// What somebody did: an event with properties.
    Track,
    /// A web page somebody looked at.
    Page,
    /// A screen of an app somebody looked at.
    Screen,
    /// A group somebody belongs to.
    Group,
    /// Somebody who wants to be forgotten.
    Delete,
    /// Anything else: alias or unknown.
    Other,
}

/// A message whose parts stay raw JSON until a rule reads them.
#[derive(Debug)]
pub struct Message<'a> {
    /// The message's own bytes: what identifies one that has no id.
    pub raw: &'a RawValue,
    /// What kind of call it is.
    pub kind: Kind,
    /// Segment's id of the message, the same on every resend.
    pub message_id: Option<Cow<'a, str>>,
    /// The merchant's id of the person.
    pub user_id: Option<Cow<'a, str>>,
    /// The id of a visitor who is not known yet.
    pub anonymous_id: Option<Cow<'a, str>>,
    /// The event's name, of a track.
    pub event: Option<Cow<'a, str>>,
    /// The name of a page or screen.
    pub name: Option<Cow<'a, str>>,
    /// The id of a group.
    pub group_id: Option<Cow<'a, str>>,
    /// When it happened, in whatever way that was written.
    pub timestamp: Option<OffsetDateTime>,
    /// Traits of an identify or group.
    pub traits: Fields<'a>,
    /// The raw properties of a track, page or screen, if they are an object.
    pub raw_properties: Option<&'a RawValue>,
    /// The same properties, one level of them.
    pub properties: Fields<'a>,
    /// `context.traits`: what is known of the person who did it.
    pub context_traits: Fields<'a>,
    /// `context.personas.external_audience_id`: the list that an Engage audience is connected to.
    pub audience_list: Option<Cow<'a, str>>,
    /// Which destinations the message is for, and options for each.
    pub integrations: Fields<'a>,
}

/// What is read of a message in one pass, in the order in which [`Message::parse`] takes it apart.
const KEYS: [&str; 12] = [
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "event",
    "name",
    "groupId",
    "timestamp",
    "context",
    "properties",
    "traits",
    "integrations",
];

impl<'a> Message<'a> {
    /// Reads one message. Fields of the wrong type count as missing; only what is no object at all
    /// is refused.
    pub fn parse(raw: &'a RawValue) -> Result<Self, InvalidMessage> {
        let [
            kind,
            message_id,
            user_id,
            anonymous_id,
            event,
            name,
            group_id,
            timestamp,
            rest @ ..,
        ] = json::pick(raw, KEYS).ok_or(InvalidMessage)?;
        let [context, properties, traits, integrations] = rest;
        let [context_traits, personas] = context
            .and_then(|raw| json::pick(raw, ["traits", "personas"]))
            .unwrap_or_default();
        let [audience_list] = personas
            .and_then(|raw| json::pick(raw, ["external_audience_id"]))
            .unwrap_or_default();
        let text = |raw: Option<&'a RawValue>| raw.and_then(json::text);
        let object = |raw: Option<&'a RawValue>| raw.and_then(Fields::parse).unwrap_or_default();
        Ok(Message {
            raw,
            kind: match text(kind).as_deref() {
                Some("identify") => Kind::Identify,
                Some("track") => Kind::Track,
                Some("page") => Kind::Page,
                Some("screen") => Kind::Screen,
                Some("group") => Kind::Group,
                Some("delete") => Kind::Delete,
                _ => Kind::Other,
            },
            message_id: text(message_id),
            user_id: text(user_id),
            anonymous_id: text(anonymous_id),
            event: event.and_then(json::string),
            name: text(name),
            group_id: text(group_id),
            timestamp: timestamp.and_then(timestamp::read),
            traits: object(traits),
            properties: object(properties),
            raw_properties: properties.filter(|raw| raw.get().starts_with('{')),
            context_traits: object(context_traits),
            audience_list: text(audience_list),
            integrations: object(integrations),
        })
    }
}
