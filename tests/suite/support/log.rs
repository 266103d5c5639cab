//! The log of a function, in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

#[derive(Default)]
pub(crate) struct MemoryLog {
    lines: Mutex<Vec<String>>,
    /// The message of the line that makes the function panic.
    panic_at: Mutex<Option<&'static str>>,
}

impl MemoryLog {
    /// Makes the next line with this message panic, in the middle of whatever writes it. The log is
    /// the one part of the function that a test can replace.
    pub(crate) fn panic_at(&self, message: &'static str) {
        lock(&self.panic_at).replace(message);
    }

    pub(crate) fn write(&self, line: &str) {
        let mut panic_at = lock(&self.panic_at);
        if panic_at.is_some_and(|message| line.contains(message)) {
            panic_at.take();
            panic!("the test makes this line panic");
        }
        lock(&self.lines).push(line.to_owned());
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        lock(&self.lines)
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A panic that the test asked for leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
