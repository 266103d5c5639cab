//! JSON values and objects that a rule builds.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Serialize, Serializer};

use super::raw::RawObject;
use super::value::Raw;

/// A value on its way to Klaviyo: the merchant's own bytes, or something that a rule made.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Json<'a> {
    /// The bytes as Segment sent them.
    Raw(Raw<'a>),
    /// Text that a rule read or made.
    Text(Cow<'a, str>),
    /// A number that a rule read or computed.
    #[serde(serialize_with = "serialize_like_javascript")]
    Number(f64),
    /// An object that a rule built.
    Object(JsonObject<'a>),
    /// A list that a rule built.
    List(Vec<Json<'a>>),
    /// `null`, by which Klaviyo clears a field.
    Null,
}

impl Json<'_> {
    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Raw(raw) => super::is_null(*raw),
            _ => false,
        }
    }

    /// Returns about how many bytes the value takes in memory, its JSON included.
    fn weight(&self) -> usize {
        match self {
            Json::Raw(raw) => weight(*raw),
            // Text that had escapes is a copy.
            Json::Text(text) => text.len() + written_weight(text.len()),
            Json::Object(object) => object.weight(),
            Json::List(values) => {
                let mut weight = values.capacity() * size_of::<Json>();
                for value in values {
                    weight += value.weight();
                }
                weight
            }
            Json::Number(_) | Json::Null => written_weight(self.bytes()),
        }
    }

    /// Returns about how many bytes the value takes as JSON.
    fn bytes(&self) -> usize {
        match self {
            Json::Raw(raw) => raw.get().len(),
            Json::Text(text) => text.len() + 2,
            Json::Number(_) => 16,
            Json::Null => 4,
            Json::Object(object) => object.bytes() + 2,
            Json::List(values) => {
                let mut bytes = 2;
                for value in values {
                    bytes += value.bytes() + 1;
                }
                bytes
            }
        }
    }
}

/// One level of a JSON object that a rule builds, in the order in which it is written.
#[derive(Debug, Clone, Default)]
pub struct JsonObject<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> JsonObject<'a> {
    /// Creates an empty object with room for so many keys.
    pub fn with_capacity(keys: usize) -> Self {
        JsonObject(Vec::with_capacity(keys))
    }

    /// Copies the first `max_keys` members of an object as Segment sent it, with room for
    /// `more_keys` beside them, as long as `max_keys` allows.
    pub fn from_raw(object: &RawObject<'a>, max_keys: usize, more_keys: usize) -> Self {
        let mut copy = JsonObject::with_capacity(max_keys.min(object.len() + more_keys));
        for (key, value) in object.iter().take(max_keys) {
            copy.push(key.clone(), Json::Raw(value));
        }
        copy
    }

    /// Adds a member at the end.
    pub fn push(&mut self, key: impl Into<Cow<'a, str>>, value: Json<'a>) {
        self.0.push((key.into(), value));
    }

    /// Adds a member at the end if there is a value for it.
    pub fn push_some(&mut self, key: impl Into<Cow<'a, str>>, value: Option<Json<'a>>) {
        if let Some(value) = value {
            self.push(key, value);
        }
    }

    /// Adds the members of a rule-built object whose keys are missing here, until there are
    /// `max_keys` keys.
    pub fn add_missing(&mut self, other: &JsonObject<'a>, max_keys: usize) {
        for (key, value) in &other.0 {
            if self.len() < max_keys && !self.contains_key(key) {
                self.push(key.clone(), value.clone());
            }
        }
    }

    /// Adds the members of a raw object whose keys are missing here.
    pub fn add_missing_raw(&mut self, other: &RawObject<'a>) {
        self.0.reserve_exact(other.len());
        for (key, value) in other.iter() {
            if !self.contains_key(key) {
                self.push(key.clone(), Json::Raw(value));
            }
        }
    }

    /// Takes the members of `later`, whose values win.
    pub fn overwrite(&mut self, later: JsonObject<'a>) {
        let keys: HashSet<&str> = later.0.iter().map(|(key, _)| key.as_ref()).collect();
        self.0.retain(|(key, _)| !keys.contains(key.as_ref()));
        self.0.extend(later.0);
    }

    /// Removes a member, and returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let keys = self.0.len();
        self.0.retain(|(name, _)| name != key);
        self.0.len() < keys
    }

    /// Iterates over the keys whose value is `null`.
    pub fn null_keys(&self) -> impl Iterator<Item = &Cow<'a, str>> {
        let nulls = self.0.iter().filter(|(_, value)| value.is_null());
        nulls.map(|(key, _)| key)
    }

    /// Iterates over the members, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Cow<'a, str>, Json<'a>)> {
        self.0.iter()
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `key` is there, whatever its value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// Whether `key` is there and not `null`.
    pub fn has_value(&self, key: &str) -> bool {
        self.0
            .iter()
            .any(|(name, value)| name == key && !value.is_null())
    }

    /// Adds a member at the end if there is a value for it and no member of this name.
    pub fn push_missing(&mut self, key: &'static str, value: Option<Json<'a>>) {
        if let Some(value) = value
            && !self.contains_key(key)
        {
            self.push(key, value);
        }
    }

    /// Returns about how many bytes the object takes in memory, its JSON included.
    pub fn weight(&self) -> usize {
        let mut weight = self.0.capacity() * size_of::<(Cow<str>, Json)>();
        for (key, value) in &self.0 {
            weight += written_weight(key.len() + 4) + value.weight();
        }
        weight
    }

    /// Returns about how many bytes the members take as JSON.
    pub fn bytes(&self) -> usize {
        let mut bytes = 0;
        for (key, value) in &self.0 {
            bytes += key.len() + value.bytes() + 4;
        }
        bytes
    }
}

impl Serialize for JsonObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Returns about how many bytes a raw value takes in memory once it is written. The value itself is a
/// part of the delivery.
pub fn weight(raw: Raw<'_>) -> usize {
    written_weight(raw.get().len())
}

/// Returns about how many bytes of memory so much JSON takes. The buffer of a request doubles as it
/// grows.
pub fn written_weight(bytes: usize) -> usize {
    2 * bytes
}

/// Serializes a number as JavaScript writes it, `2` and not `2.0`, because email templates print it.
pub fn serialize_like_javascript<S: Serializer>(
    number: &f64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    /// 2^63, which whole numbers of 64 bits are below.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && number.abs() < LIMIT {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}
