//! The fields of a message: where they are, and the message without one or with another value in it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde_json::Value;

use crate::output::escape_control;

/// Elements of an array that are looked at one by one; the others are looked at together.
const ELEMENTS: usize = 5;

/// One step down into JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// A key of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
    /// All elements of an array that are not looked at one by one.
    Rest,
}

/// Where something is in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl Path {
    /// The path of these keys.
    pub(crate) fn of(keys: &[&str]) -> Self {
        Path(
            keys.iter()
                .map(|key| Step::Key((*key).to_owned()))
                .collect(),
        )
    }

    /// The key below this.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    /// The element below this.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        Path(self.0.iter().cloned().chain([step]).collect())
    }

    /// Whether `other` is this or below it.
    pub(crate) fn holds(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The rest of the way from `above`, if this is below it.
    pub(crate) fn below(&self, above: &Path) -> Option<Path> {
        let rest = self.0.strip_prefix(above.0.as_slice())?;
        (!rest.is_empty()).then(|| Path(rest.to_vec()))
    }

    /// What is there.
    pub(crate) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
            Step::Rest => None,
        })
    }

    fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
            Step::Rest => None,
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => f.write_str(&escape_control(key))?,
                Step::Key(key) => write!(f, ".{}", escape_control(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Rest => write!(f, "[{ELEMENTS}…]")?,
            }
        }
        Ok(())
    }
}

/// Everything in `value` that holds no other thing, by its place. A list of plain values is one thing.
pub(crate) fn leaves(at: &Path, value: &Value, found: &mut BTreeMap<Path, Value>) {
    let is_container = |value: &Value| value.is_object() || value.is_array();
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                leaves(&at.key(key), value, found);
            }
        }
        Value::Array(elements) if elements.iter().any(is_container) => {
            for (index, value) in elements.iter().enumerate() {
                leaves(&at.index(index), value, found);
            }
        }
        _ => {
            found.insert(at.clone(), value.clone());
        }
    }
}

/// Something in a message that can be taken away: one leaf, or the same leaf of all further elements.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// How it is called.
    pub(crate) path: Path,
    /// What is in it; of several, in the first.
    pub(crate) value: Value,
    /// Another value of the same form that is nowhere in the message, if there is one.
    pub(crate) other: Option<Value>,
    places: Vec<Path>,
}

/// The fields of a message, none of what is no object.
pub(crate) fn of(message: &Value) -> Vec<Field> {
    let mut found = BTreeMap::new();
    if message.is_object() {
        leaves(&Path::default(), message, &mut found);
    }
    let taken: HashSet<String> = found.values().map(Value::to_string).collect();
    let mut fields: BTreeMap<Path, Field> = BTreeMap::new();
    for (place, value) in found {
        let path = Path(place.0.iter().cloned().map(together).collect());
        let field = fields.entry(path.clone()).or_insert_with(|| {
            let other = unlike(&value, &taken);
            Field {
                path,
                value,
                other,
                places: Vec::new(),
            }
        });
        field.places.push(place);
    }
    fields.into_values().collect()
}

fn together(step: Step) -> Step {
    match step {
        Step::Index(index) if index >= ELEMENTS => Step::Rest,
        step => step,
    }
}

impl Field {
    /// Whether there is nothing in it.
    pub(crate) fn is_blank(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(elements) => elements.is_empty(),
            Value::Object(object) => object.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The message without it.
    pub(crate) fn take_from(&self, message: &mut Value) {
        for place in &self.places {
            let Some((last, parent)) = place.0.split_last() else {
                continue;
            };
            let Some(parent) = Path(parent.to_vec()).find_mut(message) else {
                continue;
            };
            match (last, parent) {
                (Step::Key(key), Value::Object(object)) => {
                    object.remove(key);
                }
                // The other elements stay where they are.
                (Step::Index(index), Value::Array(elements)) => {
                    if let Some(element) = elements.get_mut(*index) {
                        *element = Value::Null;
                    }
                }
                _ => {}
            }
        }
    }

    /// The message with `value` in it.
    pub(crate) fn set_in(&self, message: &mut Value, value: &Value) {
        for place in &self.places {
            if let Some(it) = place.find_mut(message) {
                *it = value.clone();
            }
        }
    }

    /// The message with another value of the same form in it, if there is one.
    pub(crate) fn change_in(&self, message: &mut Value) -> bool {
        if let Some(other) = &self.other {
            self.set_in(message, other);
        }
        self.other.is_some()
    }
}

/// Another value of the same form, if possible one that is not taken: a line of an order with the id of another
/// line would not only be one with another id.
fn unlike(value: &Value, taken: &HashSet<String>) -> Option<Value> {
    let others = others(value);
    let free = others
        .iter()
        .find(|other| !taken.contains(&other.to_string()));
    free.or(others.first()).cloned()
}

/// Other values of the same form: a time stays a time, an address an address, a number a number.
pub(crate) fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) if !text.trim().is_empty() => {
            other_texts(text).into_iter().map(Value::from).collect()
        }
        Value::Bool(is) => vec![(!is).into()],
        Value::Number(number) => {
            let add = |more: i16| match number.as_i64() {
                Some(whole) => whole.wrapping_add(more.into()).into(),
                None => (number.as_f64().unwrap_or_default() + f64::from(more)).into(),
            };
            [1, 2, 3, 10, 100, 1_000, 10_000].map(add).to_vec()
        }
        Value::Array(elements) => {
            let first = (0..)
                .zip(elements)
                .find_map(|(at, element)| Some((at, others(element).into_iter().next()?)));
            let Some((at, other)) = first else {
                return Vec::new();
            };
            let mut elements = elements.clone();
            elements.splice(at..=at, [other]);
            vec![Value::Array(elements)]
        }
        Value::Null | Value::String(_) | Value::Object(_) => Vec::new(),
    }
}

/// The last digit becomes another one, then the last letter.
fn other_texts(text: &str) -> Vec<String> {
    let turned = |first: u8, count: u8| {
        let at = text.rfind(|c: char| {
            u8::try_from(c).is_ok_and(|c| (first..first + count).contains(&c.to_ascii_lowercase()))
        });
        let parts = at.and_then(|at| {
            Some((
                text.get(..at)?,
                *text.as_bytes().get(at)?,
                text.get(at + 1..)?,
            ))
        });
        parts.into_iter().flat_map(move |(before, c, after)| {
            let (base, place) = if c.is_ascii_uppercase() {
                (b'A', c - b'A')
            } else {
                (first, c - first)
            };
            let other = move |step| char::from(base + (place + step) % count);
            (1..count).map(move |step| format!("{before}{}{after}", other(step)))
        })
    };
    turned(b'0', 10)
        .chain(turned(b'a', 26))
        .chain([format!("{text}1")])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_value_has_the_same_form() {
        for (value, expected) in [
            (
                json!("2026-11-20T10:15:30.419Z"),
                Some(json!("2026-11-20T10:15:30.410Z")),
            ),
            (
                json!("sarah@klaviyo-demo.com"),
                Some(json!("sarah@klaviyo-demo.con")),
            ),
            (json!("+1 500 555 0006"), Some(json!("+1 500 555 0007"))),
            (json!("USD"), Some(json!("USE"))),
            (json!("购买"), Some(json!("购买1"))),
            (json!(39.5), Some(json!(40.5))),
            (json!(2), Some(json!(3))),
            (json!(true), Some(json!(false))),
            (json!([null, "a"]), Some(json!([null, "b"]))),
            (json!(null), None),
            (json!(" "), None),
            (json!({}), None),
        ] {
            assert_eq!(others(&value).into_iter().next(), expected, "{value}");
        }
    }

    #[test]
    fn another_value_is_nowhere_else_in_the_message() {
        let fields = of(&json!({"a": 1, "b": 2, "c": "x9", "d": "x0", "e": true, "f": false}));
        let others: Vec<_> = fields
            .iter()
            .map(|field| field.other.clone().unwrap())
            .collect();
        assert_eq!(
            others,
            [
                json!(3),
                json!(3),
                json!("x1"),
                json!("x1"),
                json!(false),
                json!(true)
            ]
        );
        let ids: serde_json::Map<_, _> = (0..10)
            .map(|n| (n.to_string(), json!(format!("P{n}"))))
            .collect();
        assert_eq!(of(&Value::Object(ids))[0].other, Some(json!("Q0")));
    }

    #[test]
    fn elements_beyond_the_fifth_are_one_field() {
        let products: Vec<_> = (0..7).map(|n| json!({"id": n})).collect();
        let message =
            json!({"type": "track", "tags": ["a", "b"], "properties": {"products": products}});
        let fields = of(&message);
        let names: Vec<_> = fields.iter().map(|field| field.path.to_string()).collect();
        assert_eq!(
            (names.len(), names[0].as_str()),
            (8, "properties.products[0].id")
        );
        assert_eq!(names[5..], ["properties.products[5…].id", "tags", "type"]);
        let mut without = message.clone();
        fields[5].take_from(&mut without);
        assert_eq!(without["properties"]["products"][4], json!({"id": 4}));
        assert_eq!(without["properties"]["products"][6], json!({}));
    }
}
