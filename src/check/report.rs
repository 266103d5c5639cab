//! The report of a check, in the form of its JSON.

use std::borrow::Cow;

use serde::Serialize;

use crate::klaviyo::revision::REVISION;

/// The severity of a finding, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Everything is as it should be.
    Ok,
    /// Deliveries work, but perhaps not as intended.
    Warning,
    /// Deliveries fail.
    Failed,
}

/// The result for one subject of the check.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// The subject: `settings`, `queues`, `secret`, `webhook_token`, scopes of the API key, `list`,
    /// `ledger` or `memory`.
    pub about: &'static str,
    /// The severity.
    pub state: Severity,
    /// The observation, and the remedy if there is a problem.
    pub detail: Cow<'static, str>,
}

impl Finding {
    /// Returns a finding that everything is as it should be.
    pub fn ok(about: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Finding {
            about,
            state: Severity::Ok,
            detail: detail.into(),
        }
    }

    /// Returns a finding that deliveries may not work as intended.
    pub fn warning(about: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Finding {
            about,
            state: Severity::Warning,
            detail: detail.into(),
        }
    }

    /// Returns a finding that deliveries fail.
    pub fn failed(about: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Finding {
            about,
            state: Severity::Failed,
            detail: detail.into(),
        }
    }
}

/// The report of a check.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct CheckReport {
    /// The worst severity of all findings.
    pub check: Severity,
    /// The version of the function.
    pub version: &'static str,
    /// The revision of Klaviyo's API.
    pub revision: &'static str,
    /// The findings, at least one for each subject.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Returns the report of these findings. Without any finding nothing was checked, so that is a
    /// failure.
    pub fn new(findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|finding| finding.state).max();
        CheckReport {
            check: worst.unwrap_or(Severity::Failed),
            version: env!("CARGO_PKG_VERSION"),
            revision: REVISION,
            findings,
        }
    }

    /// Whether no finding failed. Warnings are allowed.
    pub fn is_passed(&self) -> bool {
        self.check != Severity::Failed
    }
}
