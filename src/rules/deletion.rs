//! Deletion requests:
//! <https://www.twilio.com/docs/segment/privacy/user-deletion-and-suppression>

use super::skip::Skip;
use crate::domain::{Email, ExternalId};
use crate::klaviyo::{Operation, ProfileIdentifiers};
use crate::outcome::RejectReason;
use crate::segment::Message;

/// Deletes the profile with this address. Any other userId is the merchant's own id, which is
/// looked up as `external_id`.
pub(super) fn operation<'a>(message: &Message<'a>) -> Result<Operation<'a>, Skip> {
    let unresolved = Skip::Reject(RejectReason::DeletionUnresolved);
    let Some(user_id) = message.user_id.clone() else {
        return Err(unresolved);
    };
    let identifiers = match Email::parse(&user_id) {
        Some(email) => ProfileIdentifiers::Email {
            email,
            external_id: None,
        },
        None => ProfileIdentifiers::ExternalId(ExternalId::parse(user_id).ok_or(unresolved)?),
    };
    Ok(Operation::Delete(identifiers))
}
