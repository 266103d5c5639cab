//! Requests for a group of operations, with the operations that each of them does.

use super::dispatch::Dispatch;
use super::halving::Halves;
use super::profile_lookup::FoundProfiles;
use crate::klaviyo::{
    Operation, PlannedRequest, SingleLimits, build_requests_by_id, build_requests_within,
    build_single_profiles,
};

/// The identifiers by which requests name profiles.
#[derive(Clone, Copy)]
pub(super) enum Addressing<'i> {
    /// By the identifiers in the operations; so many of them singly.
    Identifiers(SingleLimits),
    /// By Klaviyo's own ids.
    ProfileIds(&'i FoundProfiles),
    /// Profiles by the identifiers in the operations, each in a request of its own.
    Singly,
}

impl Addressing<'_> {
    fn build_requests(self, operations: &[&Operation]) -> Vec<PlannedRequest> {
        match self {
            Addressing::Identifiers(limits) => build_requests_within(operations, limits),
            Addressing::Singly => build_single_profiles(operations),
            Addressing::ProfileIds(ids) => {
                build_requests_by_id(operations, |identifiers| ids.id(identifiers))
            }
        }
    }
}

/// Plans the two halves of a group of operations. Each half waits for the other one, unless one of
/// them is several requests, such as few events, which go singly.
pub(super) fn plan_halves<'t, 'a>(
    mut dispatches: Vec<Dispatch<'t, 'a>>,
    addressing: Addressing<'_>,
) -> Vec<(RequestWithMembers<'t, 'a>, Option<Halves<'t, 'a>>)> {
    let second_half = dispatches.split_off(dispatches.len() / 2);
    let halves = [dispatches, second_half].map(|half| assign_to_requests(half, addressing));
    let is_pair = halves.iter().all(|requests| requests.len() == 1);
    let mut planned = Vec::new();
    for (requests, pair) in halves.into_iter().zip(Halves::pair()) {
        let mut pair = Some(pair).filter(|_| is_pair);
        planned.extend(requests.into_iter().map(|request| (request, pair.take())));
    }
    planned
}

/// A request, and its operations with their indexes in it.
pub(super) type RequestWithMembers<'t, 'a> = (PlannedRequest, Vec<(usize, Dispatch<'t, 'a>)>);

/// Plans the requests for operations, and hands each operation to its request.
pub(super) fn assign_to_requests<'t, 'a>(
    dispatches: Vec<Dispatch<'t, 'a>>,
    addressing: Addressing<'_>,
) -> Vec<RequestWithMembers<'t, 'a>> {
    let operations: Vec<_> = dispatches.iter().map(Dispatch::operation).collect();
    let requests = addressing.build_requests(&operations);
    let mut unassigned: Vec<_> = dispatches.into_iter().map(Some).collect();
    let mut planned = Vec::with_capacity(requests.len());
    for request in requests {
        let mut members = Vec::new();
        for index in request.operation_indexes() {
            // An operation that is in no request stays pending, and is retried.
            if let Some(dispatch) = unassigned.get_mut(index).and_then(Option::take) {
                members.push((index, dispatch));
            }
        }
        planned.push((request, members));
    }
    planned
}
