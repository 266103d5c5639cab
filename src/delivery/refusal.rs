//! Refused requests: a refusal costs only the operations that it is about.

use std::collections::BTreeMap;

use super::dispatch::Dispatch;
use crate::klaviyo::{ApiError, ApiErrors, Attribute, PlannedRequest};
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
        if drop_refused_attributes(&mut dispatch, &refusal) {
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

/// Drops what a refusal is about, if the rest can do without it. Returns whether something was
/// dropped.
///
/// After a conflict, the email alone names the person. SMS consent has many conditions, such as the
/// countries that the account can write to, and Klaviyo does not always say which one is not met: it
/// is given up before the person is.
fn drop_refused_attributes(dispatch: &mut Dispatch, refusal: &ApiErrors) -> bool {
    const ACCEPTED: &str = "a value that Klaviyo accepts";
    const UNSHARED: &str = "one that belongs to no other profile";
    let second_identifiers = [
        Attribute::PhoneNumber,
        Attribute::ExternalId,
        Attribute::Field("_kx"),
    ];
    if refusal.is_conflict() {
        let mut is_dropped = false;
        for attribute in &second_identifiers {
            is_dropped |= dispatch.drop_attribute(attribute, UNSHARED);
        }
        return is_dropped;
    }
    let is_consent = dispatch.operation().subscriber().is_some();
    let attributes = match refusal.refused_attributes() {
        Some(attributes) => attributes,
        None if is_consent && refusal.status == 400 => vec![Attribute::PhoneNumber],
        None => return false,
    };
    let mut is_dropped = false;
    for attribute in &attributes {
        is_dropped |= dispatch.drop_attribute(attribute, ACCEPTED);
    }
    is_dropped
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
