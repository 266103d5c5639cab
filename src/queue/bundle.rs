//! Entries that go into the queue together: few full messages of SQS instead of one for each message
//! of Segment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::body;
use super::client::{MAX_DELAY, QueueMessage};

/// The most bytes of the entries in a bundle, before they are compressed. Even if they cannot be, SQS
/// takes it, and whoever receives it needs no more memory than that.
const MAX_BUNDLE_BYTES: usize = 1_000_000;

/// The most entries that stay messages of their own, which SQS takes in one request. People and older
/// versions can read them.
const MAX_SINGLE_ENTRIES: usize = 10;

/// Entries in one message for SQS.
#[derive(Debug)]
pub struct Bundle {
    /// The message.
    pub message: QueueMessage,
    /// The indexes of its entries.
    pub members: Vec<usize>,
}

/// Packs entries that wait equally long into as few messages as SQS allows. If there are only a few in
/// all, each stays a message of its own.
pub fn pack(entries: Vec<QueueMessage>) -> Vec<Bundle> {
    let mut by_delay: BTreeMap<Duration, Vec<(usize, String)>> = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let delay = entry.delay.min(MAX_DELAY);
        by_delay.entry(delay).or_default().push((index, entry.body));
    }
    let mut bundles = Vec::new();
    let are_few = by_delay.values().map(Vec::len).sum::<usize>() <= MAX_SINGLE_ENTRIES;
    for (delay, entries) in by_delay {
        let mut bytes = 0;
        let mut members = Vec::new();
        let mut bodies: Vec<String> = Vec::new();
        for (index, body) in entries {
            let is_full = are_few || bytes + body.len() > MAX_BUNDLE_BYTES;
            if !bodies.is_empty() && is_full {
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
        let few = [entry(100, 0), entry(100, 30), entry(100, 0)];
        assert_eq!(members(&few), [[0], [2], [1]]);

        let many = |first: &[QueueMessage]| {
            let mut entries = first.to_vec();
            entries.resize(11, entry(100, 0));
            members(&entries)
        };
        let later = [entry(100, 30), entry(100, 0), entry(100, 30)];
        assert_eq!(many(&later), [vec![1, 3, 4, 5, 6, 7, 8, 9, 10], vec![0, 2]]);
        let large = [entry(600_000, 0), entry(600_000, 0)];
        assert_eq!(many(&large), [vec![0], (1..11).collect()]);
        // SQS has no longer delay than 15 minutes.
        let slow = [entry(10, 900), entry(10, 1_800)];
        assert_eq!(many(&slow), [(2..11).collect(), vec![0, 1]]);
        assert_eq!(members(&[entry(3_000_000, 0)]), [[0]]);
    }
}
