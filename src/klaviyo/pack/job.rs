//! A job's body, written to Klaviyo's limits of number and size.

use super::Packed;
use crate::klaviyo::call::Call;

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
pub(super) struct Entry {
    pub(super) open: String,
    /// The index of an operation and its JSON.
    pub(super) members: Vec<(usize, Vec<u8>)>,
    pub(super) close: &'static str,
}

impl Entry {
    /// A place that is one operation.
    pub(super) fn of(index: usize, json: Vec<u8>) -> Self {
        Entry { open: String::new(), members: vec![(index, json)], close: "" }
    }
}

impl Job {
    /// Writes all entries, into as many requests as it takes. An entry that does not fit goes on in the
    /// next request.
    pub(super) fn pack(&self, entries: impl IntoIterator<Item = Entry>) -> Vec<Packed> {
        let mut packed = Vec::new();
        let mut body = Body::new(&self.head);
        for Entry { open, members, close } in entries {
            let mut is_open = false;
            for (index, json) in members {
                let room_needed = open.len() + json.len() + close.len() + self.tail.len() + 2;
                let full = body.members == self.most || body.bytes.len() + room_needed > BODY_BYTES;
                if full && body.members > 0 {
                    if is_open {
                        body.bytes.extend_from_slice(close.as_bytes());
                        is_open = false;
                    }
                    packed.push(std::mem::replace(&mut body, Body::new(&self.head)).finish(self));
                }
                if !is_open {
                    body.open(&open);
                    is_open = true;
                }
                body.add(index, &json);
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
        Body { bytes: head.as_bytes().to_vec(), places: Vec::new(), members: 0 }
    }

    fn open(&mut self, open: &str) {
        if !self.places.is_empty() {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(open.as_bytes());
        self.places.push(Vec::new());
    }

    fn add(&mut self, index: usize, json: &[u8]) {
        if let Some(place) = self.places.last_mut() {
            if !place.is_empty() {
                self.bytes.push(b',');
            }
            place.push(index);
        }
        self.bytes.extend_from_slice(json);
        self.members += 1;
    }

    fn finish(mut self, job: &Job) -> Packed {
        self.bytes.extend_from_slice(job.tail.as_bytes());
        Packed { call: Call::post(job.path, self.bytes), places: self.places, pointer: job.pointer }
    }
}
