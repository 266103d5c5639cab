//! Refused requests: a refusal costs only the operations that it is about.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::dispatch::Dispatch;
use crate::klaviyo::{ApiError, ApiErrors, PlannedRequest};
use crate::outcome::RejectReason;

/// The operations of a request that Klaviyo refused, sorted by what happens to them.
#[derive(Default)]
pub(super) struct Remainder<'t, 'a> {
    /// Operations that can never succeed.
    pub(super) rejected: Vec<(Dispatch<'t, 'a>, RejectReason)>,
    /// Merged profiles that Klaviyo refused. Each is sent again as the updates that it was merged
    /// from.
    pub(super) split: Vec<Vec<Dispatch<'t, 'a>>>,
    /// Groups of operations to send again, each in separate requests.
    pub(super) retry: Vec<Vec<Dispatch<'t, 'a>>>,
}

/// Isolates the operations that a refusal is about from the others. `members` are the operations of
/// the request with their indexes in it.
pub(super) fn isolate<'t, 'a>(
    request: &PlannedRequest,
    members: Vec<(usize, Dispatch<'t, 'a>)>,
    refusal: &ApiErrors,
) -> Remainder<'t, 'a> {
    let mut errors_by_index: BTreeMap<usize, Vec<ApiError>> = BTreeMap::new();
    for error in &refusal.errors {
        for index in request.operation_indexes_at(&error.pointer) {
            errors_by_index
                .entry(*index)
                .or_default()
                .push(error.clone());
        }
    }
    if errors_by_index.is_empty() {
        if members.len() > 1 && refusal.may_concern_one_item() {
            return halve(members);
        }
        for (index, _) in &members {
            errors_by_index.insert(*index, refusal.errors.clone());
        }
    }

    let mut remainder = Remainder::default();
    let mut retry = Vec::new();
    for (index, mut dispatch) in members {
        let Some(errors) = errors_by_index.remove(&index) else {
            retry.push(dispatch);
            continue;
        };
        let refusal = ApiErrors {
            status: refusal.status,
            errors,
        };
        let reduced = refusal.identifier_refusal().and_then(|identifiers| {
            dispatch
                .operation()
                .without_refused_identifiers(identifiers)
        });
        if let Some(operation) = reduced {
            dispatch.replace_operation(Cow::Owned(operation));
            retry.push(dispatch);
        } else if dispatch.is_merged() {
            remainder.split.push(dispatch.split());
        } else {
            remainder.rejected.push((dispatch, refusal.reject_reason()));
        }
    }
    if !retry.is_empty() {
        remainder.retry.push(retry);
    }
    remainder
}

/// Halves a request of which one operation is refused, without a word from Klaviyo which one it is.
/// Halving again and again finds it.
fn halve<'t, 'a>(mut members: Vec<(usize, Dispatch<'t, 'a>)>) -> Remainder<'t, 'a> {
    let second_half = members.split_off(members.len() / 2);
    let mut remainder = Remainder::default();
    for half in [members, second_half] {
        remainder
            .retry
            .push(half.into_iter().map(|(_, dispatch)| dispatch).collect());
    }
    remainder
}
