//! JSON objects and arrays as Segment sent them.

use std::borrow::Cow;

use super::key::{KeyLetters, is_same_key, is_written_as_code};
use super::number::number;
use super::scalar;
use super::value::{Children, Raw};

/// One level of a JSON object, in the order in which it was written. The values stay raw.
#[derive(Debug, Clone, Default)]
pub struct RawObject<'a> {
    members: Vec<(Cow<'a, str>, Raw<'a>)>,
    letters: KeyLetters,
}

/// Most objects have no more keys, so reading one asks for memory once.
const TYPICAL_KEYS: usize = 16;

impl<'a> RawObject<'a> {
    /// Parses the object in `raw`; `None` if `raw` is another kind of value.
    pub fn parse(raw: Raw<'a>) -> Option<Self> {
        let mut source = Children::of_object(raw.get())?;
        let mut members = Vec::new();
        let mut letters = KeyLetters::default();
        while let Some(member) = source.next_member() {
            if members.is_empty() {
                members.reserve(TYPICAL_KEYS);
            }
            letters.insert(&member.0);
            members.push(member);
        }
        Some(RawObject { members, letters })
    }

    /// Returns the value under `key`, else under another spelling of it (see [`is_same_key`]). The
    /// last one wins if the key is repeated, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<Raw<'a>> {
        self.find_one(key, Some)
    }

    /// Returns what `read` makes of the value under `key`, in the first spelling that it can read.
    fn find_one<T>(&self, key: &str, read: impl Fn(Raw<'a>) -> Option<T>) -> Option<T> {
        if !self.letters.may_contain(key) {
            return None;
        }
        // Nearly every key that is there is spelled as it should be.
        let exact = self.members.iter().rev().find(|(name, _)| name == key);
        if let Some(found) = exact.and_then(|(_, value)| read(*value)) {
            return Some(found);
        }
        self.spellings(key).find_map(|(_, value)| read(value))
    }

    /// Iterates over the members whose key is `key`, and then over those with other spellings of
    /// it. Those that write the key as code does (`orderId`) go before prose (`Order ID`).
    pub fn spellings<'s>(
        &'s self,
        key: &'s str,
    ) -> impl Iterator<Item = (&'s Cow<'a, str>, Raw<'a>)> + 's {
        let members = if self.letters.may_contain(key) {
            self.members.as_slice()
        } else {
            &[]
        };
        let from_last = || members.iter().rev().map(|(name, value)| (name, *value));
        let exact = from_last().filter(move |(name, _)| *name == key);
        let in_code = from_last().filter(move |(name, _)| {
            is_same_key(name, key) && *name != key && is_written_as_code(name)
        });
        let in_prose = from_last().filter(move |(name, _)| {
            is_same_key(name, key) && *name != key && !is_written_as_code(name)
        });
        exact.chain(in_code).chain(in_prose)
    }

    /// Returns the first of `keys`, each in any spelling, that `read` can read.
    pub fn find<T>(&self, keys: &[&str], read: impl Fn(Raw<'a>) -> Option<T>) -> Option<T> {
        keys.iter().find_map(|key| self.find_one(key, &read))
    }

    /// Returns the first of `keys`, each in any spelling, that reads as text (see
    /// [`text`](super::text)).
    pub fn text(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        self.find(keys, scalar::text)
    }

    /// Returns the first of `keys`, each in any spelling, that reads as an id (see
    /// [`id`](super::id)).
    pub fn id(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        self.find(keys, scalar::id)
    }

    /// Returns the number under `key`, in any spelling (see [`number`](super::number())).
    pub fn number(&self, key: &str) -> Option<f64> {
        self.find_one(key, number)
    }

    /// Returns the object under `key`, which is empty if there is none.
    pub fn object(&self, key: &str) -> RawObject<'a> {
        self.get(key).and_then(RawObject::parse).unwrap_or_default()
    }

    /// Returns the value at a path of keys and, in arrays, of positions from 0.
    pub fn at_path(&self, path: &[impl AsRef<str>]) -> Option<Raw<'a>> {
        let (first, rest) = path.split_first()?;
        let mut value = self.get(first.as_ref())?;
        for key in rest {
            value = match RawObject::parse(value) {
                Some(object) => object.get(key.as_ref())?,
                None => {
                    let position: usize = key.as_ref().parse().ok()?;
                    *raw_elements(value).get(position)?
                }
            };
        }
        Some(value)
    }

    /// Iterates over the keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Cow<'a, str>, Raw<'a>)> {
        self.members.iter().map(|(key, value)| (key, *value))
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `key` is there in any spelling, whatever its value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Returns the object without `keys` in any spelling, and without the members that no longer
    /// fit into `max_bytes` of JSON. A member that does not fit makes room for the next one.
    pub fn without_keys_within(&self, keys: &[&str], max_bytes: usize) -> RawObject<'a> {
        let mut members = Vec::with_capacity(self.members.len());
        let mut room = max_bytes;
        for (name, value) in &self.members {
            let bytes = member_bytes(name, *value);
            let is_left_out = keys.iter().any(|key| is_same_key(name, key));
            if !is_left_out && bytes <= room {
                room -= bytes;
                members.push((name.clone(), *value));
            }
        }
        // Letters of keys that are gone only cost a look at those that are left.
        let letters = self.letters;
        RawObject { members, letters }
    }
}

/// Returns about how many bytes a member takes as JSON: key, value, quotes, colon and comma.
fn member_bytes(name: &str, value: Raw<'_>) -> usize {
    name.len() + value.get().len() + 4
}

/// Whether the value is an array of nothing but objects.
pub fn is_array_of_objects(raw: Raw<'_>) -> bool {
    let Some(mut elements) = Children::of_array(raw.get()) else {
        return false;
    };
    let mut are_objects = true;
    while let Some(element) = elements.next_element() {
        are_objects &= element.get().starts_with('{');
    }
    are_objects
}

/// Returns the elements of an array; none if `raw` is another kind of value.
pub fn raw_elements(raw: Raw<'_>) -> Vec<Raw<'_>> {
    let mut values = Vec::new();
    if let Some(mut elements) = Children::of_array(raw.get()) {
        while let Some(element) = elements.next_element() {
            values.push(element);
        }
    }
    values
}

/// Returns the members of the object that a text is; `None` if it is no object.
pub fn object_members(text: &str) -> Option<Vec<(Cow<'_, str>, Raw<'_>)>> {
    let mut source = Children::of_object(text)?;
    let mut members = Vec::with_capacity(TYPICAL_KEYS);
    while let Some(key) = source.next_key() {
        members.push((key, source.next_value()?));
    }
    source.is_at_end().then_some(members)
}

/// Returns the first `max` elements of the array that a text is, and how many there are; `None` if
/// it is no array.
pub fn array_elements(text: &str, max: usize) -> Option<(Vec<Raw<'_>>, usize)> {
    let mut elements = Children::of_array(text)?;
    let mut values = Vec::new();
    let mut count = 0;
    while let Some(element) = elements.next_element() {
        if count < max {
            values.push(element);
        }
        count += 1;
    }
    elements.is_at_end().then_some((values, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Raw<'_> {
        Raw::parse(json).unwrap()
    }

    #[test]
    fn a_repeated_key_reads_as_its_last_value() {
        let object = RawObject::parse(raw(r#"{"a": 1, "b": 2, "a": 3}"#)).unwrap();
        assert_eq!(object.text(&["a"]).as_deref(), Some("3"));
    }

    #[test]
    fn a_path_goes_through_objects_and_arrays() {
        let json = r#"{"customer": {"Emails": ["a", {"main": "b"}]}, "x": 1}"#;
        let object = RawObject::parse(raw(json)).unwrap();
        for (path, expected) in [
            ("customer.emails.0", Some(r#""a""#)),
            ("customer.emails.1.main", Some(r#""b""#)),
            ("customer.emails.2", None),
            ("customer.emails.first", None),
            ("x", Some("1")),
            ("x.y", None),
            ("y", None),
        ] {
            let path: Vec<_> = path.split('.').collect();
            assert_eq!(object.at_path(&path).map(Raw::get), expected, "{path:?}");
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
    fn an_array_of_objects_has_nothing_else() {
        for (json, expected) in [
            (r#"[{"a": [1]}, {}]"#, true),
            ("[]", true),
            (r#"[{}, "p2"]"#, false),
            ("[[]]", false),
            ("{}", false),
            ("null", false),
            (r#""[{}]""#, false),
        ] {
            assert_eq!(is_array_of_objects(raw(json)), expected, "{json}");
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
