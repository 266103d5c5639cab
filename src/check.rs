//! `{"check": true}`: whether everything is there that deliveries need, without delivering anything.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::klaviyo::{Klaviyo, ListId, Probe, RequestError, revision::REVISION};
use crate::settings::{Channel, RuleSettings, Settings};

/// The time for one question to Klaviyo.
const LONGEST_PROBE: Duration = Duration::from_secs(3);

/// How something is, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, but perhaps not as meant.
    Warning,
    /// Deliveries fail.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// What: `settings`, `secret`, a scope of the key, `list`, `queues`.
    pub about: &'static str,
    /// How it is.
    pub state: Severity,
    /// What was seen, and what to do.
    pub detail: Cow<'static, str>,
}

/// What a check found.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct CheckReport {
    /// The worst of the findings.
    pub check: Severity,
    /// Version of this function.
    pub version: &'static str,
    /// Revision of Klaviyo's API.
    pub revision: &'static str,
    /// Everything that was looked at.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// The report of these findings.
    pub fn of(findings: Vec<Finding>) -> Self {
        let check = findings
            .iter()
            .map(|finding| finding.state)
            .max()
            .unwrap_or(Severity::Failed);
        CheckReport {
            check,
            version: env!("CARGO_PKG_VERSION"),
            revision: REVISION,
            findings,
        }
    }
}

pub(crate) fn finding(
    about: &'static str,
    state: Severity,
    detail: impl Into<Cow<'static, str>>,
) -> Finding {
    Finding {
        about,
        state,
        detail: detail.into(),
    }
}

/// Settings that are read but do not go together. (One that cannot be read keeps the function from starting.)
pub fn settings(settings: &Settings) -> Vec<Finding> {
    let rules = &settings.rules;
    let mut found = Vec::new();
    let mut warn = |is: bool, about, detail: &'static str| {
        if is {
            found.push(finding(about, Severity::Warning, detail));
        }
    };
    let useless = "FALLBACK_ON_ANONYMOUS_ID does nothing while ENFORCE_EMAIL is true";
    warn(
        rules.enforce_email && rules.fallback_on_anonymous_id,
        "settings",
        useless,
    );
    let national = "CONSENT_CHANNELS has sms and DEFAULT_COUNTRY is not set: only numbers that begin with + are subscribed";
    warn(
        rules.consent_channels.contains(&Channel::Sms) && rules.default_country.is_none(),
        "settings",
        national,
    );
    let no_retry =
        "RETRY_QUEUE_URL is not set: what Klaviyo cannot take now is left to Segment to resend";
    warn(settings.retry_queue_url.is_none(), "queues", no_retry);
    let no_dead = "DEAD_LETTER_QUEUE_URL is not set: what can never succeed is logged only";
    warn(settings.dead_letter_queue_url.is_none(), "queues", no_dead);
    if found.iter().all(|finding| finding.about != "settings") {
        found.insert(
            0,
            finding("settings", Severity::Ok, "all of them can be read"),
        );
    }
    found
}

/// What this key may do at Klaviyo, as far as these rules need it.
pub async fn klaviyo(
    klaviyo: &Klaviyo,
    key: &str,
    rules: &RuleSettings,
    deadline: Instant,
) -> Vec<Finding> {
    let mut probes = vec![Probe::WRITE_PROFILES, Probe::WRITE_EVENTS, Probe::SUBSCRIBE];
    if rules.honor_deletions {
        probes.push(Probe::DELETE);
    }
    if rules.honor_deletions || rules.audience_lists {
        probes.push(Probe::read_profiles());
    }
    let timeout = || {
        deadline
            .saturating_duration_since(Instant::now())
            .min(LONGEST_PROBE)
    };
    let asked = probes.iter().map(async |probe| {
        let (state, detail) = scope(&klaviyo.probe(key, probe, timeout()).await);
        finding(probe.scopes, state, detail)
    });
    let (mut found, list) = tokio::join!(join_all(asked), async {
        let id = rules.list_id.as_ref()?;
        Some(list(
            id,
            &klaviyo.probe(key, &Probe::list(id), timeout()).await,
            rules.confirm_optin,
        ))
    });
    let no_list = "LIST_ID is not set: only messages that name a list subscribe";
    found.push(list.unwrap_or_else(|| finding("list", Severity::Ok, no_list)));
    found
}

type Probed = Result<(u16, Bytes), RequestError>;

/// A scope is there when Klaviyo gets as far as finding fault with a body that asks for nothing.
fn scope(answer: &Probed) -> (Severity, Cow<'static, str>) {
    match answer {
        Ok((200..=299 | 400 | 404 | 409 | 422, _)) => (Severity::Ok, "the key may do this".into()),
        Ok((401, _)) => (
            Severity::Failed,
            "Klaviyo does not know klaviyo_api_key".into(),
        ),
        Ok((403, _)) => (
            Severity::Failed,
            "klaviyo_api_key lacks a scope: make a key that has all of them".into(),
        ),
        Ok((429, _)) => (
            Severity::Warning,
            "cannot be told now: Klaviyo throttles; check again in a minute".into(),
        ),
        Ok((status, _)) => (
            Severity::Failed,
            format!("cannot be told: Klaviyo answers {status}").into(),
        ),
        Err(error) => (Severity::Failed, format!("cannot be told: {error}").into()),
    }
}

/// Whether the list is there and asks for confirmation as `CONFIRM_OPTIN` says.
fn list(id: &ListId, answer: &Probed, confirms: bool) -> Finding {
    let id = id.as_str();
    let (state, detail) = match answer {
        Ok((200, body)) => match (opt_in_process(body).as_deref(), confirms) {
            (Some("double_opt_in"), true) => (
                Severity::Ok,
                format!("{id} has double opt-in: everybody is asked to confirm"),
            ),
            (Some("single_opt_in"), true) => (
                Severity::Warning,
                format!(
                    "{id} has single opt-in, so nobody is asked to confirm, although CONFIRM_OPTIN is true"
                ),
            ),
            (Some(_), false) => (
                Severity::Ok,
                format!("{id} is there; CONFIRM_OPTIN is false: subscribed at once"),
            ),
            _ => (
                Severity::Warning,
                format!("{id} is there, but Klaviyo does not say how it opts in"),
            ),
        },
        Ok((403, _)) => (
            Severity::Warning,
            format!("{id} cannot be looked at: klaviyo_api_key lacks lists:read"),
        ),
        Ok((404, _)) => (
            Severity::Failed,
            format!("{id} does not exist in this Klaviyo account"),
        ),
        other => {
            let (state, detail) = scope(other);
            (state, format!("{id}: {detail}"))
        }
    };
    finding("list", state, detail)
}

/// <https://developers.klaviyo.com/en/reference/get_list>
fn opt_in_process(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        attributes: Attributes,
    }
    #[derive(Deserialize)]
    struct Attributes {
        opt_in_process: Option<String>,
    }
    serde_json::from_slice::<Document>(body)
        .ok()?
        .data
        .attributes
        .opt_in_process
}
