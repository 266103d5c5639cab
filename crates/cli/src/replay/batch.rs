//! Lines → batches of messages: what is a message, which are meant, and how many go at once.

use segment_klaviyo::batch::{InboundMessage, MessageResult};
use segment_klaviyo::segment::Message;
use segment_klaviyo::segment::json::Fields;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::filter::Filter;
use super::lines::{Lines, Position};
use crate::input;

/// A batch ends when it holds so much, or so much was read for it: none is too large for this machine, and a
/// replay of which little is meant still gets a checkpoint now and then.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// A message on its way.
pub(super) struct ReplayMessage {
    /// Where its line is.
    pub(super) at: Position,
    /// Its own bytes.
    pub(super) raw: Box<RawValue>,
    /// What Klaviyo has acknowledged of it, by the operations' labels.
    pub(super) done: Vec<String>,
    /// How it ended, when it was sent last.
    pub(super) ended: Option<MessageResult>,
}

impl ReplayMessage {
    /// The message as the function takes it.
    pub(super) fn parcel(&self, decided_at: OffsetDateTime) -> InboundMessage<'_> {
        InboundMessage {
            done: self.done.clone(),
            ..InboundMessage::new(&self.raw, decided_at)
        }
    }
}

/// A line that is no message, or that cannot be had.
pub(super) struct Unreadable {
    /// Where it is.
    pub(super) at: Position,
    /// The stable name of the reason.
    pub(super) reason: &'static str,
    /// What is wrong with it.
    pub(super) why: String,
}

/// What is read at once.
pub(super) struct Batch {
    /// Those that are meant.
    pub(super) messages: Vec<ReplayMessage>,
    /// How many messages are not meant.
    pub(super) left_out: u64,
    /// The lines that are none.
    pub(super) unreadable: Vec<Unreadable>,
    /// The line after it.
    pub(super) end: Position,
    /// The line that ends it, and with it the run: one that cannot be had, or is no message and none is let pass.
    pub(super) ended_by: Option<Unreadable>,
}

/// The next `most` messages that are meant; `None` when there are no more lines. It ends where a file cannot be
/// read, and if `strict` at the first line that is no message.
pub(super) fn next(lines: &mut Lines, most: usize, filter: &Filter, strict: bool) -> Option<Batch> {
    let mut batch = Batch {
        messages: Vec::new(),
        left_out: 0,
        unreadable: Vec::new(),
        end: lines.here(),
        ended_by: None,
    };
    let (before, mut held) = (lines.bytes(), 0);
    while batch.messages.len() < most && held.max(lines.bytes().saturating_sub(before)) < MOST_BYTES
    {
        let line = match lines.next() {
            None => break,
            Some(Ok(line)) => line,
            Some(Err(error)) => {
                let why = format!(
                    "the file cannot be read from here on: {error}; put it right and go on"
                );
                batch.end = lines.here();
                batch.ended_by = Some(Unreadable {
                    at: batch.end,
                    reason: "file_unreadable",
                    why,
                });
                return Some(batch);
            }
        };
        let unreadable = |why| Unreadable {
            at: line.at,
            reason: "not_a_message",
            why,
        };
        match line.text.and_then(|text| read(&text, filter)) {
            Ok(Some(raw)) => {
                held += raw.get().len() as u64;
                batch.messages.push(ReplayMessage {
                    at: line.at,
                    raw,
                    done: Vec::new(),
                    ended: None,
                });
            }
            Ok(None) => batch.left_out += 1,
            Err(why) if strict => {
                (batch.end, batch.ended_by) = (line.at, Some(unreadable(why)));
                return Some(batch);
            }
            Err(why) => batch.unreadable.push(unreadable(why)),
        }
        batch.end = lines.here();
    }
    let is_empty = batch.messages.is_empty() && batch.left_out == 0 && batch.unreadable.is_empty();
    (!is_empty).then_some(batch)
}

/// The message on a line, `None` if it is not meant.
fn read(text: &[u8], filter: &Filter) -> Result<Option<Box<RawValue>>, String> {
    let raw: Box<RawValue> = serde_json::from_slice(text)
        .map_err(|error| format!("not JSON (column {})", error.column()))?;
    // The function ignores what has no type; of a file that is another export, nobody should believe it is done.
    let is_message = Fields::parse(&raw).is_some_and(|object| input::is_message(&object));
    let message = Message::parse(&raw)
        .ok()
        .filter(|_| is_message)
        .ok_or(input::NOT_A_MESSAGE)?;
    let is_meant = filter.lets_through(&message);
    Ok(is_meant.then_some(raw))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::input::sources;
    use super::*;

    #[test]
    fn a_file_that_grows_while_it_is_read_is_read_to_its_end() {
        let directory = std::env::temp_dir().join(format!("replay-grows-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let message = "{\"type\": \"track\"}\n";
        let paths = ["a.ndjson", "b.ndjson"].map(|name| directory.join(name));
        paths
            .iter()
            .for_each(|path| fs::write(path, message).unwrap());
        let sources = sources(&paths, None).unwrap();
        fs::write(&paths[0], message.repeat(100)).unwrap();

        let mut lines = Lines::from(&sources, Position::default());
        let mut count = |most| {
            next(&mut lines, most, &Filter::default(), true).map(|batch| batch.messages.len())
        };
        assert_eq!(
            [count(1), count(1_000), count(1_000)],
            [Some(1), Some(100), None]
        );
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_is_gone_ends_it_where_it_was_to_begin() {
        let directory = std::env::temp_dir().join(format!("replay-gone-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let paths = ["a.ndjson", "b.ndjson"].map(|name| directory.join(name));
        paths
            .iter()
            .for_each(|path| fs::write(path, "{\"type\": \"track\"}\n").unwrap());
        let sources = sources(&paths, None).unwrap();
        fs::remove_file(&paths[1]).unwrap();

        let mut lines = Lines::from(&sources, Position::default());
        let batch = next(&mut lines, 1_000, &Filter::default(), false).unwrap();
        let ended_by = batch.ended_by.unwrap();
        assert_eq!(
            (
                batch.messages.len(),
                batch.unreadable.len(),
                ended_by.reason
            ),
            (1, 0, "file_unreadable")
        );
        assert_eq!(
            batch.end,
            Position {
                file: 1,
                line: 0,
                offset: 0
            }
        );
        fs::remove_dir_all(directory).unwrap();
    }
}
