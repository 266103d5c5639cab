//! Changes of a sample.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The email address of the samples' customer.
const SAMPLE_EMAIL: &str = "sarah.mason@klaviyo-demo.com";

/// The fields of a message that hold a time of now.
const TIMES: [&str; 4] = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];

/// A new value of a field, or none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Override {
    path: String,
    value: Option<Value>,
}

/// Parses `properties.revenue=12`. What is not JSON is text.
pub(super) fn parse(text: &str) -> Result<Override, String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=VALUE")?;
    if path.split('.').any(str::is_empty) {
        return Err("expected a path such as properties.products.0.price".to_owned());
    }
    let value = match value {
        "" => None,
        value => {
            Some(serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())))
        }
    };
    Ok(Override {
        path: path.to_owned(),
        value,
    })
}

impl Override {
    /// Changes a message, or each message of a batch.
    pub(super) fn apply(&self, body: &mut Value) -> Result<(), String> {
        if let Value::Array(messages) = body {
            for message in messages {
                self.apply(message)?;
            }
            return Ok(());
        }
        let mut place = body;
        let (parents, last) = self.path.rsplit_once('.').unwrap_or(("", &self.path));
        for key in parents.split('.').filter(|key| !key.is_empty()) {
            place = self.step(place, key)?;
        }
        match &self.value {
            Some(value) => *self.step(place, last)? = value.clone(),
            None => {
                if let Value::Object(fields) = place {
                    fields.remove(last);
                }
            }
        }
        Ok(())
    }

    /// Returns the place inside of a value, which is made if there is none.
    fn step<'v>(&self, value: &'v mut Value, key: &str) -> Result<&'v mut Value, String> {
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        match value {
            Value::Object(fields) => Ok(fields.entry(key).or_insert(Value::Null)),
            Value::Array(elements) => {
                let index = key.parse::<usize>().ok();
                let place = index.and_then(|index| elements.get_mut(index));
                place.ok_or_else(|| format!("--override {}: there is no element {key}", self.path))
            }
            _ => Err(format!(
                "--override {}: {key} would be inside of a value that is no object",
                self.path
            )),
        }
    }
}

/// Gives each message a new id, and the present as its times. Orders get a new id too.
pub(super) fn renew(body: &mut Value) {
    if let Value::Array(messages) = body {
        messages.iter_mut().for_each(renew);
        return;
    }
    let Value::Object(fields) = body else { return };
    let id = format!("{:012x}", fastrand::u64(..) >> 16);
    // The log names only ids that look like those of Segment's libraries.
    let message_id = format!("ajs-next-{}", uuid());
    let now = OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default();
    if fields.contains_key("messageId") {
        fields.insert("messageId".to_owned(), message_id.into());
    }
    for name in TIMES {
        if let Some(time) = fields.get_mut(name) {
            *time = now.clone().into();
        }
    }
    if let Some(order_id) = body.pointer_mut("/properties/order_id") {
        *order_id = format!("trigger-{id}").into();
    }
}

/// Returns a random UUID, of version 4.
fn uuid() -> String {
    let digits = format!("{:032x}", fastrand::u128(..));
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    let (first, second) = (part(0..8), part(8..12));
    let (third, fourth, last) = (part(13..16), part(17..20), part(20..32));
    format!("{first}-{second}-4{third}-a{fourth}-{last}")
}

/// Replaces the address of the samples' customer, wherever it stands.
pub(super) fn replace_email(value: &mut Value, email: &str) {
    match value {
        Value::String(text) if text.eq_ignore_ascii_case(SAMPLE_EMAIL) => *text = email.to_owned(),
        Value::Array(elements) => {
            for element in elements {
                replace_email(element, email);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                replace_email(field, email);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_set_made_and_removed_in_every_message() {
        let message =
            json!({"properties": {"revenue": 5, "products": [{"price": 1}]}, "userId": "u"});
        for (text, expected) in [
            (
                "properties.revenue=12",
                json!({"properties": {"revenue": 12, "products": [{"price": 1}]}, "userId": "u"}),
            ),
            (
                "properties.products.0.price=a",
                json!({"properties": {"revenue": 5, "products": [{"price": "a"}]}, "userId": "u"}),
            ),
            (
                "userId=",
                json!({"properties": {"revenue": 5, "products": [{"price": 1}]}}),
            ),
            (
                "userId=\"7\"",
                json!({"properties": {"revenue": 5, "products": [{"price": 1}]}, "userId": "7"}),
            ),
            (
                "context.traits.plan=gold",
                json!({"properties": {"revenue": 5, "products": [{"price": 1}]}, "userId": "u", "context": {"traits": {"plan": "gold"}}}),
            ),
        ] {
            let mut batch = json!([message, message]);
            parse(text).unwrap().apply(&mut batch).unwrap();
            assert_eq!(batch, json!([expected, expected]), "{text}");
        }
        for text in ["properties.products.7.price=1", "userId.a=1"] {
            assert!(
                parse(text).unwrap().apply(&mut message.clone()).is_err(),
                "{text}"
            );
        }
        for text in ["userId", "=1", "a..b=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_renewed_order_is_another_one() {
        let message = json!({"messageId": "m", "timestamp": "2020-01-01T00:00:00Z", "properties": {"order_id": "R1", "total": 5}});
        let mut renewed = message.clone();
        renew(&mut renewed);
        for pointer in ["/messageId", "/timestamp", "/properties/order_id"] {
            assert_ne!(
                renewed.pointer(pointer),
                message.pointer(pointer),
                "{pointer}"
            );
        }
        assert_eq!(renewed["properties"]["total"], 5);
    }
}
