//! The files that are replayed, in the order in which they are, and how a changed one is noticed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint;
use super::lines::{self, Position};

/// What a file of messages ends in, when a directory is searched for them.
const ENDINGS: [&str; 4] = ["ndjson", "json", "log", "gz"];

/// So much of the beginning and of the end tells whether a file is the same.
const SEEN: u64 = 64 * 1024;

/// A file as it was when a run began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Source {
    /// Where it is, as it was named.
    pub(super) path: PathBuf,
    /// How large it is on disk.
    pub(super) bytes: u64,
    /// The hash of its beginning.
    head: String,
    /// The hash of its beginning and end.
    digest: String,
}

impl Source {
    fn read(path: &Path) -> io::Result<Self> {
        Source::up_to(path, fs::metadata(path)?.len())
    }

    /// The file as if it ended after so many bytes.
    fn up_to(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut text = Vec::new();
        file.by_ref().take(SEEN.min(bytes)).read_to_end(&mut text)?;
        hash.update(&text);
        let head = hex::encode(hash.clone().finalize());
        text.clear();
        let end = bytes.saturating_sub(SEEN);
        file.seek(SeekFrom::Start(end))?;
        file.take(bytes - end).read_to_end(&mut text)?;
        hash.update(&text);
        Ok(Source {
            path: path.to_owned(),
            bytes,
            head,
            digest: hex::encode(hash.finalize()),
        })
    }

    /// What is before the line that ended a replay, if that is enough to go on with when only the line is mended.
    /// Of a gzipped file it is not: another line makes all bytes others.
    pub(super) fn before(&self, position: Position) -> Option<Source> {
        let is_plain = !lines::is_gzipped(&mut File::open(&self.path).ok()?).ok()?;
        is_plain
            .then(|| Source::up_to(&self.path, position.offset).ok())
            .flatten()
    }

    /// Whether it is still the file that `before` was. It may have moved.
    pub(super) fn is(&self, before: &Source) -> bool {
        (self.bytes, &self.digest) == (before.bytes, &before.digest)
    }

    /// Whether it begins with the file that `before` was, as far as the hash of its beginning tells: it was not
    /// there in full.
    pub(super) fn is_more_of(&self, before: &Source) -> bool {
        let begins_alike =
            || Source::up_to(&self.path, before.bytes).is_ok_and(|now| now.head == before.head);
        self.bytes > before.bytes && begins_alike()
    }

    /// Whether it begins with exactly what `before` was.
    pub(super) fn goes_on_from(&self, before: &Source) -> bool {
        self.bytes >= before.bytes
            && Source::up_to(&self.path, before.bytes).is_ok_and(|now| now.is(before))
    }
}

/// The files that these paths name, each once: a directory stands for all files of messages below it, in name
/// order. The replay's own `checkpoint` is none of them.
pub(super) fn sources(paths: &[PathBuf], checkpoint: Option<&Path>) -> Result<Vec<Source>, String> {
    let own = checkpoint
        .into_iter()
        .flat_map(checkpoint::files)
        .filter_map(|path| path.canonicalize().ok());
    let own: HashSet<_> = own.collect();
    let is_own = |path: &PathBuf| path.canonicalize().is_ok_and(|path| own.contains(&path));
    let mut files = Vec::new();
    for path in paths {
        let named = |error: io::Error| format!("{}: {error}", path.display());
        if fs::metadata(path).map_err(named)?.is_dir() {
            let before = files.len();
            search(path, &mut files).map_err(named)?;
            files.retain(|file| !is_own(file));
            if files.len() == before {
                return Err(format!(
                    "{}: holds no file that ends in .{}",
                    path.display(),
                    ENDINGS.join(", .")
                ));
            }
        } else if is_own(path) {
            return Err(format!(
                "{}: the checkpoint cannot be a file of messages too",
                path.display()
            ));
        } else {
            files.push(path.clone());
        }
    }
    let mut known = HashSet::new();
    let mut read = |path: &PathBuf| {
        let is_new = known.insert(path.canonicalize()?);
        is_new.then(|| Source::read(path)).transpose()
    };
    let named = |path: &PathBuf, error: io::Error| format!("{}: {error}", path.display());
    files
        .iter()
        .filter_map(|path| read(path).map_err(|error| named(path, error)).transpose())
        .collect()
}

fn search(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory may lead back to where it is.
        if entry.file_type()?.is_dir() {
            search(&path, files)?;
        } else if path.is_file() && holds_messages(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn holds_messages(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    ENDINGS.contains(&ending) && !checkpoint::is_one(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpoint_of_a_replay_is_no_file_of_messages() {
        for (name, expected) in [
            ("a.ndjson", true),
            ("a.json", true),
            ("a.log", true),
            ("a.gz", true),
            ("a.txt", false),
            ("a.ndjson.replay.json", false),
        ] {
            assert_eq!(holds_messages(Path::new(name)), expected, "{name}");
        }
    }
}
