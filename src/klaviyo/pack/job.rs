//! A job's body, written to Klaviyo's limits of number and size.

use serde::Serialize;

use super::PlannedRequest;
use crate::klaviyo::call::{ApiRequest, write};

/// Klaviyo takes 5 MB a request.
const BODY_BYTES: usize = 5_000_000;

/// A kind of job: what stands around its places.
pub(super) struct Job {
    pub(super) path: &'static str,
    pub(super) head: String,
    pub(super) tail: String,
    /// The JSON pointer to the places.
    pub(super) pointer: &'static str,
    /// Members that one job may have.
    pub(super) most: usize,
}

/// One place in a job: its members, and what is written around them.
pub(super) struct Entry<M> {
    pub(super) open: Vec<u8>,
    /// The index of an operation and what is written of it.
    pub(super) members: Vec<(usize, M)>,
    pub(super) close: &'static str,
}

impl<M> Entry<M> {
    /// A place that is one operation.
    pub(super) fn of(index: usize, member: M) -> Self {
        Entry {
            open: Vec::new(),
            members: vec![(index, member)],
            close: "",
        }
    }
}

impl Job {
    /// Writes all entries, into as many requests as it takes. An entry that does not fit goes on in the
    /// next request.
    pub(super) fn write_requests<M: Serialize>(
        &self,
        entries: impl IntoIterator<Item = Entry<M>>,
    ) -> Vec<PlannedRequest> {
        let mut packed = Vec::new();
        let mut body = Body::new(&self.head);
        for Entry {
            open,
            members,
            close,
        } in entries
        {
            let mut is_open = false;
            for (index, member) in members {
                let length = body.bytes.len();
                body.add(index, &member, (!is_open).then_some(&open));
                let is_over = body.members > self.most
                    || body.bytes.len() + close.len() + self.tail.len() > BODY_BYTES;
                if is_over && body.members > 1 {
                    body.take_back(length, is_open, close);
                    packed.push(std::mem::replace(&mut body, Body::new(&self.head)).finish(self));
                    body.add(index, &member, Some(&open));
                }
                is_open = true;
            }
            if is_open {
                body.bytes.extend_from_slice(close.as_bytes());
            }
        }
        if body.members > 0 {
            packed.push(body.finish(self));
        }
        packed
    }
}

/// A request that is being written.
struct Body {
    bytes: Vec<u8>,
    places: Vec<Vec<usize>>,
    members: usize,
}

impl Body {
    fn new(head: &str) -> Self {
        Body {
            bytes: head.as_bytes().to_vec(),
            places: Vec::new(),
            members: 0,
        }
    }

    /// Writes a member into the place that is open, or into a new one that `open` begins.
    fn add(&mut self, index: usize, member: &impl Serialize, open: Option<&[u8]>) {
        if !self.places.is_empty() {
            self.bytes.push(b',');
        }
        if let Some(open) = open {
            self.bytes.extend_from_slice(open);
            self.places.push(Vec::new());
        }
        if let Some(place) = self.places.last_mut() {
            place.push(index);
        }
        write(member, &mut self.bytes);
        self.members += 1;
    }

    /// Takes the last member back, which began at `length`, and leaves no place open.
    fn take_back(&mut self, length: usize, is_place_left: bool, close: &str) {
        self.bytes.truncate(length);
        self.members -= 1;
        if is_place_left {
            self.places.last_mut().and_then(Vec::pop);
            self.bytes.extend_from_slice(close.as_bytes());
        } else {
            self.places.pop();
        }
    }

    fn finish(mut self, job: &Job) -> PlannedRequest {
        self.bytes.extend_from_slice(job.tail.as_bytes());
        PlannedRequest {
            call: ApiRequest::post(job.path, self.bytes),
            places: self.places,
            pointer: job.pointer,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The places of each request, beside the numbers that are written there.
    fn packed(
        most: usize,
        entries: Vec<Vec<(usize, String)>>,
    ) -> Vec<(Vec<Vec<usize>>, Value, usize)> {
        let job = Job {
            path: "/",
            head: "[".into(),
            tail: "]".into(),
            pointer: "/",
            most,
        };
        let entry = |members| Entry {
            open: b"[".to_vec(),
            members,
            close: "]",
        };
        let requests = job
            .write_requests(entries.into_iter().map(entry))
            .into_iter();
        let read = |it: PlannedRequest| {
            (
                it.places,
                serde_json::from_slice(&it.call.body).unwrap(),
                it.call.body.len(),
            )
        };
        requests.map(read).collect()
    }

    #[test]
    fn a_place_that_is_cut_is_told_by_its_own_members() {
        let member = |index: usize| (index, index.to_string());
        let entries = vec![
            vec![member(0)],
            vec![member(1), member(2), member(3)],
            vec![member(4)],
            vec![member(5)],
        ];
        let places: Vec<_> = packed(2, entries)
            .into_iter()
            .map(|(places, written, _)| {
                let texts =
                    |place: &Vec<usize>| place.iter().map(usize::to_string).collect::<Vec<_>>();
                assert_eq!(
                    written,
                    serde_json::json!(places.iter().map(texts).collect::<Vec<_>>())
                );
                places
            })
            .collect();
        assert_eq!(
            places,
            [
                vec![vec![0], vec![1]],
                vec![vec![2, 3]],
                vec![vec![4], vec![5]]
            ]
        );
    }

    #[test]
    fn a_request_has_exactly_as_many_bytes_as_klaviyo_takes_and_not_one_more() {
        // What is around two members of one place, `[["…","…"]]`, and the first of them.
        let rest = BODY_BYTES - r#"[["",""]]"#.len() - 1;
        for (second, lengths) in [
            (rest, vec![BODY_BYTES]),
            (rest + 1, vec![7, BODY_BYTES - 3]),
        ] {
            let members = vec![(0, "x".to_owned()), (1, "y".repeat(second))];
            let found: Vec<_> = packed(9, vec![members])
                .into_iter()
                .map(|(_, _, length)| length)
                .collect();
            assert_eq!(found, lengths);
        }
    }
}
