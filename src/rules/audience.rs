//! Engage audiences → lists: <https://www.twilio.com/docs/segment/engage/audiences>

use super::Stop;
use super::identity::Person;
use crate::klaviyo::{ListId, Membership, Operation};
use crate::outcome::IgnoreReason;
use crate::segment::Message;

const ENTERED: &str = "Audience Entered";
const EXITED: &str = "Audience Exited";

/// Whether a track tells of somebody entering or leaving an audience.
pub(super) fn is_about_one(message: &Message) -> bool {
    matches!(message.event.as_deref(), Some(ENTERED | EXITED))
}

/// Adds to or removes from the list that the audience is connected to. Neither is a consent.
pub(super) fn membership<'a>(
    message: &Message<'a>,
    person: &Person<'a>,
) -> Result<Operation<'a>, Stop> {
    let list_id = message.audience_list.as_deref().and_then(ListId::parse);
    let list_id = list_id.ok_or(Stop::Ignore(IgnoreReason::NoAudienceList))?;
    let membership = Membership {
        list_id,
        identity: person.identity.clone(),
    };
    Ok(match message.event.as_deref() {
        Some(EXITED) => Operation::RemoveFromList(membership),
        _ => Operation::AddToList(membership),
    })
}
