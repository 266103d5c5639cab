//! The files of a replay, positions in them, and how a changed file is noticed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint_path;
use crate::input::{self, GZIP_MAGIC, files_below};

/// The number of bytes at the beginning and at the end of a file that identify it.
const SAMPLE_BYTES: u64 = 64 * 1024;

/// The place of a line among all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    /// The index of the file among the sources.
    pub(super) file: usize,
    /// The number of lines before it in the file.
    pub(super) line: u64,
    /// The number of bytes before it in the file, uncompressed.
    pub(super) offset: u64,
    /// The number of messages before it in the same value, such as an array or a Lambda event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) item: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A file of messages, as it was at the beginning of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SourceFile {
    /// Its path, as the user gave it.
    pub(super) path: PathBuf,
    /// Its size on disk.
    pub(super) bytes: u64,
    /// The SHA-256 of its first 64 KB.
    head: String,
    /// The SHA-256 of its first and last 64 KB.
    digest: String,
    /// The content of stdin, which can be read only once.
    #[serde(skip)]
    content: Option<Rc<[u8]>>,
}

/// What a source is read from.
pub(super) trait Input: Read + Seek {}

impl<T: Read + Seek> Input for T {}

impl SourceFile {
    fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::metadata(path)?.len();
        SourceFile::new(path, bytes, &mut File::open(path)?)
    }

    fn read_stdin() -> io::Result<Self> {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content)?;
        let bytes = content.len() as u64;
        let source = SourceFile::new(Path::new("-"), bytes, &mut Cursor::new(&content))?;
        Ok(SourceFile {
            content: Some(content.into()),
            ..source
        })
    }

    fn new(path: &Path, bytes: u64, input: &mut impl Input) -> io::Result<Self> {
        let mut hash = Sha256::new();
        hash.update(read_part(input, 0, SAMPLE_BYTES.min(bytes))?);
        let head = hex::encode(hash.clone().finalize());
        let tail_start = bytes.saturating_sub(SAMPLE_BYTES);
        hash.update(read_part(input, tail_start, bytes - tail_start)?);
        Ok(SourceFile {
            path: path.to_owned(),
            bytes,
            head,
            digest: hex::encode(hash.finalize()),
            content: None,
        })
    }

    /// Opens it, as it is on disk.
    pub(super) fn open(&self) -> io::Result<Box<dyn Input>> {
        match &self.content {
            Some(content) => Ok(Box::new(Cursor::new(Rc::clone(content)))),
            None => Ok(Box::new(File::open(&self.path)?)),
        }
    }

    /// Whether it has the content of an earlier run's file. It may have moved.
    pub(super) fn is_same_as(&self, earlier: &SourceFile) -> bool {
        (self.bytes, &self.digest) == (earlier.bytes, &earlier.digest)
    }

    /// Whether it is an earlier run's file with more at the end, such as a download that is
    /// complete now. Only the first 64 KB are compared.
    pub(super) fn has_grown_from(&self, earlier: &SourceFile) -> bool {
        self.bytes > earlier.bytes
            && self
                .head_digest(earlier.bytes)
                .is_ok_and(|head| head == earlier.head)
    }

    /// Returns the `head` that it would have if it ended after so many bytes.
    fn head_digest(&self, bytes: u64) -> io::Result<String> {
        let head = read_part(&mut self.open()?, 0, SAMPLE_BYTES.min(bytes))?;
        Ok(hex::encode(Sha256::digest(head)))
    }
}

fn read_part(file: &mut impl Input, start: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(bytes).read_to_end(&mut part)?;
    Ok(part)
}

/// Whether a file is gzipped, by its first bytes. Leaves the file at its beginning.
pub(super) fn is_gzipped(file: &mut impl Input) -> io::Result<bool> {
    let magic = read_part(file, 0, GZIP_MAGIC.len() as u64)?;
    file.rewind()?;
    Ok(magic == GZIP_MAGIC)
}

/// Finds the files that these paths name, each once. A directory includes all files of messages
/// below it, in name order, except the replay's own checkpoint.
pub(super) fn find_sources(
    paths: &[PathBuf],
    checkpoint: Option<&Path>,
) -> Result<Vec<SourceFile>, String> {
    let checkpoint_files = checkpoint_files(checkpoint);
    let mut known = HashSet::new();
    let mut sources = Vec::new();
    for path in paths {
        if input::is_stdin(path) {
            if known.insert(path.clone()) {
                sources.push(SourceFile::read_stdin().map_err(|error| failed(path, &error))?);
            }
            continue;
        }
        let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
        let files = if metadata.is_dir() {
            let mut found = files_below(path)?;
            found.retain(|file| !contains_file(&checkpoint_files, file));
            found
        } else if contains_file(&checkpoint_files, path) {
            return Err(format!(
                "{}: the checkpoint cannot also be a file of messages",
                path.display()
            ));
        } else {
            vec![path.clone()]
        };
        for file in files {
            let canonical = file.canonicalize().map_err(|error| failed(&file, &error))?;
            if known.insert(canonical) {
                sources.push(SourceFile::read(&file).map_err(|error| failed(&file, &error))?);
            }
        }
    }
    if sources.is_empty() {
        return Err("there are no files of messages".to_owned());
    }
    Ok(sources)
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", input::name(path))
}

/// Returns the canonical paths of the checkpoint's files that exist.
fn checkpoint_files(checkpoint: Option<&Path>) -> HashSet<PathBuf> {
    let Some(path) = checkpoint else {
        return HashSet::new();
    };
    let files = [
        path.to_owned(),
        checkpoint_path::new_file(path),
        checkpoint_path::lock_file(path),
    ];
    files
        .iter()
        .filter_map(|file| file.canonicalize().ok())
        .collect()
}

fn contains_file(files: &HashSet<PathBuf>, path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| files.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_are_noticed_and_may_grow() {
        let directory = std::env::temp_dir().join(format!("replay-source-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("a.ndjson");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            SourceFile::read(&path).unwrap()
        };
        let long = "x".repeat(100_000);
        for earlier_text in ["short", &long] {
            let earlier = read(earlier_text);
            for (text, is_same, has_grown) in [
                (earlier_text.to_owned(), true, false),
                (format!("{earlier_text} and more"), false, true),
                (format!("y{earlier_text}"), false, false),
                (earlier_text.replace(['s', 'x'], "y"), false, false),
                (String::new(), false, false),
            ] {
                let now = read(&text);
                let length = text.len();
                assert_eq!(now.is_same_as(&earlier), is_same, "{length} bytes");
                assert_eq!(now.has_grown_from(&earlier), has_grown, "{length} bytes");
            }
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
