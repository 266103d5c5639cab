//! Entries that go into the queue together: few full messages of SQS instead of one for each message
//! of Segment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::body;
use super::client::{MAX_DELAY, QueueMessage};

/// The most bytes of the entries in a bundle, before they are compressed. Even if they cannot be, SQS
/// takes it, and whoever receives it needs no more memory than that.
const MAX_BUNDLE_BYTES: usize = 1_000_000;

/// Entries in one message for SQS.
#[derive(Debug)]
pub struct Bundle {
    /// The message.
    pub message: QueueMessage,
    /// The indexes of its entries.
    pub members: Vec<usize>,
}

/// Packs entries that wait equally long into as few messages as SQS allows. A single one stays as it
/// is, so that it can be read.
pub fn pack(entries: Vec<QueueMessage>) -> Vec<Bundle> {
    let mut by_delay: BTreeMap<Duration, Vec<(usize, String)>> = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let delay = entry.delay.min(MAX_DELAY);
        by_delay.entry(delay).or_default().push((index, entry.body));
    }
    let mut bundles = Vec::new();
    for (delay, entries) in by_delay {
        let mut bytes = 0;
        let mut members = Vec::new();
        let mut bodies: Vec<String> = Vec::new();
        for (index, body) in entries {
            if !bodies.is_empty() && bytes + body.len() > MAX_BUNDLE_BYTES {
                bundles.push(bundle(&mut members, &mut bodies, delay));
                bytes = 0;
            }
            bytes += body.len() + 1;
            members.push(index);
            bodies.push(body);
        }
        bundles.push(bundle(&mut members, &mut bodies, delay));
    }
    bundles
}

/// Returns the body for one entry alone, compressed if SQS would not take it otherwise.
pub fn body_of(entry: String) -> String {
    if entry.len() <= MAX_BUNDLE_BYTES {
        return entry;
    }
    body::compress_if_long(body::join(&[entry]))
}

/// Takes the bodies, and makes a bundle of them.
fn bundle(members: &mut Vec<usize>, bodies: &mut Vec<String>, delay: Duration) -> Bundle {
    let members = std::mem::take(members);
    let mut bodies = std::mem::take(bodies);
    let body = match bodies.pop() {
        Some(body) if bodies.is_empty() => body_of(body),
        Some(last) => {
            bodies.push(last);
            body::compress_if_long(body::join(&bodies))
        }
        None => String::new(),
    };
    let message = QueueMessage { body, delay };
    Bundle { message, members }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Queue, RecordBody};

    fn entry(bytes: usize, seconds: u64) -> QueueMessage {
        let delay = Duration::from_secs(seconds);
        let body = format!(r#""{}""#, "x".repeat(bytes - 2));
        QueueMessage { body, delay }
    }

    /// Returns the indexes of the entries in each bundle.
    fn members(entries: &[QueueMessage]) -> Vec<Vec<usize>> {
        let bundles = pack(entries.to_vec());
        for bundle in &bundles {
            assert!(Queue::fits(&bundle.message.body));
            let body = RecordBody::read(&bundle.message.body).unwrap();
            let expected: Vec<_> = bundle
                .members
                .iter()
                .map(|index| entries[*index].body.as_str())
                .collect();
            assert_eq!(body.entries().unwrap(), expected);
        }
        bundles.into_iter().map(|bundle| bundle.members).collect()
    }

    #[test]
    fn entries_are_packed_by_delay_and_size() {
        assert_eq!(members(&[]), [[0_usize; 0]; 0]);
        assert_eq!(members(&[entry(100, 0)]), [[0]]);
        assert_eq!(
            members(&[entry(100, 0), entry(100, 30), entry(100, 0)]),
            [vec![0, 2], vec![1]]
        );
        assert_eq!(
            members(&[entry(600_000, 0), entry(600_000, 0), entry(10, 0)]),
            [vec![0], vec![1, 2]]
        );
        // SQS has no longer delay than 15 minutes.
        assert_eq!(members(&[entry(10, 900), entry(10, 1_800)]), [[0, 1]]);
        assert_eq!(members(&[entry(3_000_000, 0)]), [[0]]);
    }
}
