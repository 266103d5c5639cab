//! The rules: what one message means for Klaviyo. Pure functions of (message, settings, now).

mod audience;
mod consent;
mod deletion;
mod event;
mod filter;
mod identity;
mod integrations;
mod klaviyo_names;
mod limits;
mod order;
mod phone;
mod product;
mod profile;

use time::OffsetDateTime;

use crate::klaviyo::Operation;
use crate::outcome::{IgnoreReason, RejectReason, Warning};
use crate::segment::{Message, MessageType};
use crate::settings::RuleSettings;
use identity::Person;
use integrations::Integration;
use order::Order;

/// What becomes of a message, as far as the rules know.
#[derive(Debug)]
pub enum Decision<'a> {
    /// It means these operations.
    Send {
        /// What is to be done; never empty.
        operations: Vec<Operation<'a>>,
        /// What the merchant should know although the message is delivered.
        warnings: Vec<Warning>,
    },
    /// A rule says not to send it.
    Ignore(IgnoreReason),
    /// Klaviyo could never accept it.
    Reject(RejectReason),
}

/// Applies the rules to one message. `now` bounds what a timestamp may say.
pub fn decide<'a>(
    message: &Message<'a>,
    rules: &RuleSettings,
    now: OffsetDateTime,
) -> Decision<'a> {
    let mut warnings = Vec::new();
    match apply(message, rules, now, &mut warnings) {
        Ok(operations) => Decision::Send {
            operations,
            warnings,
        },
        Err(Stop::Ignore(reason)) => Decision::Ignore(reason),
        Err(Stop::Reject(reason)) => Decision::Reject(reason),
    }
}

/// Whether the message tells of a completed order.
pub fn is_order(message: &Message) -> bool {
    Order::of(message) == Some(Order::Completed)
}

/// How a rule ends a message early.
#[derive(Debug, PartialEq)]
enum Stop {
    Ignore(IgnoreReason),
    Reject(RejectReason),
}

fn apply<'a>(
    message: &Message<'a>,
    rules: &RuleSettings,
    now: OffsetDateTime,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Operation<'a>>, Stop> {
    let integration = Integration::read(&message.integrations)?;
    match message.message_type {
        MessageType::Identify => {
            let person = Person::read(message, rules)?;
            let import = Operation::UpsertProfile(profile::import(message, &person, &integration)?);
            let subscribe =
                consent::of_identify(message, &person, &integration, rules, now, warnings);
            Ok(std::iter::once(import)
                .chain(subscribe.map(Operation::Subscribe))
                .collect())
        }
        MessageType::Track if rules.audience_lists && audience::is_about_one(message) => {
            let person = Person::read(message, rules)?;
            Ok(vec![audience::membership(message, &person)?])
        }
        MessageType::Track => events(message, rules, now, warnings),
        MessageType::Page if rules.send_pages => events(message, rules, now, warnings),
        MessageType::Screen if rules.send_screens => events(message, rules, now, warnings),
        MessageType::Group if rules.group_lists => {
            let person = Person::read(message, rules)?;
            Ok(vec![consent::of_group(
                message,
                &person,
                &integration,
                rules,
                now,
            )?])
        }
        MessageType::Delete if rules.honor_deletions => Ok(vec![deletion::of(message)?]),
        MessageType::Page
        | MessageType::Screen
        | MessageType::Group
        | MessageType::Delete
        | MessageType::Other => Err(Stop::Ignore(IgnoreReason::UnsupportedType)),
    }
}

fn events<'a>(
    message: &Message<'a>,
    rules: &RuleSettings,
    now: OffsetDateTime,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Operation<'a>>, Stop> {
    let person = Person::read(message, rules)?;
    let metric = filter::metric(message, rules)?;
    if person.identity.is_dropped_by_klaviyo() {
        warnings.push(Warning::DroppedByKlaviyo);
    }
    let event = event::record(message, metric, &person, rules, now)?;
    Ok(order::events(event, message, rules)
        .into_iter()
        .map(Operation::RecordEvent)
        .collect())
}
