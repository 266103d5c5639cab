//! A JSON value as it arrived, and what is in it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use super::scan::{skip_blanks, string_end, value_end, value_start};
use super::unescape::decode_string;

/// The name by which serde_json knows JSON that it writes as it is. It has no other way to write a
/// part of a text that it has not read: <https://docs.rs/serde_json/latest/serde_json/value/struct.RawValue.html>
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// A JSON value: a part of a text that is known to be valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Reads a text that is one value, which blanks may follow.
    pub fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let end = value_end(bytes, 0)?;
        if skip_blanks(bytes, end) == bytes.len() {
            text.get(..end).map(Raw)
        } else {
            None
        }
    }

    /// Copies the value.
    #[expect(clippy::expect_used, reason = "a panic costs less than a lost value")]
    pub fn to_boxed(self) -> Box<RawValue> {
        RawValue::from_string(self.0.to_owned()).expect("valid JSON")
    }

    /// Returns the JSON.
    pub fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Raw(raw.get())
    }
}

impl<'a> From<&'a Box<RawValue>> for Raw<'a> {
    fn from(raw: &'a Box<RawValue>) -> Self {
        Raw(raw.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Raw::from)
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut raw = serializer.serialize_struct(RAW_VALUE, 1)?;
        raw.serialize_field(RAW_VALUE, self.0)?;
        raw.end()
    }
}

/// The values in an object or an array, one after another.
pub struct Children<'a> {
    text: &'a str,
    /// The position of the next member or element, or behind the last one.
    at: usize,
    /// The last byte of the object or array.
    end: u8,
}

impl<'a> Children<'a> {
    /// The members of the object that a text is; `None` if it does not begin as one.
    pub fn of_object(text: &'a str) -> Option<Self> {
        Children::new(text, b'{', b'}')
    }

    /// The elements of the array that a text is; `None` if it does not begin as one.
    pub(super) fn of_array(text: &'a str) -> Option<Self> {
        Children::new(text, b'[', b']')
    }

    fn new(text: &'a str, start: u8, end: u8) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.first() != Some(&start) {
            return None;
        }
        Some(Children {
            text,
            at: skip_blanks(bytes, 1),
            end,
        })
    }

    /// Returns the next member of an object. Behind the last one, and where no JSON is, `None`.
    pub(super) fn next_member(&mut self) -> Option<(Cow<'a, str>, Raw<'a>)> {
        let key = self.next_key()?;
        let value = self.next_value()?;
        Some((key, value))
    }

    /// Returns the key of the next member of an object, whose value has to be read next. Behind the last
    /// member, and where no JSON is, `None`.
    pub fn next_key(&mut self) -> Option<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let key_start = self.at;
        let key_end = string_end(bytes, key_start)?;
        let quoted = self.text.get(key_start..key_end.at)?;
        self.at = value_start(bytes, key_end.at)?;
        if key_end.has_escapes {
            Some(decode_key(quoted))
        } else {
            quoted.get(1..quoted.len() - 1).map(Cow::Borrowed)
        }
    }

    /// Returns the next element of an array. Behind the last one, and where no JSON is, `None`.
    pub(super) fn next_element(&mut self) -> Option<Raw<'a>> {
        if self.text.as_bytes().get(self.at) == Some(&self.end) {
            return None;
        }
        self.next_value()
    }

    /// Whether the next value is text.
    pub fn is_at_text(&self) -> bool {
        self.text.as_bytes().get(self.at) == Some(&b'"')
    }

    /// Returns the next value, which is text, decoded. Where no JSON is, `None`.
    pub fn next_text(&mut self) -> Option<String> {
        let (text, end) = decode_string(self.text, self.at)?;
        self.go_behind(end)?;
        Some(text)
    }

    /// Returns the next value. Where no JSON is, `None`.
    pub fn next_value(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        let end = value_end(self.text.as_bytes(), start)?;
        self.go_behind(end)?;
        self.text.get(start..end).map(Raw)
    }

    /// Goes from the end of a value to the next one, or to the end of the object or array.
    fn go_behind(&mut self, value_end: usize) -> Option<()> {
        let bytes = self.text.as_bytes();
        let behind = skip_blanks(bytes, value_end);
        self.at = match bytes.get(behind)? {
            b',' => {
                let next = skip_blanks(bytes, behind + 1);
                // A comma with nothing behind it is no JSON.
                if bytes.get(next) == Some(&self.end) {
                    return None;
                }
                next
            }
            byte if *byte == self.end => behind,
            _ => return None,
        };
        Some(())
    }

    /// Whether the end of the object or array has been reached, and nothing but blanks is behind it.
    pub fn is_at_end(&self) -> bool {
        let bytes = self.text.as_bytes();
        bytes.get(self.at) == Some(&self.end) && skip_blanks(bytes, self.at + 1) == bytes.len()
    }
}

/// Decodes a key that has escapes.
fn decode_key(quoted: &str) -> Cow<'_, str> {
    match serde_json::from_str(quoted) {
        Ok(LossyKey(key)) => Cow::Owned(key),
        Err(_) => Cow::Borrowed(quoted),
    }
}

/// A key of an object. JavaScript can cut an emoji in half, which is no valid Unicode: such a key
/// loses the broken character, and not the whole object with it.
struct LossyKey(String);

impl<'de> Deserialize<'de> for LossyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = LossyKey;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LossyKey, E> {
                Ok(LossyKey(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(KeyVisitor)
    }
}
