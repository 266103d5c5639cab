//! The messages.

use segment_klaviyo_bench::messages;
use serde_json::{Value, json};

/// The list of the identifies. It has double opt-in, so each subscription asks a person.
pub const LIST: &str = "Y6nRLr";

/// Returns the email address of a message's person. Each message has another one.
pub fn email(number: usize) -> String {
    format!("sarah.{number}@klaviyo-demo.com")
}

/// Returns the number of the message whose person has this email address.
pub fn number_of_email(email: &str) -> Option<usize> {
    let (number, _) = email.strip_prefix("sarah.")?.split_once('@')?;
    number.parse().ok()
}

/// Returns the number of the message whose event has this unique id, which is the message's id.
pub fn number_of_event(unique_id: &str) -> Option<usize> {
    usize::from_str_radix(unique_id.rsplit('-').next()?, 16).ok()
}

/// Whether a message is an identify. They are spread among the tracks.
pub fn is_identify(number: usize, percent: usize) -> bool {
    number * 37 % 100 < percent
}

/// Returns a message.
pub fn message(number: usize, identify_percent: usize) -> Value {
    let mut message = messages::track(number);
    if is_identify(number, identify_percent)
        && let Some(members) = message.as_object_mut()
    {
        members.insert("type".to_owned(), "identify".into());
        members.remove("event");
        members.remove("properties");
        let traits = json!({"email": email(number), "firstName": "Sarah", "lastName": "Mason", "n": number,
            "address": {"city": "New York", "country": "US", "postalCode": "10017"}, "vip": true});
        members.insert("traits".to_owned(), traits);
        let integrations = json!({"Klaviyo": {"listId": LIST}});
        members.insert("integrations".to_owned(), integrations);
    }
    message
}
