//! The opt-in processes of lists, each looked up once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::session::{SendError, Session};
use super::task::OperationError;
use crate::domain::ListId;
use crate::klaviyo::{ApiRequest, OptIn, parse_opt_in};

/// The opt-in processes of the lists that this instance has met. They live as long as the process: a
/// merchant who changes the process of a list, which is rare, waits until Lambda starts anew.
#[derive(Debug, Default)]
pub struct ListOptIns(Mutex<HashMap<ListId, Option<OptIn>>>);

impl ListOptIns {
    /// Returns the process of a list; none if the key may not read it (`lists:read`), or there is no
    /// such list. Returns an error if Klaviyo cannot be asked now.
    pub(super) async fn get(
        &self,
        list_id: &ListId,
        session: &Session<'_>,
    ) -> Result<Option<OptIn>, OperationError> {
        if let Some(known) = self.lock().get(list_id) {
            return Ok(*known);
        }
        let known = match session.send(&ApiRequest::read_list(list_id)).await {
            // An answer that is cut off says nothing, and the next delivery asks again.
            Ok(acknowledgement) => match parse_opt_in(&acknowledgement.body) {
                Some(opt_in) => Some(opt_in),
                None => return Ok(None),
            },
            Err(SendError::Forbidden | SendError::Refused(_)) => None,
            Err(error @ (SendError::Transient(_) | SendError::Unanswered)) => {
                return Err(error.into_operation_error());
            }
        };
        self.lock().insert(list_id.clone(), known);
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ListId, Option<OptIn>>> {
        // Every insertion is whole, whoever panicked while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
