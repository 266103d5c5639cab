//! The schema of a JSON value, and the check of a value against it.
//!
//! The schemas of the endpoints are tables of constants after Klaviyo's OpenAPI description:
//! <https://github.com/klaviyo/openapi>

use serde_json::{Map, Value};

use super::pointer::Pointer;
use super::refusal::Refusal;

/// A rule for a text. The error says what it should be.
pub(crate) type TextRule = fn(&str) -> Result<(), &'static str>;
/// A rule for an object whose members have the right schemas. The error says what is wrong.
pub(crate) type ObjectRule = fn(&Map<String, Value>) -> Result<(), &'static str>;

/// The schema of a JSON value.
#[derive(Clone, Copy)]
pub(crate) enum Schema {
    /// Any value. It is for what the function never sends.
    Anything,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A text that keeps a rule.
    Text(TextRule),
    /// One text only.
    Constant(&'static str),
    /// An object with these members and no other: Klaviyo refuses a member that it does not know.
    Object(&'static [Member]),
    /// An object whose members are the sender's own.
    OpenObject(ObjectRule),
    /// An object that keeps a rule beside its schema.
    Checked(&'static Schema, ObjectRule),
    /// An array with a number of items from the first to the second.
    Array(&'static Schema, usize, usize),
    /// A value of one schema or the other.
    Either(&'static Schema, &'static Schema),
}

/// A member of an object.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    name: &'static str,
    schema: Schema,
    is_required: bool,
    is_nullable: bool,
}

/// Returns a member that has to be there.
pub(crate) const fn required(name: &'static str, schema: Schema) -> Member {
    Member {
        name,
        schema,
        is_required: true,
        is_nullable: false,
    }
}

/// Returns a member that may be absent.
pub(crate) const fn optional(name: &'static str, schema: Schema) -> Member {
    Member {
        name,
        schema,
        is_required: false,
        is_nullable: false,
    }
}

/// Returns a member that may be absent or `null`.
pub(crate) const fn nullable(name: &'static str, schema: Schema) -> Member {
    Member {
        name,
        schema,
        is_required: false,
        is_nullable: true,
    }
}

impl Schema {
    /// Checks a request's body. The refusals are in the order of the body's schema.
    pub(crate) fn check(self, body: &Value) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        self.check_at(body, Pointer::Root, &mut refusals);
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(refusals)
        }
    }

    fn check_at(self, value: &Value, pointer: Pointer, refusals: &mut Vec<Refusal>) {
        let refused = match (self, value) {
            (Schema::Anything, _)
            | (Schema::Boolean, Value::Bool(_))
            | (Schema::Number, Value::Number(_)) => Ok(()),
            (Schema::Text(rule), Value::String(text)) => rule(text).map_err(str::to_owned),
            (Schema::Constant(expected), Value::String(text)) if text == expected => Ok(()),
            (Schema::Object(members), Value::Object(object)) => {
                check_members(members, object, pointer, refusals);
                Ok(())
            }
            (Schema::OpenObject(rule), Value::Object(object)) => {
                rule(object).map_err(str::to_owned)
            }
            (Schema::Checked(schema, rule), Value::Object(object)) => {
                let count = refusals.len();
                schema.check_at(value, pointer, refusals);
                if refusals.len() == count {
                    rule(object).map_err(str::to_owned)
                } else {
                    Ok(())
                }
            }
            (Schema::Array(schema, least, most), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    schema.check_at(item, Pointer::Item(&pointer, index), refusals);
                }
                if (least..=most).contains(&items.len()) {
                    Ok(())
                } else {
                    Err(format!("expected {least} to {most} items"))
                }
            }
            (Schema::Either(one, other), _) => {
                if one.check(value).is_err() {
                    other.check_at(value, pointer, refusals);
                }
                Ok(())
            }
            (
                Schema::Boolean
                | Schema::Number
                | Schema::Text(_)
                | Schema::Constant(_)
                | Schema::Object(_)
                | Schema::OpenObject(_)
                | Schema::Checked(..)
                | Schema::Array(..),
                _,
            ) => Err(self.expected()),
        };
        if let Err(detail) = refused {
            refusals.push(Refusal::invalid(detail, pointer.to_string()));
        }
    }

    fn expected(self) -> String {
        let kind = match self {
            Schema::Anything | Schema::Either(..) => "another value",
            Schema::Boolean => "a boolean",
            Schema::Number => "a number",
            Schema::Text(_) => "a text",
            Schema::Constant(text) => text,
            Schema::Object(_) | Schema::OpenObject(_) | Schema::Checked(..) => "an object",
            Schema::Array(..) => "an array",
        };
        format!("expected {kind}")
    }
}

fn check_members(
    members: &[Member],
    object: &Map<String, Value>,
    pointer: Pointer,
    refusals: &mut Vec<Refusal>,
) {
    for member in members {
        let place = Pointer::Member(&pointer, member.name);
        match object.get(member.name) {
            None if member.is_required => {
                let detail = format!("'{}' is required", member.name);
                refusals.push(Refusal::new(400, "required", detail, place.to_string()));
            }
            None => {}
            Some(Value::Null) if member.is_nullable => {}
            Some(value) => member.schema.check_at(value, place, refusals),
        }
    }
    for name in object.keys() {
        if members.iter().all(|member| member.name != name) {
            let place = Pointer::Member(&pointer, name).to_string();
            let detail = format!("'{name}' is not a valid field");
            refusals.push(Refusal::invalid(detail, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lower_case(text: &str) -> Result<(), &'static str> {
        if text.chars().all(char::is_lowercase) {
            Ok(())
        } else {
            Err("not in lower case")
        }
    }

    fn not_empty(object: &Map<String, Value>) -> Result<(), &'static str> {
        if object.is_empty() {
            Err("empty")
        } else {
            Ok(())
        }
    }

    const NUMBERS: Schema = Schema::Array(&Schema::Number, 1, 2);
    const SCHEMA: Schema = Schema::Object(&[
        required("type", Schema::Constant("event")),
        nullable("name", Schema::Text(lower_case)),
        optional("is_new", Schema::Boolean),
        optional("numbers", NUMBERS),
        optional("either", Schema::Either(&Schema::Number, &NUMBERS)),
        optional("open", Schema::OpenObject(not_empty)),
        optional(
            "checked",
            Schema::Checked(&Schema::Object(&[optional("n", Schema::Number)]), not_empty),
        ),
    ]);

    #[test]
    fn values_of_the_schema_pass() {
        for value in [
            json!({"type": "event"}),
            json!({"type": "event", "name": null, "numbers": [1], "either": [1, 2.5]}),
            json!({"type": "event", "name": "ok", "is_new": true, "either": 1, "open": {"A": []}}),
            json!({"type": "event", "checked": {"n": 1}}),
        ] {
            assert_eq!(SCHEMA.check(&value), Ok(()), "{value}");
        }
    }

    #[test]
    fn every_problem_is_refused_at_its_place() {
        for (value, places) in [
            (json!([]), vec![""]),
            (json!({}), vec!["/type"]),
            (
                json!({"type": "profile", "extra": 1}),
                vec!["/type", "/extra"],
            ),
            (
                json!({"type": "event", "name": "NO", "is_new": null}),
                vec!["/name", "/is_new"],
            ),
            (json!({"type": "event", "numbers": []}), vec!["/numbers"]),
            (
                json!({"type": "event", "numbers": [1, "2", 3]}),
                vec!["/numbers/1", "/numbers"],
            ),
            (json!({"type": "event", "either": ["x"]}), vec!["/either/0"]),
            (
                json!({"type": "event", "open": {}, "checked": {}}),
                vec!["/open", "/checked"],
            ),
            (
                json!({"type": "event", "checked": {"n": "1"}}),
                vec!["/checked/n"],
            ),
        ] {
            let refusals = SCHEMA.check(&value).unwrap_err();
            let found: Vec<_> = refusals
                .iter()
                .map(|refusal| refusal.pointer.as_str())
                .collect();
            assert_eq!(found, places, "{value}");
        }
    }

    #[test]
    fn an_absent_member_is_required_and_a_wrong_one_invalid() {
        let codes = |value| {
            let refusals = SCHEMA.check(&value).unwrap_err();
            refusals
                .iter()
                .map(|refusal| refusal.code)
                .collect::<Vec<_>>()
        };
        assert_eq!(codes(json!({})), ["required"]);
        assert_eq!(codes(json!({"type": 1})), ["invalid"]);
    }
}
