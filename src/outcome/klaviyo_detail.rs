//! Klaviyo's own words about a refusal.

use std::fmt;

/// Klaviyo's own words about a refusal. They may quote the message, so they go into dead letters,
/// which hold the whole message anyway, and never into an answer or a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KlaviyoDetail(String);

impl KlaviyoDetail {
    /// The most characters that are kept.
    const MAX_CHARACTERS: usize = 1_000;

    /// Keeps the beginning of a text.
    pub fn new(text: &str) -> Self {
        KlaviyoDetail(text.chars().take(Self::MAX_CHARACTERS).collect())
    }

    /// Returns the text, for a dead letter.
    pub fn for_dead_letter(&self) -> Option<&str> {
        if self.0.is_empty() {
            None
        } else {
            Some(&self.0)
        }
    }
}

impl fmt::Debug for KlaviyoDetail {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("KlaviyoDetail(…)")
    }
}
