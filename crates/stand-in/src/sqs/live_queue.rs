//! A queue that is read as SQS has it read: a record that was received is invisible for a while, and
//! received once too often it becomes a dead letter. Times are those of tokio's clock.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// The bytes that Lambda's event has for a record beside its body.
const RECORD_BYTES: usize = 700;

/// The attributes of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRules {
    /// The time for which a record is invisible that was received.
    pub visibility_timeout: Duration,
    /// How often a record is received before it becomes a dead letter.
    pub max_receive_count: u32,
}

/// A queue with visibility, delays and receive counts.
#[derive(Debug)]
pub struct LiveQueue {
    rules: QueueRules,
    records: BTreeMap<u64, StoredRecord>,
    /// The moment at which each record is visible (again), with its id.
    schedule: BTreeSet<(Instant, u64)>,
    next_id: u64,
    /// The bodies of the records that were received too often.
    pub dead_letters: Vec<String>,
}

#[derive(Debug)]
struct StoredRecord {
    body: String,
    /// The bytes that it takes in Lambda's event.
    bytes: usize,
    visible_at: Instant,
    receive_count: u32,
}

/// A record that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRecord {
    /// The id of the record, which is its receipt handle too.
    pub id: String,
    /// The body.
    pub body: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// The bytes that it takes in Lambda's event.
    pub bytes: usize,
}

impl LiveQueue {
    /// Creates an empty queue.
    pub fn new(rules: QueueRules) -> Self {
        LiveQueue {
            rules,
            records: BTreeMap::new(),
            schedule: BTreeSet::new(),
            next_id: 0,
            dead_letters: Vec::new(),
        }
    }

    /// Puts a record into the queue, which is invisible for `delay`.
    pub fn send(&mut self, body: &str, delay: Duration) {
        let id = self.next_id;
        self.next_id += 1;
        let visible_at = Instant::now() + delay;
        // The body is text in JSON, which escapes each quote and each backslash.
        let escapes = body.bytes().filter(|byte| matches!(byte, b'"' | b'\\'));
        let record = StoredRecord {
            bytes: body.len() + escapes.count() + RECORD_BYTES,
            body: body.to_owned(),
            visible_at,
            receive_count: 0,
        };
        self.records.insert(id, record);
        self.schedule.insert((visible_at, id));
    }

    /// Receives up to `max_count` visible records that take up to `max_bytes` in Lambda's event.
    pub fn receive(&mut self, max_count: usize, max_bytes: usize) -> Vec<ReceivedRecord> {
        let now = Instant::now();
        let mut received = Vec::new();
        let mut bytes = 0;
        while received.len() < max_count
            && let Some((visible_at, id)) = self.schedule.first().copied()
            && visible_at <= now
        {
            let Some(record) = self.records.get_mut(&id) else {
                self.schedule.pop_first();
                continue;
            };
            if record.receive_count >= self.rules.max_receive_count {
                self.dead_letters.push(std::mem::take(&mut record.body));
                self.remove(id);
                continue;
            }
            bytes += record.bytes;
            if bytes > max_bytes {
                break;
            }
            self.schedule.remove(&(visible_at, id));
            record.receive_count += 1;
            received.push(ReceivedRecord {
                id: id.to_string(),
                body: record.body.clone(),
                receive_count: record.receive_count,
                bytes: record.bytes,
            });
        }
        // Afterwards, so that nothing is received twice at once.
        for record in &received {
            self.change_visibility(&record.id, self.rules.visibility_timeout);
        }
        received
    }

    /// Deletes a record that was received. Returns whether it was there.
    pub fn delete(&mut self, id: &str) -> bool {
        id.parse().is_ok_and(|id| self.remove(id))
    }

    /// Makes a record that was received visible after `timeout`. Returns whether it was there.
    pub fn change_visibility(&mut self, id: &str, timeout: Duration) -> bool {
        let visible_at = Instant::now() + timeout;
        id.parse().is_ok_and(|id| self.show_at(id, visible_at))
    }

    /// Returns the number of records that can be received now.
    pub fn visible(&self) -> usize {
        let now = Instant::now();
        self.schedule.range(..=(now, u64::MAX)).count()
    }

    /// Whether a record can be received now.
    pub fn has_visible(&self) -> bool {
        let first = self.schedule.first();
        first.is_some_and(|(visible_at, _)| *visible_at <= Instant::now())
    }

    /// Returns the number of all records, the invisible ones included.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the bodies of all records, in the order in which they were sent.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        self.records.values().map(|record| record.body.as_str())
    }

    fn show_at(&mut self, id: u64, visible_at: Instant) -> bool {
        let Some(record) = self.records.get_mut(&id) else {
            return false;
        };
        self.schedule.remove(&(record.visible_at, id));
        record.visible_at = visible_at;
        self.schedule.insert((visible_at, id));
        true
    }

    fn remove(&mut self, id: u64) -> bool {
        let Some(record) = self.records.remove(&id) else {
            return false;
        };
        self.schedule.remove(&(record.visible_at, id));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn queue(max_receive_count: u32) -> LiveQueue {
        LiveQueue::new(QueueRules {
            visibility_timeout: Duration::ZERO,
            max_receive_count,
        })
    }

    fn bodies(received: &[ReceivedRecord]) -> Vec<&str> {
        received.iter().map(|record| record.body.as_str()).collect()
    }

    #[test]
    fn a_record_is_received_until_it_is_deleted_or_dead() {
        let mut queue = queue(2);
        queue.send("a", Duration::ZERO);
        queue.send("b", Duration::ZERO);
        let received = queue.receive(10, 10_000);
        assert_eq!(bodies(&received), ["a", "b"]);
        assert!(queue.delete(&received[0].id));
        assert!(!queue.delete(&received[0].id));
        let received = queue.receive(10, 10_000);
        assert_eq!(bodies(&received), ["b"]);
        assert_eq!(received[0].receive_count, 2);
        assert_eq!(queue.receive(10, 10_000), []);
        assert_eq!(queue.dead_letters, ["b"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_delayed_or_received_record_is_invisible() {
        let mut queue = LiveQueue::new(QueueRules {
            visibility_timeout: 60 * SECOND,
            max_receive_count: 9,
        });
        queue.send("now", Duration::ZERO);
        queue.send("later", 60 * SECOND);
        let received = queue.receive(10, 10_000);
        assert_eq!(bodies(&received), ["now"]);
        assert_eq!((queue.visible(), queue.len()), (0, 2));
        assert_eq!(queue.receive(10, 10_000), []);
        assert!(queue.change_visibility(&received[0].id, Duration::ZERO));
        assert_eq!(bodies(&queue.receive(10, 10_000)), ["now"]);
        assert!(!queue.change_visibility("7", Duration::ZERO));
    }

    #[test]
    fn an_event_has_a_limited_number_and_size_of_records() {
        let mut queue = queue(9);
        for body in ["a", "b", "\"\"\"\""] {
            queue.send(body, Duration::ZERO);
        }
        assert_eq!(queue.receive(2, 10_000).len(), 2);
        let bytes = 2 * (RECORD_BYTES + 1) + RECORD_BYTES + 8;
        assert_eq!(queue.receive(9, bytes).len(), 3);
        assert_eq!(queue.receive(9, bytes - 1).len(), 2);
        assert_eq!(queue.bodies().count(), 3);
    }
}
