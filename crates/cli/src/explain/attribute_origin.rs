//! The origin of an attribute: the inputs that its value comes from.

use super::json_path::JsonPath;

/// The origin of an attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AttributeOrigin {
    /// The sources: usually one. An attribute without a source always has the same value.
    pub(super) sources: Vec<AttributeSource>,
    /// The fields that the value would come from if the sources were absent, the next one first.
    pub(super) fallbacks: Vec<JsonPath>,
}

/// One input that the value of an attribute comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AttributeSource {
    /// A field of the message.
    Field(JsonPath),
    /// A setting, by the name of its variable.
    Setting(&'static str),
    /// A hash of the whole message.
    MessageHash,
    /// The time at which the message is evaluated: that of its delivery.
    DeliveryTime,
}
