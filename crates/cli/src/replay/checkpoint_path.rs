//! The paths of a checkpoint and of the files beside it.

use std::path::{Path, PathBuf};

use crate::input::CHECKPOINT_SUFFIX;

const NEW_SUFFIX: &str = ".new";
const LOCK_SUFFIX: &str = ".lock";

/// The default checkpoint for a replay of this file or directory.
pub(super) fn beside(path: &Path) -> PathBuf {
    // Collecting the components removes a slash at the end, which would put the checkpoint into the
    // directory.
    let path: PathBuf = path.components().collect();
    with_suffix(&path, CHECKPOINT_SUFFIX)
}

/// The file that the next checkpoint is written to before it replaces the one at `path`.
pub(super) fn new_file(path: &Path) -> PathBuf {
    with_suffix(path, NEW_SUFFIX)
}

/// The file that a replay locks, so that only one uses the checkpoint at `path`.
pub(super) fn lock_file(path: &Path) -> PathBuf {
    with_suffix(path, LOCK_SUFFIX)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_beside_the_file_or_directory() {
        for (path, expected) in [
            ("a/b.ndjson", "a/b.ndjson.replay.json"),
            ("archive/", "archive.replay.json"),
        ] {
            let checkpoint = beside(Path::new(path));
            assert_eq!(checkpoint, Path::new(expected));
        }
    }
}
