//! The rules: what one message means for Klaviyo. Pure functions of (message, settings, now).

mod event;
mod identity;
mod integrations;
mod limits;
mod lists;
mod order;
mod phone;
mod profile;

use time::OffsetDateTime;

use crate::klaviyo::Operation;
use crate::outcome::{Ignored, Note, Rejected};
use crate::segment::{Kind, Message};
use crate::settings::Rules;
use identity::Person;
use integrations::Integration;

/// What becomes of a message, as far as the rules know.
#[derive(Debug)]
pub enum Decision<'a> {
    /// It means these operations.
    Send {
        /// What is to be done; never empty.
        operations: Vec<Operation<'a>>,
        /// What the merchant should know although the message is delivered.
        notes: Vec<Note>,
    },
    /// A rule says not to send it.
    Ignore(Ignored),
    /// Klaviyo could never accept it.
    Reject(Rejected),
}

/// Applies the rules to one message. `now` bounds what a timestamp may say.
pub fn decide<'a>(message: &Message<'a>, rules: &Rules, now: OffsetDateTime) -> Decision<'a> {
    apply(message, rules, now).unwrap_or_else(|stop| match stop {
        Stop::Ignore(reason) => Decision::Ignore(reason),
        Stop::Reject(reason) => Decision::Reject(reason),
    })
}

/// How a rule ends a message early.
#[derive(Debug, PartialEq)]
enum Stop {
    Ignore(Ignored),
    Reject(Rejected),
}

fn apply<'a>(
    message: &Message<'a>,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Decision<'a>, Stop> {
    let integration = Integration::read(&message.integrations)?;
    let mut notes = Vec::new();
    let operations = match message.kind {
        Kind::Identify => {
            let person = Person::read(message, rules)?;
            note_dropped_domain(&person, &mut notes);
            let profile = profile::import(message, &person, &integration);
            let subscription = lists::subscription(message, &person, &integration, rules, now);
            let subscription = subscription.unwrap_or_else(|note| {
                notes.push(note);
                None
            });
            let subscribe = subscription.map(Operation::Subscribe);
            std::iter::once(Operation::Import(profile))
                .chain(subscribe)
                .collect()
        }
        Kind::Track => {
            let person = Person::read(message, rules)?;
            note_dropped_domain(&person, &mut notes);
            let events = order::events(event::record(message, &person, rules, now)?, message);
            events.into_iter().map(Operation::Record).collect()
        }
        Kind::Other => return Err(Stop::Ignore(Ignored::UnsupportedType)),
    };
    Ok(Decision::Send { operations, notes })
}

/// Klaviyo answers 202 to events of these two domains and drops them.
/// <https://developers.klaviyo.com/en/reference/events_api_overview>
fn note_dropped_domain(person: &Person, notes: &mut Vec<Note>) {
    let domain = person
        .identity
        .email
        .as_deref()
        .and_then(|email| email.rsplit_once('@'))
        .map(|(_, domain)| domain);
    if matches!(domain, Some("example.com" | "test.com")) {
        notes.push(Note::DroppedDomain);
    }
}
