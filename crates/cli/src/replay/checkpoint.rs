//! The progress of a replay on disk, so that a stopped or killed one resumes without repeating
//! anything.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use segment_klaviyo::klaviyo::OperationId;
use serde::{Deserialize, Serialize};

use super::checkpoint_path;
use super::source::{Position, SourceFile};
use super::stats::Stats;

/// The version of the file's format. No other version is read.
const VERSION: u8 = 1;

/// The state of a replay after a batch, or while a batch waits.
///
/// The file keeps the field names that it had first: a replay that began with an earlier version of
/// the tool must be able to resume.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u8,
    /// The files, as they were at the beginning of the last run.
    pub(super) sources: Vec<SourceFile>,
    /// The options that decide which requests are sent, and where to.
    #[serde(rename = "settings")]
    options: BTreeMap<String, String>,
    /// The time at which the rules were first applied, in epoch seconds. A resumed replay applies them as of
    /// that time.
    #[serde(rename = "decided_at")]
    pub(super) first_seen_at: i64,
    /// The first line that is not finished.
    pub(super) position: Position,
    /// The completed operations of the messages from there on.
    #[serde(rename = "done")]
    pub(super) completed: Vec<CompletedOperations>,
    /// The results of everything before that position.
    #[serde(rename = "tally")]
    pub(super) totals: Totals,
    /// Whether nothing is left to do.
    pub(super) finished: bool,
}

/// The operations of one message that Klaviyo has acknowledged, in a batch that is not finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CompletedOperations {
    /// The position of the message.
    #[serde(rename = "at")]
    pub(super) position: Position,
    #[serde(rename = "labels")]
    pub(super) operation_ids: Vec<OperationId>,
}

/// The results so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Totals {
    #[serde(flatten)]
    pub(super) stats: Stats,
    /// The number of requests to Klaviyo.
    #[serde(rename = "calls")]
    pub(super) requests: u64,
}

impl Checkpoint {
    /// The checkpoint of a replay that has not begun.
    pub(super) fn new(
        sources: Vec<SourceFile>,
        options: BTreeMap<String, String>,
        first_seen_at: i64,
    ) -> Self {
        Checkpoint {
            version: VERSION,
            sources,
            options,
            first_seen_at,
            position: Position::default(),
            completed: Vec::new(),
            totals: Totals::default(),
            finished: false,
        }
    }

    /// Reads the checkpoint at `path`; `None` if the file does not exist.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        match serde_json::from_slice::<Checkpoint>(&text) {
            Ok(checkpoint) if checkpoint.version == VERSION => Ok(Some(checkpoint)),
            _ => Err(format!(
                "{}: not the checkpoint of a replay; remove it, or use --checkpoint to name another file",
                path.display()
            )),
        }
    }

    /// Checks that a new replay has the same files and options, and returns the difference
    /// otherwise. A file that is not finished may have grown.
    pub(super) fn check_same_replay(&self, new: &Checkpoint) -> Result<(), String> {
        if self.sources.len() != new.sources.len() {
            return Err(format!(
                "it is about {} files, and now there are {}",
                self.sources.len(),
                new.sources.len()
            ));
        }
        for (index, (saved, now)) in self.sources.iter().zip(&new.sources).enumerate() {
            let may_have_grown = !self.finished && index >= self.position.file;
            let resumes = now.is_same_as(saved) || may_have_grown && now.has_grown_from(saved);
            if !resumes {
                return Err(format!("{} has changed since", now.path.display()));
            }
        }
        for name in self.options.keys().chain(new.options.keys()) {
            let saved = self.options.get(name);
            if saved != new.options.get(name) {
                let saved = saved.map_or("not given", String::as_str);
                return Err(format!("{name} was {saved}"));
            }
        }
        Ok(())
    }

    /// Writes the checkpoint to `path`. The file is replaced as a whole, also by a crash or a power
    /// failure.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        self.replace(path)
            .map_err(|error| format!("{}: cannot be written: {error}", path.display()))
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let new_file = checkpoint_path::new_file(path);
        let mut file = File::create(&new_file)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&new_file, path)?;
        sync_directory(path)
    }
}

/// Writes the directory of `path` to disk: a new name lasts only then. Windows has no such
/// operation.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Locks the checkpoint at `path` for as long as the returned file is open. Fails if another replay
/// has the lock.
///
/// The lock is a separate file, since each batch replaces the checkpoint. It is never removed: a
/// replay that has the removed file open and another that creates a new one would both have the
/// lock.
pub(super) fn lock(path: &Path) -> Result<File, String> {
    let lock_file = checkpoint_path::lock_file(path);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_file)
        .map_err(|error| cannot_lock(&lock_file, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "{}: another replay is using this checkpoint; wait until it finishes, or use --checkpoint to name another",
            path.display()
        )),
        Err(TryLockError::Error(error)) => Err(cannot_lock(&lock_file, &error)),
    }
}

fn cannot_lock(path: &Path, error: &io::Error) -> String {
    format!("{}: cannot be locked: {error}", path.display())
}
