//! What the doctor found.

use anstream::println;
use serde::Serialize;

use crate::output::{BOLD, DIM, ERROR, OK, WARN, escape_control};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Warning,
    Failed,
    Skipped,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) about: String,
    pub(super) state: State,
    pub(super) detail: String,
    /// The command or the step that mends it.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: &str, detail: impl Into<String>) -> Self {
        Finding::new(about, State::Ok, detail, None)
    }

    pub(super) fn warning(about: &str, detail: impl Into<String>, mend: &str) -> Self {
        Finding::new(about, State::Warning, detail, Some(mend))
    }

    pub(super) fn failed(about: &str, detail: impl Into<String>, mend: &str) -> Self {
        Finding::new(about, State::Failed, detail, Some(mend))
    }

    pub(super) fn skipped(about: &str, detail: impl Into<String>, mend: &str) -> Self {
        Finding::new(about, State::Skipped, detail, Some(mend))
    }

    pub(super) fn new(
        about: &str,
        state: State,
        detail: impl Into<String>,
        mend: Option<&str>,
    ) -> Self {
        Finding {
            about: about.to_owned(),
            state,
            detail: detail.into(),
            mend: mend.map(str::to_owned),
        }
    }

    pub(super) fn print(&self) {
        let (style, word) = match self.state {
            State::Ok => (OK, "ok"),
            State::Warning => (WARN, "warning"),
            State::Failed => (ERROR, "missing"),
            State::Skipped => (DIM, "skipped"),
        };
        println!(
            "  {style}{word:8}{style:#}{BOLD}{}{BOLD:#}: {}",
            escape_control(&self.about),
            escape_control(&self.detail)
        );
        if let Some(mend) = &self.mend {
            println!("            {}", escape_control(mend));
        }
    }
}
