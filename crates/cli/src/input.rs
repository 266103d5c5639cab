//! Files, directories and stdin: one reader for all commands.

mod item;
mod queued;
mod search;
mod values;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

pub(crate) use item::{
    Delivery, Item, body_of, deliveries, event_of, is_event, is_message, items, signed_event,
};
pub(crate) use queued::{QueueReason, QueuedMessage};
pub(crate) use search::{CHECKPOINT_SUFFIX, files_below};
use values::values;

/// The forms that a file may have; the end of every error about another one.
const ACCEPTED: &str = "expected Segment messages (objects with a type; one, a JSON array, or one on each line), a Lambda event, \
    or messages of an SQS queue";

/// The error for a value that is not a message by [`is_message`].
pub(crate) const NOT_A_MESSAGE: &str = "not a Segment message; expected a JSON object with a type";

/// The beginning of files that Windows editors write. It is not part of their content.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The first bytes of a gzipped file.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The path that stands for stdin.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads the file at `path`, or stdin for `-`, as it is.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    bytes.map_err(|error| format!("{}: {error}", name(path)))
}

/// The name of `path` in messages to the user.
pub(crate) fn name(path: &Path) -> String {
    if is_stdin(path) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The content of a file of messages.
pub(crate) struct FileContent {
    /// The name of the file.
    pub(crate) name: String,
    /// What it holds, in its order; never empty.
    pub(crate) items: Vec<Item>,
}

/// Reads the files that these paths name: files, gzipped or not, stdin, and all files of messages
/// below a directory. Fails if one of them holds anything else.
pub(crate) fn read_files(paths: &[PathBuf]) -> Result<Vec<FileContent>, String> {
    let mut contents = Vec::new();
    for path in paths {
        if !is_stdin(path) && path.is_dir() {
            for file in files_below(path)? {
                contents.push(read_file(&file)?);
            }
        } else {
            contents.push(read_file(path)?);
        }
    }
    Ok(contents)
}

fn read_file(path: &Path) -> Result<FileContent, String> {
    let name = name(path);
    let failed = |problem: String| format!("{name}: {problem}");
    let mut bytes = bytes(path)?;
    if bytes.starts_with(&GZIP_MAGIC) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .map_err(|error| failed(format!("cannot be unzipped: {error}")))?;
        bytes = plain;
    }
    let text =
        String::from_utf8(bytes).map_err(|_| failed(format!("not UTF-8 text; {ACCEPTED}")))?;
    let items = parse(&text).map_err(failed)?;
    Ok(FileContent { name, items })
}

/// Parses the text of a file.
fn parse(text: &str) -> Result<Vec<Item>, String> {
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let values = values(text)?;
    let is_single = values.len() == 1;
    let mut found = Vec::new();
    for (line, value) in values {
        match items(value) {
            Ok(items) => found.extend(items),
            Err(problem) if is_single => return Err(format!("{problem}; {ACCEPTED}")),
            Err(problem) => return Err(format!("line {line}: {problem}; {ACCEPTED}")),
        }
    }
    if found.is_empty() {
        // This is also what `aws sqs receive-message` prints for an empty queue: nothing.
        return Err(format!("holds no messages; {ACCEPTED}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
