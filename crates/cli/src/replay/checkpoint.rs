//! How far a replay is, on disk: what makes a stopped or killed one go on without doing anything twice.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::input::Source;
use super::lines::Position;
use super::tally::Tally;

/// What the name of a checkpoint ends in.
const ENDING: &str = ".replay.json";

/// What the next one is called until it is whole, and what two replays cannot have at once.
const NEW: &str = ".new";
const LOCK: &str = ".lock";

/// The form that is written, and the only one that is read.
const VERSION: u8 = 1;

/// Everything that is known of a replay after a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u8,
    /// The files, as they were when the last run began.
    pub(super) sources: Vec<Source>,
    /// What decides what is sent, and where to.
    pub(super) settings: BTreeMap<String, String>,
    /// When the rules are, or were first, applied, in epoch seconds.
    pub(super) decided_at: i64,
    /// The first line that is not finished.
    pub(super) position: Position,
    /// The file there, up to there, when the line there ended the replay and may be mended.
    pub(super) mended_after: Option<Source>,
    /// What is done of the messages from there on.
    pub(super) done: Vec<Done>,
    /// What became of everything before it.
    pub(super) tally: Tally,
    /// Whether there is nothing left to do.
    pub(super) finished: bool,
}

/// A message that Klaviyo has acknowledged something of, in a batch that is not finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Done {
    /// Where it is.
    pub(super) at: Position,
    /// The operations, by their labels.
    pub(super) labels: Vec<String>,
}

impl Checkpoint {
    /// Nothing is done yet.
    pub(super) fn new(
        sources: Vec<Source>,
        settings: BTreeMap<String, String>,
        decided_at: i64,
    ) -> Self {
        let (position, done, tally) = (Position::default(), Vec::new(), Tally::default());
        Checkpoint {
            version: VERSION,
            sources,
            settings,
            decided_at,
            position,
            mended_after: None,
            done,
            tally,
            finished: false,
        }
    }

    /// The checkpoint at `path`, `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        match serde_json::from_slice::<Checkpoint>(&text) {
            Ok(checkpoint) if checkpoint.version == VERSION => Ok(Some(checkpoint)),
            _ => Err(format!(
                "{}: not the checkpoint of a replay; remove it, or name another with --checkpoint",
                path.display()
            )),
        }
    }

    /// Says why a replay of `now` cannot go on from here: it would do other things than it began.
    pub(super) fn fits(&self, now: &Checkpoint) -> Result<(), String> {
        if self.sources.len() != now.sources.len() {
            return Err(format!(
                "it is about {} files, and now there are {}",
                self.sources.len(),
                now.sources.len()
            ));
        }
        let mut files = self.sources.iter().zip(&now.sources).enumerate();
        if let Some((_, (_, now))) =
            files.find(|(file, (before, now))| !self.knows(*file, before, now))
        {
            return Err(format!("{} has changed since", now.path.display()));
        }
        let keys = self.settings.keys().chain(now.settings.keys());
        match keys
            .into_iter()
            .find(|key| self.settings.get(*key) != now.settings.get(*key))
        {
            Some(key) => Err(format!(
                "{key} was {}",
                self.settings.get(key).map_or("not given", String::as_str)
            )),
            None => Ok(()),
        }
    }

    /// Whether a file is as it was, or another only behind what is done of it.
    fn knows(&self, file: usize, before: &Source, now: &Source) -> bool {
        let is_open = !self.finished && file >= self.position.file;
        let is_mended = || {
            let before = self
                .mended_after
                .as_ref()
                .filter(|_| file == self.position.file && self.done.is_empty());
            before.is_some_and(|before| now.goes_on_from(before))
        };
        now.is(before) || is_open && (now.is_more_of(before) || is_mended())
    }

    /// Writes it whole or not at all, and so that it outlives a power cut.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let beside = with_ending(path, NEW);
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            sync_directory(path)
        };
        write().map_err(|error| format!("{}: cannot be written: {error}", path.display()))
    }
}

/// A new name lasts once its directory is on disk. Windows has no such thing to ask for.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The lock that one replay has on a checkpoint as long as the file is open; an error when another has it. It is a
/// file of its own, as the checkpoint is another after each batch, and it stays: to remove it would let two in.
pub(super) fn lock(path: &Path) -> Result<File, String> {
    let beside = with_ending(path, LOCK);
    let named = |error: io::Error| format!("{}: cannot be locked: {error}", beside.display());
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&beside)
        .map_err(named)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "{}: another replay is under way with it; wait for its end, or name another with --checkpoint",
            path.display()
        )),
        Err(TryLockError::Error(error)) => Err(named(error)),
    }
}

/// The checkpoint and what may be beside it.
pub(super) fn files(path: &Path) -> [PathBuf; 3] {
    [
        path.to_owned(),
        with_ending(path, NEW),
        with_ending(path, LOCK),
    ]
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Where the checkpoint of a replay of this file or directory is, unless it is said.
pub(super) fn beside(path: &Path) -> PathBuf {
    // Put together anew: a slash at the end of a directory's name would lead into it.
    with_ending(&path.components().collect::<PathBuf>(), ENDING)
}

/// Whether this is the name of a checkpoint.
pub(super) fn is_one(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_beside_the_file_or_directory() {
        for (path, expected) in [
            ("a/b.ndjson", "a/b.ndjson.replay.json"),
            ("archive/", "archive.replay.json"),
        ] {
            assert_eq!(beside(Path::new(path)), Path::new(expected));
            assert!(is_one(&beside(Path::new(path))));
        }
    }
}
