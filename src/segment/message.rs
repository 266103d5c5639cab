//! One Segment message: <https://segment.com/docs/connections/spec/common/>

use std::borrow::Cow;

use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::NotAMessage;
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

impl<'a> Message<'a> {
    /// Reads one message. Fields of the wrong type count as missing; only what is no object at all
    /// is refused.
    pub fn read(raw: &'a RawValue) -> Result<Self, NotAMessage> {
        let fields = Fields::parse(raw).ok_or(NotAMessage)?;
        let raw_properties = fields.raw("properties").filter(|raw| raw.get().starts_with('{'));
        let context = fields.object("context");
        Ok(Message {
            raw,
            kind: match fields.text(&["type"]).as_deref() {
                Some("identify") => Kind::Identify,
                Some("track") => Kind::Track,
                Some("page") => Kind::Page,
                Some("screen") => Kind::Screen,
                Some("group") => Kind::Group,
                Some("delete") => Kind::Delete,
                _ => Kind::Other,
            },
            message_id: fields.text(&["messageId"]),
            user_id: fields.text(&["userId"]),
            anonymous_id: fields.text(&["anonymousId"]),
            event: fields.raw("event").and_then(json::string),
            name: fields.text(&["name"]),
            group_id: fields.text(&["groupId"]),
            timestamp: fields.raw("timestamp").and_then(timestamp::read),
            traits: fields.object("traits"),
            properties: raw_properties.and_then(Fields::parse).unwrap_or_default(),
            raw_properties,
            context_traits: context.object("traits"),
            audience_list: context.object("personas").text(&["external_audience_id"]),
            integrations: fields.object("integrations"),
        })
    }
}
