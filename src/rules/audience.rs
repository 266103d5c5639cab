//! Engage audiences as lists: <https://www.twilio.com/docs/segment/engage/audiences>

use super::identity::Customer;
use super::skip::Skip;
use crate::domain::ListId;
use crate::json::{self, is_same_key};
use crate::klaviyo::{Membership, Operation, ProfileIdentifiers};
use crate::outcome::IgnoreReason;
use crate::segment::{Message, MessageType};
use crate::settings::AudienceLists;

/// A change of who is in an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AudienceChange {
    Entered,
    Exited,
}

/// Returns the change of an audience that a message reports. An event has the name of the change,
/// or says whether the person is in the audience, as an identify does, under the audience's key.
pub(super) fn change(message: &Message) -> Option<AudienceChange> {
    if message.message_type == MessageType::Track {
        let name = message.event.as_deref()?;
        if is_same_key(name, "Audience Entered") {
            return Some(AudienceChange::Entered);
        }
        if is_same_key(name, "Audience Exited") {
            return Some(AudienceChange::Exited);
        }
    }
    let key = message.audience_key()?;
    let object = match message.message_type {
        MessageType::Identify => &message.traits,
        _ => &message.properties,
    };
    if object.find(&[&key], json::boolean)? {
        Some(AudienceChange::Entered)
    } else {
        Some(AudienceChange::Exited)
    }
}

/// Returns the change of the list that the audience has. Neither change is one of consent.
pub(super) fn membership<'a>(
    message: &Message<'a>,
    change: AudienceChange,
    customer: Customer<'a>,
    lists: &AudienceLists,
) -> Result<Operation<'a>, Skip> {
    let list_id = list_id(message, lists).ok_or(Skip::Ignore(IgnoreReason::NoAudienceList))?;
    // Klaviyo does not say whose id of its own this is, and lists hold profiles.
    if let ProfileIdentifiers::ExchangeId(_) = customer.identifiers {
        return Err(Skip::Ignore(IgnoreReason::NoIdentifier(None)));
    }
    let membership = Membership {
        list_id,
        identifiers: customer.identifiers,
    };
    Ok(match change {
        AudienceChange::Entered => Operation::AddToList(membership),
        AudienceChange::Exited => Operation::RemoveFromList(membership),
    })
}

/// Returns the list that the audience is connected to, else the one that its key has.
fn list_id(message: &Message, lists: &AudienceLists) -> Option<ListId> {
    let connected = message.audience_list.as_deref().and_then(ListId::parse);
    connected.or_else(|| {
        let key = message.audience_key();
        let key = key.or_else(|| message.properties.text(&["audience_key"]))?;
        lists.list_of(&key).cloned()
    })
}
