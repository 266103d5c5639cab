//! What a refusal costs: only what it is about.

use std::collections::BTreeMap;

use super::merge::Item;
use crate::klaviyo::{ApiError, ApiErrors, PlannedRequest};
use crate::outcome::RejectReason;

/// What is left of a call that Klaviyo refused.
#[derive(Default)]
pub(super) struct Left<'a> {
    /// What can never succeed.
    pub(super) rejected: Vec<(Item<'a>, RejectReason)>,
    /// What was merged and is refused: each chain goes again piece by piece.
    pub(super) apart: Vec<Vec<Item<'a>>>,
    /// What goes again, each group packed by itself.
    pub(super) again: Vec<Vec<Item<'a>>>,
}

/// Parts what the refusal is about from the rest. `members` have their index in `packed`.
pub(super) fn sort_out<'a>(
    packed: &PlannedRequest,
    mut members: Vec<(usize, Item<'a>)>,
    refusal: &ApiErrors,
) -> Left<'a> {
    let mut named: BTreeMap<usize, Vec<ApiError>> = BTreeMap::new();
    for problem in &refusal.problems {
        for &index in packed.named_by(&problem.pointer) {
            named.entry(index).or_default().push(problem.clone());
        }
    }
    if named.is_empty() {
        if members.len() > 1 && refusal.may_be_about_one_of_many() {
            // One of them is refused, and Klaviyo does not say which: halving finds it.
            let half = members.split_off(members.len() / 2);
            let again =
                [members, half].map(|half| half.into_iter().map(|(_, item)| item).collect());
            return Left {
                again: again.into(),
                ..Left::default()
            };
        }
        named = members
            .iter()
            .map(|(index, _)| (*index, refusal.problems.clone()))
            .collect();
    }
    let mut left = Left::default();
    let mut again = Vec::new();
    for (index, item) in members {
        match named.remove(&index) {
            None => again.push(item),
            Some(problems) => {
                let refusal = ApiErrors {
                    status: refusal.status,
                    problems,
                };
                match item.operation.without_what_is_refused(&refusal) {
                    Some(operation) => again.push(item.with(operation)),
                    None if item.is_merged() => left.apart.push(item.apart()),
                    None => left.rejected.push((item, refusal.rejected())),
                }
            }
        }
    }
    if !again.is_empty() {
        left.again.push(again);
    }
    left
}
