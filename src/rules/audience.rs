//! Engage audiences as lists: <https://www.twilio.com/docs/segment/engage/audiences>

use super::identity::Customer;
use super::skip::Skip;
use crate::domain::ListId;
use crate::klaviyo::{Membership, Operation};
use crate::outcome::IgnoreReason;
use crate::segment::Message;

const ENTERED: &str = "Audience Entered";
const EXITED: &str = "Audience Exited";

/// Whether a track reports that a person entered or left an audience.
pub(super) fn is_audience_event(message: &Message) -> bool {
    matches!(message.event.as_deref(), Some(ENTERED | EXITED))
}

/// Adds the person to the list that the audience is connected to, or removes them. Neither changes
/// a consent.
pub(super) fn membership<'a>(
    message: &Message<'a>,
    customer: Customer<'a>,
) -> Result<Operation<'a>, Skip> {
    let list_id = message.audience_list.as_deref().and_then(ListId::parse);
    let Some(list_id) = list_id else {
        return Err(Skip::Ignore(IgnoreReason::NoAudienceList));
    };
    let membership = Membership {
        list_id,
        identifiers: customer.identifiers,
    };
    if message.event.as_deref() == Some(EXITED) {
        Ok(Operation::RemoveFromList(membership))
    } else {
        Ok(Operation::AddToList(membership))
    }
}
