//! The bodies of bulk jobs, written to Klaviyo's limits of number and size.

use serde::Serialize;

use super::job_kind::JobKind;
use super::planned_request::PlannedRequest;
use crate::klaviyo::request::{ApiRequest, write_json};

/// The most bytes of one request: <https://developers.klaviyo.com/en/reference/bulk_create_events>
const MAX_BODY_BYTES: usize = 5_000_000;

/// An item of a job: one or more operations, and the JSON around them.
pub(super) struct JobItem<M> {
    /// The JSON before the members.
    pub(super) opening: Vec<u8>,
    /// The index of each operation, and the value that is written for it.
    pub(super) members: Vec<(usize, M)>,
    /// The JSON after the members.
    pub(super) closing: &'static str,
}

impl<M> JobItem<M> {
    /// Creates an item that is one operation.
    pub(super) fn single(index: usize, member: M) -> Self {
        JobItem {
            opening: Vec::new(),
            members: vec![(index, member)],
            closing: "",
        }
    }
}

/// Writes all items into as few requests as the limits allow. An item that does not fit continues
/// in the next request.
pub(super) fn write_requests<M: Serialize>(
    kind: &JobKind,
    items: impl IntoIterator<Item = JobItem<M>>,
) -> Vec<PlannedRequest> {
    let mut requests = Vec::new();
    let mut body = JobBody::new(kind);
    for JobItem {
        opening,
        members,
        closing,
    } in items
    {
        let mut is_item_open = false;
        for (index, member) in members {
            let length_before = body.bytes.len();
            if !is_item_open {
                body.open_slot(&opening);
            }
            body.add_member(index, &member);
            let is_over_limit = body.member_count > kind.max_members
                || body.bytes.len() + closing.len() + kind.suffix.len() > MAX_BODY_BYTES;
            // A single member that is too large goes alone: Klaviyo says what is wrong with it.
            if is_over_limit && body.member_count > 1 {
                body.remove_last_member(length_before, is_item_open, closing);
                requests.push(body.finish(kind));
                body = JobBody::new(kind);
                body.open_slot(&opening);
                body.add_member(index, &member);
            }
            is_item_open = true;
        }
        if is_item_open {
            body.bytes.extend_from_slice(closing.as_bytes());
        }
    }
    if body.member_count > 0 {
        requests.push(body.finish(kind));
    }
    requests
}

/// The body of a request while it is written.
struct JobBody {
    bytes: Vec<u8>,
    /// The operations of each item so far. The last slot may still be open.
    slots: Vec<Vec<usize>>,
    member_count: usize,
}

impl JobBody {
    fn new(kind: &JobKind) -> Self {
        JobBody {
            bytes: kind.prefix.as_bytes().to_vec(),
            slots: Vec::new(),
            member_count: 0,
        }
    }

    /// Begins a slot, in which the next members go.
    fn open_slot(&mut self, opening: &[u8]) {
        if !self.slots.is_empty() {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(opening);
        self.slots.push(Vec::new());
    }

    /// Writes a member into the open slot.
    #[expect(clippy::expect_used, reason = "a member without a slot would be lost")]
    fn add_member(&mut self, index: usize, member: &impl Serialize) {
        let slot = self.slots.last_mut().expect("an open slot");
        if !slot.is_empty() {
            self.bytes.push(b',');
        }
        slot.push(index);
        write_json(member, &mut self.bytes);
        self.member_count += 1;
    }

    /// Removes the last member, before which the body had `length` bytes. `is_slot_kept`: the slot
    /// has other members, and ends here.
    fn remove_last_member(&mut self, length: usize, is_slot_kept: bool, closing: &str) {
        self.bytes.truncate(length);
        self.member_count -= 1;
        if is_slot_kept {
            self.slots.last_mut().and_then(Vec::pop);
            self.bytes.extend_from_slice(closing.as_bytes());
        } else {
            self.slots.pop();
        }
    }

    fn finish(mut self, kind: &JobKind) -> PlannedRequest {
        self.bytes.extend_from_slice(kind.suffix.as_bytes());
        PlannedRequest {
            request: ApiRequest::post(kind.path, self.bytes),
            slots: self.slots,
            slots_pointer: kind.slots_pointer,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Writes items of texts: the slots of each request, its body, and the length of its body.
    fn write(max_members: usize, items: Vec<Vec<String>>) -> Vec<(Vec<Vec<usize>>, Value, usize)> {
        let kind = JobKind {
            path: "/",
            prefix: "[".into(),
            suffix: "]".into(),
            slots_pointer: "/",
            max_members,
        };
        let mut index = 0;
        let mut job_items = Vec::new();
        for texts in items {
            let mut members = Vec::new();
            for text in texts {
                members.push((index, text));
                index += 1;
            }
            job_items.push(JobItem {
                opening: b"[".to_vec(),
                members,
                closing: "]",
            });
        }
        let mut written = Vec::new();
        for planned in write_requests(&kind, job_items) {
            let body = &planned.request.body;
            let value = serde_json::from_slice(body).unwrap();
            written.push((planned.slots.clone(), value, body.len()));
        }
        written
    }

    #[test]
    fn a_split_slot_keeps_its_own_members() {
        let items = [vec!["0"], vec!["1", "2", "3"], vec!["4"], vec!["5"]];
        let items = items.map(|texts| texts.into_iter().map(str::to_owned).collect());
        let written = write(2, items.to_vec());
        let slots: Vec<_> = written.iter().map(|(slots, ..)| slots.clone()).collect();
        assert_eq!(
            slots,
            [
                vec![vec![0], vec![1]],
                vec![vec![2, 3]],
                vec![vec![4], vec![5]]
            ]
        );
        let bodies: Vec<_> = written.into_iter().map(|(_, body, _)| body).collect();
        assert_eq!(
            bodies,
            [
                json!([["0"], ["1"]]),
                json!([["2", "3"]]),
                json!([["4"], ["5"]])
            ]
        );
    }

    #[test]
    fn a_request_fills_klaviyos_limit_to_the_last_byte() {
        // The bytes around the second of two members: `[["x","` and `"]]`.
        let room = MAX_BODY_BYTES - r#"[["x",""]]"#.len();
        for (second, lengths) in [
            (room, vec![MAX_BODY_BYTES]),
            (room + 1, vec![7, MAX_BODY_BYTES - 3]),
        ] {
            let written = write(9, vec![vec!["x".to_owned(), "y".repeat(second)]]);
            let found: Vec<_> = written.into_iter().map(|(.., length)| length).collect();
            assert_eq!(found, lengths);
        }
    }
}
