//! Values picked out of an object in one pass.

use super::key::{KeyLetters, is_same_key};
use super::scalar;
use super::value::{Children, Raw};

/// Returns the values under these keys, in the order of the keys, and keeps nothing else of the
/// object. A key that is not there, or is `null`, gives the value under another spelling of it.
/// `None` if `raw` is another kind of value.
pub fn pick<'a, const N: usize>(raw: Raw<'a>, keys: [&str; N]) -> Option<[Option<Raw<'a>>; N]> {
    let mut members = Children::of_object(raw.get())?;
    let mut values = [None; N];
    let mut other_spellings = [None; N];
    let mut letters = KeyLetters::default();
    for name in keys {
        letters.insert(name);
    }
    while let Some((key, value)) = members.next_member() {
        if !letters.may_contain(&key) {
            continue;
        }
        let is_spelling = |name: &str| is_same_key(name, &key);
        let place = match place(&keys, &mut values, |name| name == key) {
            Some(place) => Some(place),
            None => self::place(&keys, &mut other_spellings, is_spelling),
        };
        if let Some(place) = place {
            *place = Some(value);
        }
    }
    for (value, other) in values.iter_mut().zip(other_spellings) {
        if value.is_none_or(scalar::is_null) {
            *value = other.or(*value);
        }
    }
    Some(values)
}

/// Returns the place of the value whose key is meant.
fn place<'v, V>(
    keys: &[&str],
    values: &'v mut [V],
    is_meant: impl Fn(&str) -> bool,
) -> Option<&'v mut V> {
    let position = keys.iter().position(|key| is_meant(key))?;
    values.get_mut(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Raw<'_> {
        Raw::parse(json).unwrap()
    }

    #[test]
    fn picked_values_are_the_last_of_their_keys() {
        let raw = raw(r#"{"a": 1, "cut\ud83c": 0, "\u0062": [2], "a": {"a": 3}}"#);
        let picked = pick(raw, ["b", "a", "c"]).unwrap();
        let picked = picked.map(|value| value.map(Raw::get));
        assert_eq!(picked, [Some("[2]"), Some(r#"{"a": 3}"#), None]);
        for json in ["null", "[]", "5", "\"{}\""] {
            assert!(pick(self::raw(json), ["a"]).is_none(), "{json}");
        }
    }

    #[test]
    fn values_are_picked_in_any_spelling_and_an_exact_key_wins() {
        for (json, expected) in [
            (r#"{"userId": 1}"#, Some("1")),
            (r#"{"User ID": 1}"#, Some("1")),
            (r#"{"user_id": 1, "userId": 2, "USERID": 3}"#, Some("2")),
            (r#"{"user_id": 1, "USERID": 3}"#, Some("3")),
            (r#"{"userId": null, "user_id": 1}"#, Some("1")),
            (r#"{"user_id": null, "userId": null}"#, Some("null")),
            (r#"{"userIds": 1, "user": 2}"#, None),
        ] {
            let [picked] = pick(raw(json), ["userId"]).unwrap();
            assert_eq!(picked.map(Raw::get), expected, "{json}");
        }
    }
}
