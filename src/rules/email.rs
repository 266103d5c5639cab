//! The email of a message, and the place of one that the rules do not read.

use super::context::RuleContext;
use crate::domain::Email;
use crate::json::{self, Raw, RawObject};
use crate::outcome::{EmailPlace, LeftOut};
use crate::segment::Message;

const EMAIL: LeftOut = LeftOut {
    field: "email",
    expected: "an address such as sarah@klaviyo-demo.com, of fewer than 100 characters",
};

/// The most levels that are searched for an address.
const MAX_LEVELS: usize = 8;

/// Returns the first valid address of `traits.email`, `properties.email`, `context.traits.email`,
/// the places of `EMAIL_FROM` and `userId`. What stands before it and is no address is left out.
pub(super) fn find(context: &RuleContext) -> Option<Email> {
    let RuleContext {
        message, settings, ..
    } = context;
    for object in [
        &message.traits,
        &message.properties,
        &message.context_traits,
    ] {
        let email = object.find(&["email"], read);
        if email.is_some() {
            return email;
        }
        if object.get("email").is_some_and(|raw| !json::is_blank(raw)) {
            context.leave_out(EMAIL);
        }
    }
    for place in &settings.email_from {
        let email = message.at_path(place).and_then(read);
        if email.is_some() {
            return email;
        }
    }
    Email::parse(message.user_id.as_deref()?)
}

fn read(raw: Raw<'_>) -> Option<Email> {
    Email::parse(&json::identifier(raw)?)
}

/// Finds an address that stands in another place of a message, for a merchant who wonders why the
/// message has none.
pub(super) fn place_elsewhere(message: &Message) -> Option<EmailPlace> {
    // Nearly every message without an address has no such character either.
    if !message.raw.get().contains('@') {
        return None;
    }
    let object = RawObject::parse(message.raw)?;
    for root in ["traits", "properties", "context"] {
        let mut path = vec![root.to_owned()];
        if let Some(raw) = object.get(root)
            && find_address(raw, &mut path)
        {
            return EmailPlace::new(&path);
        }
    }
    None
}

/// Whether there is an address at or below `raw`, which is at `path`. If so, `path` becomes its own.
fn find_address(raw: Raw<'_>, path: &mut Vec<String>) -> bool {
    if path.len() > MAX_LEVELS || !raw.get().contains('@') {
        return false;
    }
    let mut children: Vec<(String, Raw<'_>)> = Vec::new();
    if let Some(object) = RawObject::parse(raw) {
        children.extend(object.iter().map(|(key, value)| (key.to_string(), value)));
    } else if raw.get().starts_with('[') {
        let elements = json::raw_elements(raw).into_iter().enumerate();
        children.extend(elements.map(|(position, value)| (position.to_string(), value)));
    } else {
        return path.len() > 1 && read(raw).is_some() && EmailPlace::new(path).is_some();
    }
    for (key, value) in children {
        path.push(key);
        if find_address(value, path) {
            return true;
        }
        path.pop();
    }
    false
}
