//! The rules: what one message means for Klaviyo.
//!
//! Every rule is a pure function of the message, the settings and a moment. No rule awaits, reads a
//! clock or logs, so the tool can apply them repeatedly.

mod audience;
mod browser;
mod clue;
mod consent;
mod context;
mod deletion;
mod email;
mod event;
mod event_id;
mod event_kind;
mod exchange_id;
mod identity;
mod integrations;
mod limits;
mod line_names;
mod metric;
mod money;
mod order;
mod phone;
mod plan;
mod product;
mod profile;
mod property_names;
mod skip;
mod subscription;
mod traits;

use std::cell::RefCell;

use time::OffsetDateTime;

use crate::domain::Email;
use crate::klaviyo::Operation;
use crate::outcome::{IgnoreReason, RejectReason, Warning};
use crate::segment::{Message, MessageType};
use crate::settings::RuleSettings;
use audience::AudienceChange;
use context::RuleContext;
use event_kind::EventKind;
use identity::Customer;
use integrations::Integration;
use skip::Skip;

pub use clue::{Clue, PersonId};
pub use plan::Plan;

/// The rules' decision about a message.
#[derive(Debug)]
pub enum Decision<'a> {
    /// The message means these operations.
    Send(Plan<'a>),
    /// A rule says not to send the message.
    Ignore(IgnoreReason),
    /// Klaviyo could never accept the message.
    Reject(RejectReason),
}

/// Applies the rules to one message. `now` bounds the timestamps that are plausible.
pub fn decide<'a>(
    message: &Message<'a>,
    settings: &RuleSettings,
    now: OffsetDateTime,
) -> Decision<'a> {
    decide_for(message, settings, now, None)
}

/// Applies the rules to one message, of a person whose address is `remembered` from an earlier one. It
/// counts if the message itself has none.
pub fn decide_for<'a>(
    message: &Message<'a>,
    settings: &RuleSettings,
    now: OffsetDateTime,
    remembered: Option<&Email>,
) -> Decision<'a> {
    match plan(message, settings, now, remembered) {
        Ok(plan) => Decision::Send(plan),
        Err(Skip::Ignore(reason)) => Decision::Ignore(reason),
        Err(Skip::Reject(reason)) => Decision::Reject(reason),
    }
}

/// Returns what a message tells or asks the identity memory.
pub fn clue(message: &Message, settings: &RuleSettings, now: OffsetDateTime) -> Clue {
    match context(message, settings, now, None) {
        Ok(context) => clue::from_context(&context),
        // What is not for Klaviyo, or lacks a consent, is not remembered either.
        Err(_) => Clue::Nothing,
    }
}

/// Whether the message can mean nothing but events, so that no other operation has to wait for it.
pub fn is_only_events(message: &Message, settings: &RuleSettings) -> bool {
    match message.message_type {
        MessageType::Track | MessageType::Page | MessageType::Screen => {
            !settings.audience_lists.is_on() || audience::change(message).is_none()
        }
        _ => false,
    }
}

/// Whether the message reports a completed order.
pub fn is_order(message: &Message, settings: &RuleSettings) -> bool {
    EventKind::from_message(message, settings) == Some(EventKind::OrderCompleted)
}

fn plan<'a>(
    message: &Message<'a>,
    settings: &RuleSettings,
    now: OffsetDateTime,
    remembered: Option<&Email>,
) -> Result<Plan<'a>, Skip> {
    let context = context(message, settings, now, remembered)?;
    let mut plan = plan_message(&context)?;
    plan.warn(context.warnings.into_inner());
    Ok(plan)
}

/// Returns the context of a message, unless it is not for Klaviyo or lacks a consent.
fn context<'m, 'a>(
    message: &'m Message<'a>,
    settings: &'m RuleSettings,
    now: OffsetDateTime,
    remembered: Option<&'m Email>,
) -> Result<RuleContext<'m, 'a>, Skip> {
    let integration = Integration::from_message(message)?;
    consent::check_purposes(message, &settings.consent)?;
    Ok(RuleContext {
        message,
        integration,
        settings,
        event_kind: EventKind::from_message(message, settings),
        now,
        remembered,
        warnings: RefCell::default(),
    })
}

fn plan_message<'a>(context: &RuleContext<'_, 'a>) -> Result<Plan<'a>, Skip> {
    let RuleContext {
        message, settings, ..
    } = context;
    match message.message_type {
        MessageType::Identify => plan_identify(context),
        MessageType::Track => match audience_change(context) {
            Some(change) => {
                let customer = Customer::from_context(context)?;
                let lists = &settings.audience_lists;
                let membership = audience::membership(message, change, customer, lists)?;
                Ok(Plan::new(membership))
            }
            None => plan_event(context),
        },
        MessageType::Page if settings.send_pages => plan_event(context),
        MessageType::Screen if settings.send_screens => plan_event(context),
        MessageType::Group if settings.group_lists => {
            let customer = Customer::from_context(context)?;
            Ok(Plan::new(subscription::from_group(context, &customer)?))
        }
        MessageType::Group if browser::is_from_browser(message) => {
            let customer = Customer::from_context(context)?;
            let profile = profile::from_group(message, &customer)?;
            Ok(Plan::new(Operation::UpsertProfile(profile)))
        }
        MessageType::Delete if settings.honor_deletions => {
            Ok(Plan::new(deletion::operation(message)?))
        }
        MessageType::Page
        | MessageType::Screen
        | MessageType::Group
        | MessageType::Delete
        | MessageType::Other => Err(Skip::Ignore(IgnoreReason::UnsupportedType)),
    }
}

fn plan_identify<'a>(context: &RuleContext<'_, 'a>) -> Result<Plan<'a>, Skip> {
    let customer = Customer::from_context(context)?;
    let profile = profile::from_identify(context, &customer)?;
    let mut plan = Plan::new(Operation::UpsertProfile(profile));
    match subscription::from_identify(context, &customer) {
        Ok(Some(consent)) => plan.push(consent),
        Ok(None) => {}
        Err(warning) => context.warn(warning),
    }
    if let Some(change) = audience_change(context) {
        let lists = &context.settings.audience_lists;
        // An audience without a list leaves the profile to be updated.
        if let Ok(membership) = audience::membership(context.message, change, customer, lists) {
            plan.push(membership);
        }
    }
    Ok(plan)
}

/// Returns the change of an audience that the message reports, if audiences change lists.
fn audience_change(context: &RuleContext) -> Option<AudienceChange> {
    if context.settings.audience_lists.is_on() {
        audience::change(context.message)
    } else {
        None
    }
}

fn plan_event<'a>(context: &RuleContext<'_, 'a>) -> Result<Plan<'a>, Skip> {
    let customer = Customer::from_context(context)?;
    let metric = metric::name(context)?;
    let event = event::from_message(context, metric, &customer)?;
    let lines = order::line_events(&event, context);
    let mut plan = Plan::new(Operation::RecordEvent(event));
    for line in lines {
        plan.push(Operation::RecordEvent(line));
    }
    if context.event_kind.is_none()
        && event_kind::is_nearly_an_order(context.message)
        && !event_id::is_once_per_order(context)
    {
        context.warn(Warning::NearlyAnOrder);
    }
    if customer
        .identifiers
        .email()
        .is_some_and(|email| email.is_dropped_by_klaviyo())
    {
        context.warn(Warning::DroppedByKlaviyo);
    }
    Ok(plan)
}
