//! Reads batches of messages from lines.

use segment_klaviyo::klaviyo::OperationId;
use segment_klaviyo::segment::Message;
use serde_json::value::RawValue;

use super::filter::Filter;
use super::lines::Lines;
use super::record::{Batch, ReplayMessage, UnreadableLine};
use crate::explain::messages::DeliveryMessages;
use crate::input::{self, Item};
use crate::sign::SharedSecret;

/// The size at which a batch ends: of its messages, so that they fit into memory, or of what was
/// read for it, so that a replay with few matching messages writes a checkpoint now and then.
const MAX_BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// Reads the next batch of at most `max_messages` messages that match; `None` when no lines are
/// left. The batch ends where a file cannot be read, and with `strict` at the first line that is
/// not a message.
pub(super) fn read_batch(
    lines: &mut Lines,
    max_messages: usize,
    filter: &Filter,
    strict: bool,
) -> Option<Batch> {
    let mut batch = Batch {
        messages: Vec::new(),
        left_out: 0,
        unreadable: Vec::new(),
        end: lines.next_position(),
        stopped_at: None,
    };
    let start_bytes = lines.bytes_read();
    let mut message_bytes = 0;
    while batch.messages.len() < max_messages {
        // A file that has become smaller than it was when the run began gives less than was counted
        // before.
        let bytes_read = lines.bytes_read().saturating_sub(start_bytes);
        if message_bytes.max(bytes_read) >= MAX_BATCH_BYTES {
            break;
        }
        let line = match lines.next() {
            None => break,
            Some(Ok(line)) => line,
            Some(Err(error)) => {
                batch.end = lines.next_position();
                batch.stopped_at = Some(UnreadableLine {
                    position: batch.end,
                    reason: "file_unreadable",
                    detail: format!(
                        "the file cannot be read from here on: {error}; restore it and run the same command again"
                    ),
                });
                return Some(batch);
            }
        };
        let values = match line.text.and_then(|text| parse_value(&text, filter)) {
            Ok(values) => values,
            Err(detail) => vec![Err(detail)],
        };
        if strict && let Some(Err(detail)) = values.iter().find(|value| value.is_err()) {
            batch.end = line.position;
            batch.stopped_at = Some(UnreadableLine {
                position: line.position,
                reason: "not_a_message",
                detail: detail.clone(),
            });
            return Some(batch);
        }
        let mut position = line.position;
        for value in values {
            match value {
                Ok(found) if found.is_selected => {
                    message_bytes += found.raw.get().len() as u64;
                    batch.messages.push(ReplayMessage {
                        completed: found.completed,
                        ..ReplayMessage::new(position, found.raw)
                    });
                }
                Ok(_) => batch.left_out += 1,
                Err(detail) => batch.unreadable.push(UnreadableLine {
                    position,
                    reason: "not_a_message",
                    detail,
                }),
            }
            position.item += 1;
        }
        batch.end = lines.next_position();
    }
    let is_empty = batch.messages.is_empty() && batch.left_out == 0 && batch.unreadable.is_empty();
    if is_empty { None } else { Some(batch) }
}

/// A message that a value holds.
struct FoundMessage {
    raw: Box<RawValue>,
    /// Whether it matches the filter.
    is_selected: bool,
    /// The operations that were done before it came into a queue.
    completed: Vec<OperationId>,
}

/// Parses a value: a message, an array of messages, a Lambda event, or messages of a queue.
fn parse_value(text: &[u8], filter: &Filter) -> Result<Vec<Result<FoundMessage, String>>, String> {
    let value: &RawValue = serde_json::from_slice(text)
        .map_err(|error| format!("not JSON (column {})", error.column()))?;
    let mut found = Vec::new();
    for item in input::items(value).map_err(|_| input::NOT_A_MESSAGE.to_owned())? {
        match item {
            Item::Message(raw) => found.push(checked(raw, Vec::new(), filter)),
            Item::Queued(queued) => found.push(match queued.message() {
                Ok(message) => {
                    let completed = queued.entry().map(|entry| entry.completed);
                    checked(message.to_boxed(), completed.unwrap_or_default(), filter)
                }
                Err(problem) => Err(problem),
            }),
            Item::Event(event) => {
                // The signature was checked when the event arrived, or it never will be.
                let delivery = DeliveryMessages::from_event(&event, &SharedSecret::default())?;
                if delivery.messages.is_empty() {
                    found.push(Err(delivery.rejection.unwrap_or_default()));
                }
                for message in delivery.messages {
                    found.push(checked(message.raw, Vec::new(), filter));
                }
            }
        }
    }
    Ok(found)
}

/// The function ignores objects without a type. Here they are an error, so that a file of something
/// else does not count as replayed.
fn checked(
    raw: Box<RawValue>,
    completed: Vec<OperationId>,
    filter: &Filter,
) -> Result<FoundMessage, String> {
    if !input::is_message(&raw) {
        return Err(input::NOT_A_MESSAGE.to_owned());
    }
    let Ok(message) = Message::parse(&raw) else {
        return Err(input::NOT_A_MESSAGE.to_owned());
    };
    let is_selected = filter.matches(&message);
    Ok(FoundMessage {
        raw,
        is_selected,
        completed,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::source::{Position, find_sources};
    use super::*;

    const MESSAGE: &str = "{\"type\": \"track\"}\n";

    fn two_files(test: &str) -> (PathBuf, [PathBuf; 2]) {
        let directory = std::env::temp_dir().join(format!("replay-{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let paths = ["a.ndjson", "b.ndjson"].map(|name| directory.join(name));
        for path in &paths {
            fs::write(path, MESSAGE).unwrap();
        }
        (directory, paths)
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_read_to_its_end() {
        let (directory, paths) = two_files("growing");
        let sources = find_sources(&paths, None).unwrap();
        fs::write(&paths[0], MESSAGE.repeat(100)).unwrap();

        let mut lines = Lines::new(&sources, Position::default());
        for (max_messages, expected) in [(1, Some(1)), (1_000, Some(100)), (1_000, None)] {
            let batch = read_batch(&mut lines, max_messages, &Filter::default(), true);
            assert_eq!(batch.map(|batch| batch.messages.len()), expected);
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_missing_file_stops_the_replay_at_its_first_line() {
        let (directory, paths) = two_files("missing");
        let sources = find_sources(&paths, None).unwrap();
        fs::remove_file(&paths[1]).unwrap();

        let mut lines = Lines::new(&sources, Position::default());
        let batch = read_batch(&mut lines, 1_000, &Filter::default(), false).unwrap();
        assert_eq!((batch.messages.len(), batch.unreadable.len()), (1, 0));
        assert_eq!(batch.stopped_at.unwrap().reason, "file_unreadable");
        let start_of_second_file = Position {
            file: 1,
            ..Position::default()
        };
        assert_eq!(batch.end, start_of_second_file);
        fs::remove_dir_all(directory).unwrap();
    }
}
