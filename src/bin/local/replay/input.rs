//! The files that are replayed, in the order in which they are, and how a changed one is noticed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint;

/// What a file of messages ends in, when a directory is searched for them.
const ENDINGS: [&str; 4] = ["ndjson", "json", "log", "gz"];

/// So much of the beginning and of the end tells whether a file is the same.
const SEEN: u64 = 64 * 1024;

/// A file as it was when the replay began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Source {
    /// Where it is, as it was named.
    pub(super) path: PathBuf,
    /// How large it is on disk.
    pub(super) bytes: u64,
    /// The hash of its beginning and end.
    digest: String,
}

impl Source {
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut hash = Sha256::new();
        let mut text = Vec::new();
        file.by_ref().take(SEEN).read_to_end(&mut text)?;
        hash.update(&text);
        text.clear();
        file.seek(SeekFrom::Start(bytes.saturating_sub(SEEN)))?;
        file.read_to_end(&mut text)?;
        hash.update(&text);
        Ok(Source { path: path.to_owned(), bytes, digest: hex::encode(hash.finalize()) })
    }

    /// Whether it is still the file that `before` was. It may have moved.
    pub(super) fn is(&self, before: &Source) -> bool {
        (self.bytes, &self.digest) == (before.bytes, &before.digest)
    }
}

/// The files that these paths name: a directory stands for all files of messages below it, in name order.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut files = Vec::new();
    for path in paths {
        let named = |error: io::Error| format!("{}: {error}", path.display());
        if fs::metadata(path).map_err(named)?.is_dir() {
            let before = files.len();
            search(path, &mut files).map_err(named)?;
            if files.len() == before {
                return Err(format!("{}: holds no file that ends in .{}", path.display(), ENDINGS.join(", .")));
            }
        } else {
            files.push(path.clone());
        }
    }
    files.iter().map(|path| Source::read(path).map_err(|error| format!("{}: {error}", path.display()))).collect()
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
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
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
