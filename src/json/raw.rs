//! JSON objects and arrays as Segment sent them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar;

/// One level of a JSON object, in the order in which it was written. The values stay raw.
#[derive(Debug, Clone, Default)]
pub struct RawObject<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Most objects have no more keys, so reading one asks for memory once.
const TYPICAL_KEYS: usize = 16;

impl<'a> RawObject<'a> {
    /// Parses the object in `raw`; `None` if `raw` is another kind of value.
    pub fn parse(raw: &'a RawValue) -> Option<Self> {
        if raw.get().starts_with('{') {
            serde_json::from_str(raw.get()).ok()
        } else {
            None
        }
    }

    /// Returns the value under `key`, else under another spelling of it (see [`is_same_key`]). The
    /// last one wins if the key is repeated, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.spellings(key).next().map(|(_, value)| value)
    }

    /// Iterates over the members whose key is `key`, and then over those with other spellings of
    /// it. Those that write the key as code does (`orderId`) go before prose (`Order ID`).
    pub fn spellings<'s>(
        &'s self,
        key: &'s str,
    ) -> impl Iterator<Item = (&'s Cow<'a, str>, &'a RawValue)> + 's {
        let exact = self.members_from_last(move |name| name == key);
        let in_code = self.members_from_last(move |name| {
            is_written_as_code(name) && name != key && is_same_key(name, key)
        });
        let in_prose = self.members_from_last(move |name| {
            !is_written_as_code(name) && is_same_key(name, key) && name != key
        });
        exact.chain(in_code).chain(in_prose)
    }

    fn members_from_last<'s>(
        &'s self,
        is_meant: impl Fn(&str) -> bool + 's,
    ) -> impl Iterator<Item = (&'s Cow<'a, str>, &'a RawValue)> + 's {
        let members = self.0.iter().rev();
        members
            .filter(move |(name, _)| is_meant(name))
            .map(|(name, value)| (name, *value))
    }

    /// Returns the first of `keys`, each in any spelling, that reads as text (see
    /// [`text`](super::text)).
    pub fn text(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter()
            .find_map(|key| self.spellings(key).find_map(|(_, raw)| scalar::text(raw)))
    }

    /// Returns the number under `key`, in any spelling (see [`number`](super::number)).
    pub fn number(&self, key: &str) -> Option<f64> {
        scalar::number(self.get(key)?)
    }

    /// Returns the object under `key`, which is empty if there is none.
    pub fn object(&self, key: &str) -> RawObject<'a> {
        self.get(key).and_then(RawObject::parse).unwrap_or_default()
    }

    /// Iterates over the keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Cow<'a, str>, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key, *value))
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `key` is there in any spelling, whatever its value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| is_same_key(name, key))
    }

    /// Returns the object without `keys` in any spelling, and without the members that no longer
    /// fit into `max_bytes` of JSON. A member that does not fit makes room for the next one.
    pub fn without_keys_within(&self, keys: &[&str], max_bytes: usize) -> RawObject<'a> {
        let mut members = Vec::with_capacity(self.0.len());
        let mut room = max_bytes;
        for (name, value) in &self.0 {
            let bytes = member_bytes(name, value);
            let is_left_out = keys.iter().any(|key| is_same_key(name, key));
            if !is_left_out && bytes <= room {
                room -= bytes;
                members.push((name.clone(), *value));
            }
        }
        RawObject(members)
    }
}

/// Whether two keys or event names are the same to Segment's own libraries, which ignore case,
/// spaces, `_` and `-`: <https://github.com/segmentio/obj-case>
pub fn is_same_key(one: &str, other: &str) -> bool {
    let mut one = significant_bytes(one);
    let mut other = significant_bytes(other);
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => {}
            _ => return false,
        }
    }
}

fn significant_bytes(key: &str) -> impl Iterator<Item = u8> {
    key.bytes()
        .filter(|byte| !matches!(byte, b' ' | b'_' | b'-'))
}

/// Whether a key is camel case or snake case.
fn is_written_as_code(key: &str) -> bool {
    let is_lower = key.starts_with(|c: char| c.is_ascii_lowercase());
    is_lower && !key.contains([' ', '-'])
}

/// Returns about how many bytes a member takes as JSON: key, value, quotes, colon and comma.
fn member_bytes(name: &str, value: &RawValue) -> usize {
    name.len() + value.get().len() + 4
}

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = RawObject<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(ObjectKey(key)) = map.next_key()? {
                    if members.is_empty() {
                        members.reserve(TYPICAL_KEYS);
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(RawObject(members))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Returns the values under these keys, in the order of the keys, and keeps nothing else of the
/// object. `None` if `raw` is another kind of value.
pub fn pick<'a, const N: usize>(
    raw: &'a RawValue,
    keys: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct PickVisitor<'k, const N: usize>([&'k str; N]);
    impl<'de, const N: usize> Visitor<'de> for PickVisitor<'_, N> {
        type Value = [Option<&'de RawValue>; N];
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = [None; N];
            while let Some(ObjectKey(key)) = map.next_key()? {
                let position = self.0.iter().position(|name| *name == key);
                match position.and_then(|position| values.get_mut(position)) {
                    Some(value) => *value = Some(map.next_value()?),
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(values)
        }
    }
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_map(PickVisitor(keys))
        .ok()
}

/// Returns the elements of an array; none if `raw` is another kind of value.
pub fn raw_elements(raw: &RawValue) -> Vec<&RawValue> {
    if raw.get().starts_with('[') {
        serde_json::from_str(raw.get()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// A key of an object. JavaScript can cut an emoji in half, which is no valid Unicode: such a key
/// loses the broken character, and not the whole object with it.
struct ObjectKey<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for ObjectKey<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = ObjectKey<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                // Checking first is faster: the lossy conversion goes byte by byte.
                match std::str::from_utf8(bytes) {
                    Ok(key) => Ok(ObjectKey(Cow::Borrowed(key))),
                    Err(_) => Ok(ObjectKey(String::from_utf8_lossy(bytes))),
                }
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(ObjectKey(
                    String::from_utf8_lossy(bytes).into_owned().into(),
                ))
            }
        }
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_repeated_key_reads_as_its_last_value() {
        let object = RawObject::parse(raw(r#"{"a": 1, "b": 2, "a": 3}"#)).unwrap();
        assert_eq!(object.text(&["a"]).as_deref(), Some("3"));
    }

    #[test]
    fn picked_values_are_the_last_of_their_keys() {
        let raw = raw(r#"{"a": 1, "cut\ud83c": 0, "\u0062": [2], "a": {"a": 3}}"#);
        let picked = pick(raw, ["b", "a", "c"]).unwrap();
        let picked = picked.map(|value| value.map(RawValue::get));
        assert_eq!(picked, [Some("[2]"), Some(r#"{"a": 3}"#), None]);
        for json in ["null", "[]", "5", "\"{}\""] {
            assert!(pick(self::raw(json), ["a"]).is_none(), "{json}");
        }
    }

    #[test]
    fn half_an_emoji_in_a_key_costs_nothing_else() {
        let json = r#"{"caf\u00e9": 1, "cut\ud83c": 2, "email": "s@klaviyo-demo.com"}"#;
        let object = RawObject::parse(raw(json)).unwrap();
        assert_eq!((object.len(), object.number("café")), (3, Some(1.0)));
        assert_eq!(
            object.text(&["email"]).as_deref(),
            Some("s@klaviyo-demo.com")
        );
    }

    #[test]
    fn keys_are_read_in_any_spelling_and_an_exact_one_wins() {
        for (json, key, expected) in [
            (r#"{"Order ID": 1}"#, "order_id", Some("1")),
            (r#"{"ORDER-ID": 1}"#, "order_id", Some("1")),
            (r#"{"orderId": 1}"#, "order_id", Some("1")),
            (r#"{"order_id": 1, "orderId": 2}"#, "order_id", Some("1")),
            (r#"{"orderId": 1, "Order ID": 2}"#, "order_id", Some("1")),
            (
                r#"{"order_id": null, "Order ID": 2}"#,
                "order_id",
                Some("2"),
            ),
            (r#"{"order_ids": 1, "order": 2}"#, "order_id", None),
            (r#"{"": 1, "_": 2}"#, "id", None),
        ] {
            let object = RawObject::parse(raw(json)).unwrap();
            assert_eq!(object.text(&[key]).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn only_objects_parse_as_objects() {
        for json in ["null", "[]", "5", r#""{}""#] {
            assert!(RawObject::parse(raw(json)).is_none(), "{json}");
        }
    }

    #[test]
    fn members_over_the_size_make_room_for_later_ones() {
        let object = RawObject::parse(raw(r#"{"a": "0123456789", "b": 1, "gone": 2, "c": 3}"#));
        let small = object.unwrap().without_keys_within(&["gone"], 12);
        assert_eq!(
            small
                .iter()
                .map(|(key, _)| key.as_ref())
                .collect::<Vec<_>>(),
            ["b", "c"]
        );
    }
}
