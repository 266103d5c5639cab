//! The files of messages below a directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The extensions of files of messages, when a directory is searched for them.
const EXTENSIONS: [&str; 4] = ["ndjson", "json", "log", "gz"];

/// The end of the names of replays' checkpoints, which hold no messages.
pub(crate) const CHECKPOINT_SUFFIX: &str = ".replay.json";

/// Returns all files of messages below a directory, in name order. Fails if there is none.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    search(directory, &mut files).map_err(|error| format!("{}: {error}", directory.display()))?;
    if files.is_empty() {
        return Err(format!(
            "{}: contains no file that ends in .{}",
            directory.display(),
            EXTENSIONS.join(", .")
        ));
    }
    Ok(files)
}

fn search(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links to directories are not followed: one may lead back to a directory above it.
        if entry.file_type()?.is_dir() {
            search(&path, files)?;
        } else if path.is_file() && is_file_of_messages(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_file_of_messages(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) && !is_checkpoint(path)
}

/// Whether this is the default name of a replay's checkpoint.
pub(crate) fn is_checkpoint(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(CHECKPOINT_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_messages_have_their_extensions_and_checkpoints_are_none() {
        for (name, expected) in [
            ("a.ndjson", true),
            ("a.json", true),
            ("a.log", true),
            ("a.gz", true),
            ("a.txt", false),
            ("a", false),
            ("a.ndjson.replay.json", false),
        ] {
            assert_eq!(is_file_of_messages(Path::new(name)), expected, "{name}");
        }
    }
}
