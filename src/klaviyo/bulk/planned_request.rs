//! Requests that are planned for operations.

use crate::klaviyo::request::ApiRequest;

/// A request, and the operations that it does.
#[derive(Debug)]
pub struct PlannedRequest {
    /// The request.
    pub request: ApiRequest,
    /// The operations in each slot of the job, by their index in what was planned. A single
    /// request has one slot.
    pub(super) slots: Vec<Vec<usize>>,
    /// The JSON pointer to the slots.
    pub(super) slots_pointer: &'static str,
}

impl PlannedRequest {
    /// Creates the request of one operation.
    pub(super) fn single(index: usize, request: ApiRequest) -> Self {
        PlannedRequest {
            request,
            slots: vec![vec![index]],
            slots_pointer: "",
        }
    }

    /// Iterates over all operations that the request does, by their index in what was planned.
    pub fn operation_indexes(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().flatten().copied()
    }

    /// Returns the operations that a JSON pointer of Klaviyo's is about; none if it names no slot.
    pub fn operation_indexes_at(&self, pointer: &str) -> &[usize] {
        let Some(path) = pointer.strip_prefix(self.slots_pointer) else {
            return &[];
        };
        let mut steps = path.split('/');
        let Some(slot) = steps
            .next()
            .and_then(parse_index)
            .and_then(|slot| self.slots.get(slot))
        else {
            return &[];
        };
        // `<slot>/attributes/events/data/<event>/…` is about one event of a profile.
        let event = steps
            .skip_while(|step| *step != "events")
            .nth(2)
            .and_then(parse_index);
        match event.and_then(|event| slot.get(event..=event)) {
            Some(one_event) => one_event,
            None => slot,
        }
    }
}

fn parse_index(step: &str) -> Option<usize> {
    step.parse().ok()
}
