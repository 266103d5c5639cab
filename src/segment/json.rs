//! JSON read one level at a time: what no rule looks at is never decoded, only passed on.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use serde_json::value::RawValue;

/// A value on its way to Klaviyo: either the merchant's own bytes or something a rule made.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Json<'a> {
    /// The bytes as Segment sent them.
    Raw(&'a RawValue),
    /// Text that a rule read or made.
    Text(Cow<'a, str>),
    /// A number that a rule read or computed.
    #[serde(serialize_with = "plain")]
    Number(f64),
    /// An object that a rule put together.
    Object(Fields<'a>),
    /// A list that a rule put together.
    List(Vec<Json<'a>>),
    /// Klaviyo clears the field.
    Null,
}

impl Json<'_> {
    /// About how many bytes it is as JSON.
    pub fn bytes(&self) -> usize {
        match self {
            Json::Raw(raw) => raw.get().len(),
            Json::Text(text) => text.len() + 2,
            Json::Number(_) => 16,
            Json::Null => 4,
            Json::Object(fields) => fields.bytes() + 2,
            Json::List(values) => values.iter().map(|value| value.bytes() + 1).sum::<usize>() + 2,
        }
    }
}

/// One level of a JSON object in the order it was written. Values stay raw until a rule asks.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Fields<'a> {
    /// The object in `raw`, or `None` when it is something else.
    pub fn parse(raw: &'a RawValue) -> Option<Self> {
        if raw.get().starts_with('{') {
            serde_json::from_str(raw.get()).ok()
        } else {
            None
        }
    }

    /// The bytes under `key` as Segment sent them; the last one wins when a key is repeated, as in JavaScript.
    pub fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .and_then(|(_, value)| match value {
                Json::Raw(raw) => Some(*raw),
                _ => None,
            })
    }

    /// The first of `keys` that reads as text (see [`text`]).
    pub fn text(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| text(self.raw(key)?))
    }

    /// The number under `key` (see [`number`]).
    pub fn number(&self, key: &str) -> Option<f64> {
        self.raw(key).and_then(number)
    }

    /// The object under `key`; empty when there is none or when it is something else.
    pub fn object(&self, key: &str) -> Fields<'a> {
        self.raw(key).and_then(Fields::parse).unwrap_or_default()
    }

    /// Every key with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Cow<'a, str>, Json<'a>)> {
        self.0.iter()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `key` is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// Nothing yet, and room for so many keys.
    pub fn with_room(keys: usize) -> Self {
        Fields(Vec::with_capacity(keys))
    }

    /// Adds the keys of `other` that are not there yet, until there are `most` keys.
    pub fn add_missing(&mut self, other: &Fields<'a>, most: usize) {
        for (key, value) in other.iter() {
            if self.len() < most && !self.has(key) {
                self.push(key.clone(), value.clone());
            }
        }
    }

    /// The same with the keys of `other` that are not there yet, until there are `most` keys.
    pub fn with_missing(&self, other: &Fields<'a>, most: usize) -> Fields<'a> {
        let mut both = Fields::with_room(self.len() + other.len());
        both.0.extend(self.0.iter().cloned());
        both.add_missing(other, most);
        both
    }

    /// Takes the keys of `later`, whose values win.
    pub fn overwrite(&mut self, later: Fields<'a>) {
        self.0.retain(|(key, _)| !later.has(key));
        self.0.extend(later.0);
    }

    /// The same without `key`.
    pub fn without(&self, key: &str) -> Fields<'a> {
        Fields(
            self.0
                .iter()
                .filter(|(name, _)| name != key)
                .cloned()
                .collect(),
        )
    }

    /// About how many bytes it is as JSON.
    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .map(|(key, value)| key.len() + value.bytes() + 4)
            .sum()
    }

    /// The fields that fit into so many bytes; one that does not makes room for the next.
    pub fn within(self, mut bytes: usize) -> Fields<'a> {
        let fits = |(key, value): &(Cow<str>, Json)| match bytes
            .checked_sub(key.len() + value.bytes() + 4)
        {
            Some(left) => {
                bytes = left;
                true
            }
            None => false,
        };
        Fields(self.0.into_iter().filter(fits).collect())
    }

    /// Keeps the first `most` keys.
    pub fn truncate(&mut self, most: usize) {
        self.0.truncate(most);
    }

    /// Adds a key at the end if there is a value for it.
    pub fn extend_one(&mut self, key: impl Into<Cow<'a, str>>, value: Option<Json<'a>>) {
        if let Some(value) = value {
            self.push(key, value);
        }
    }

    /// Adds a key at the end.
    pub fn push(&mut self, key: impl Into<Cow<'a, str>>, value: Json<'a>) {
        self.0.push((key.into(), value));
    }
}

impl<'a, K: Into<Cow<'a, str>>> FromIterator<(K, Json<'a>)> for Fields<'a> {
    fn from_iter<I: IntoIterator<Item = (K, Json<'a>)>>(pairs: I) -> Self {
        Fields(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        )
    }
}

/// Most objects have no more keys.
const USUAL: usize = 16;

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Level;
        impl<'de> Visitor<'de> for Level {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    if fields.is_empty() {
                        fields.reserve(USUAL);
                    }
                    fields.push((key, Json::Raw(map.next_value()?)));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Level)
    }
}

/// The values under these keys, in the order of the keys, of an object of which nothing else is kept. `None`
/// when `raw` is something else.
pub fn pick<'a, const N: usize>(
    raw: &'a RawValue,
    keys: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct Picking<'k, const N: usize>([&'k str; N]);
    impl<'de, const N: usize> Visitor<'de> for Picking<'_, N> {
        type Value = [Option<&'de RawValue>; N];
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = [None; N];
            while let Some(Key(key)) = map.next_key()? {
                match self
                    .0
                    .iter()
                    .zip(&mut values)
                    .find(|(name, _)| **name == key)
                {
                    Some((_, value)) => *value = Some(map.next_value()?),
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(values)
        }
    }
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_map(Picking(keys))
        .ok()
}

impl Serialize for Fields<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (key, value)))
    }
}

/// A key, of which nothing is lost but what is no text: JavaScript can cut an emoji in half, and that
/// must not cost the object.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                // The lossy way alone looks for what is wrong byte by byte.
                Ok(Key(std::str::from_utf8(bytes).map_or_else(
                    |_| String::from_utf8_lossy(bytes),
                    Cow::Borrowed,
                )))
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Key(String::from_utf8_lossy(bytes).into_owned().into()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// A string that borrows from the input unless it holds an escape.
#[derive(DeriveDeserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

/// A string, or a number as it was written (12345 → "12345"), trimmed; `None` for anything else and
/// for text that is empty.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let read = match raw.get().as_bytes().first()? {
        b'-' | b'0'..=b'9' => Cow::Borrowed(raw.get()),
        _ => string(raw)?,
    };
    let trimmed = match read {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!trimmed.is_empty()).then_some(trimmed)
}

/// A JSON string as it stands, neither trimmed nor made from a number.
pub fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let written = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    // Most text has no escape, and is then what is written.
    if written.contains('\\') {
        serde_json::from_str::<Str>(raw.get())
            .ok()
            .map(|Str(text)| text)
    } else {
        Some(Cow::Borrowed(written))
    }
}

/// A finite number, or text that is nothing but one ("39.95", "1e3"). "$1,234.50" and "12,50" are
/// not guessed at.
pub fn number(raw: &RawValue) -> Option<f64> {
    let text = text(raw)?;
    // Rust also reads "inf" and "nan", which are no amounts.
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse::<f64>().ok().filter(|n| plain && n.is_finite())
}

/// Writes a number as JavaScript does, 2 and not 2.0: templates print it.
pub fn plain<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    /// Beyond this, not every whole number is an `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

/// `true` or `false`, also as text in any case.
pub fn boolean(raw: &RawValue) -> Option<bool> {
    match raw.get().trim_matches('"') {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether the value is `null` or text without anything in it.
pub fn is_blank(raw: &RawValue) -> bool {
    is_null(raw) || raw.get().trim_matches('"').trim().is_empty()
}

/// Whether the value is `null`.
pub fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn text_is_a_string_or_a_number_as_written() {
        for (json, expected) in [
            (r#""a b""#, Some("a b")),
            (r#""  trimmed\t""#, Some("trimmed")),
            ("12345", Some("12345")),
            ("-1.50", Some("-1.50")),
            (r#""""#, None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            (r#""\ud800""#, None),
        ] {
            assert_eq!(text(raw(json)).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn numbers_are_read_never_guessed() {
        for (json, expected) in [
            ("39.95", Some(39.95)),
            (r#""39.95""#, Some(39.95)),
            (r#"" 1e3 ""#, Some(1000.0)),
            (r#""-5""#, Some(-5.0)),
            (r#""$1,234.50""#, None),
            (r#""12,50""#, None),
            (r#""inf""#, None),
            (r#""NaN""#, None),
            ("1e400", None),
            (r#""""#, None),
            ("{}", None),
        ] {
            assert_eq!(number(raw(json)), expected, "{json}");
        }
    }

    #[test]
    fn a_repeated_key_reads_as_its_last_value() {
        let fields = Fields::parse(raw(r#"{"a": 1, "b": 2, "a": 3}"#)).unwrap();
        assert_eq!(fields.text(&["a"]).as_deref(), Some("3"));
    }

    #[test]
    fn what_is_picked_is_what_the_last_of_its_keys_has() {
        let raw = raw(r#"{"a": 1, "cut\ud83c": 0, "\u0062": [2], "a": {"a": 3}}"#);
        let picked = pick(raw, ["b", "a", "c"])
            .unwrap()
            .map(|value| value.map(RawValue::get));
        assert_eq!(picked, [Some("[2]"), Some(r#"{"a": 3}"#), None]);
        for json in ["null", "[]", "5", "\"{}\""] {
            assert!(pick(self::raw(json), ["a"]).is_none(), "{json}");
        }
    }

    #[test]
    fn half_an_emoji_in_a_key_costs_nothing_else() {
        let fields = Fields::parse(raw(
            r#"{"caf\u00e9": 1, "cut\ud83c": 2, "email": "s@klaviyo-demo.com"}"#,
        ))
        .unwrap();
        assert_eq!((fields.len(), fields.number("café")), (3, Some(1.0)));
        assert_eq!(
            fields.text(&["email"]).as_deref(),
            Some("s@klaviyo-demo.com")
        );
    }

    #[test]
    fn only_objects_have_fields() {
        for json in ["null", "[]", "5", r#""{}""#] {
            assert!(Fields::parse(raw(json)).is_none(), "{json}");
        }
    }
}
