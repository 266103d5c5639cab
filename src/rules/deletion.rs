//! Deletion: <https://www.twilio.com/docs/segment/privacy/user-deletion-and-suppression>

use super::Stop;
use super::identity::{EXTERNAL_ID_CHARACTERS, email};
use crate::klaviyo::{Operation, ProfileIdentifiers};
use crate::outcome::RejectReason;
use crate::segment::Message;

/// Forgets the profile with this address; any other userId is the merchant's own, `external_id` in
/// Klaviyo, and has to be looked up.
pub(super) fn of<'a>(message: &Message<'a>) -> Result<Operation<'a>, Stop> {
    let user_id = message
        .user_id
        .clone()
        .ok_or(Stop::Reject(RejectReason::DeletionUnresolved))?;
    Ok(Operation::Delete(match email(&user_id) {
        Some(email) => ProfileIdentifiers {
            email: Some(email),
            external_id: None,
        },
        None if user_id.chars().count() > EXTERNAL_ID_CHARACTERS => {
            return Err(Stop::Reject(RejectReason::DeletionUnresolved));
        }
        None => ProfileIdentifiers {
            email: None,
            external_id: Some(user_id),
        },
    }))
}
