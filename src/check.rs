//! The answer to `{"check": true}`: whether deliveries can succeed. A check delivers nothing.

mod report;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::domain::ListId;
use crate::klaviyo::{
    Klaviyo, OptIn, Probe, ProbeResponse, RequestError, count_resources, parse_opt_in,
};
use crate::secrets::Secret;
use crate::settings::{Channel, RuleSettings, Settings};

pub use report::{CheckReport, Finding, Severity};

/// The longest time for one probe. They run side by side, and a Klaviyo that takes longer would fail
/// deliveries as well.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Checks for valid settings that contradict each other or are probably incomplete. With an invalid
/// one the function does not start.
pub fn check_settings(settings: &Settings) -> Vec<Finding> {
    let rules = &settings.rules;
    let mut findings = Vec::new();
    if rules.enforce_email && rules.fallback_on_anonymous_id {
        findings.push(Finding::warning(
            "settings",
            "FALLBACK_ON_ANONYMOUS_ID has no effect while ENFORCE_EMAIL is true",
        ));
    }
    if rules.consent_channels.contains(&Channel::Sms) && rules.default_country.is_none() {
        findings.push(Finding::warning(
            "settings",
            "CONSENT_CHANNELS includes sms but DEFAULT_COUNTRY is not set: only phone numbers that begin with + are subscribed",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("settings", "all settings are valid"));
    }
    if settings.retry_queue_url.is_none() {
        findings.push(Finding::warning(
            "queues",
            "RETRY_QUEUE_URL is not set: Segment must resend messages that Klaviyo cannot accept now",
        ));
    }
    if settings.dead_letter_queue_url.is_none() {
        findings.push(Finding::warning(
            "queues",
            "DEAD_LETTER_QUEUE_URL is not set: messages that can never succeed are only logged",
        ));
    }
    if settings.memory_table.is_none() {
        findings.push(Finding::warning(
            "ledger",
            "MEMORY_TABLE is not set: what comes twice may ask a person twice for a confirmation",
        ));
    }
    let can_release = settings.remember_identities.is_some() && settings.retry_queue_url.is_some();
    if !settings.hold_anonymous.is_zero() && !can_release {
        findings.push(Finding::failed(
            "memory",
            "HOLD_ANONYMOUS_HOURS has no effect without REMEMBER_IDENTITIES and RETRY_QUEUE_URL",
        ));
    }
    if settings.memory_table.is_none() && settings.remember_identities.is_some() {
        findings.push(Finding::failed(
            "memory",
            "REMEMBER_IDENTITIES has no effect without MEMORY_TABLE",
        ));
    }
    findings
}

/// Checks what the secret holds beside the key. The signature of a batch proves nothing about its
/// other messages, so whatever can delete or subscribe anybody needs the token.
pub fn check_secret(secret: &Secret, rules: &RuleSettings) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("secret", "fetched and valid")];
    if !secret.has_webhook_token() {
        let mut risky = Vec::new();
        for (setting, is_on) in [
            ("HONOR_DELETIONS", rules.honor_deletions),
            ("GROUP_LISTS", rules.group_lists),
            ("AUDIENCE_LISTS", rules.audience_lists.is_on()),
        ] {
            if is_on {
                risky.push(setting);
            }
        }
        findings.push(if risky.is_empty() {
            Finding::warning(
                "webhook_token",
                "the secret holds none: whoever has seen one signed message can append others to it",
            )
        } else {
            Finding::failed(
                "webhook_token",
                format!(
                    "the secret holds none, which {} must have: whoever has seen one signed message can append others to it",
                    risky.join(", ")
                ),
            )
        });
    }
    let unknown = secret.unknown_fields();
    if !unknown.is_empty() {
        findings.push(Finding::warning(
            "secret",
            format!("these fields are not used: {}", unknown.join(", ")),
        ));
    }
    findings
}

/// Checks the scopes of the API key that the rules need, and the list.
pub async fn check_klaviyo(
    klaviyo: &Klaviyo,
    key: &str,
    rules: &RuleSettings,
    deadline: Instant,
) -> Vec<Finding> {
    let mut probes = vec![
        Probe::write_profiles(),
        Probe::write_events(),
        Probe::subscribe(),
    ];
    if rules.honor_deletions {
        probes.push(Probe::delete_profiles());
    }
    // People who have left are found by their profiles. So are import jobs, if there is a queue.
    probes.push(Probe::read_profiles());
    let timeout = deadline
        .saturating_duration_since(Instant::now())
        .min(PROBE_TIMEOUT);

    let scope_checks = probes.iter().map(async |probe| {
        let response = probe.send(klaviyo, key, timeout).await;
        scope_finding(probe.scopes, &response)
    });
    let list_check = check_list(klaviyo, key, rules, timeout);
    let metrics_check = check_metrics(klaviyo, key, rules, timeout);
    let (mut findings, list_finding, metrics_finding) =
        tokio::join!(join_all(scope_checks), list_check, metrics_check);
    findings.push(list_finding);
    findings.push(metrics_finding);
    findings
}

/// The most metrics of an account: <https://help.klaviyo.com/hc/en-us/articles/115005076787>
const MAX_METRICS: usize = 200;

/// The metrics that are left when a merchant should look. Pages and screens make one for each name.
const FEW_METRICS_LEFT: usize = 30;

/// Counts the metrics of the account: Klaviyo refuses events of one more.
async fn check_metrics(
    klaviyo: &Klaviyo,
    key: &str,
    rules: &RuleSettings,
    timeout: Duration,
) -> Finding {
    let makes_many = rules.send_pages || rules.send_screens;
    let response = Probe::read_metrics().send(klaviyo, key, timeout).await;
    let count = match &response {
        Ok(ProbeResponse { status: 200, body }) => count_resources(body),
        _ => None,
    };
    match count {
        Some(count) if count >= MAX_METRICS => Finding::failed(
            "metrics",
            format!(
                "the account has {count} metrics, the most that Klaviyo takes: events with a new name are refused"
            ),
        ),
        Some(count) if makes_many && count + FEW_METRICS_LEFT > MAX_METRICS => Finding::warning(
            "metrics",
            format!(
                "the account has {count} of {MAX_METRICS} metrics, and SEND_PAGES and SEND_SCREENS make one for each page and screen"
            ),
        ),
        Some(count) => Finding::ok(
            "metrics",
            format!("the account has {count} of {MAX_METRICS} metrics"),
        ),
        None if makes_many => Finding::warning(
            "metrics",
            "cannot be counted (the key lacks metrics:read), and SEND_PAGES and SEND_SCREENS make one for each page and screen",
        ),
        None => Finding::ok("metrics", "not counted: the key lacks metrics:read"),
    }
}

/// Checks the list of `LIST_ID`.
async fn check_list(
    klaviyo: &Klaviyo,
    key: &str,
    rules: &RuleSettings,
    timeout: Duration,
) -> Finding {
    match &rules.list_id {
        Some(id) => {
            let response = Probe::read_list(id).send(klaviyo, key, timeout).await;
            list_finding(id, &response, rules.confirm_optin)
        }
        None => Finding::ok(
            "list",
            "LIST_ID is not set: only messages that name a list subscribe people",
        ),
    }
}

/// Interprets the response to a probe. The key has the scopes if Klaviyo got to validating the body,
/// which holds no attributes and so is always refused.
fn scope_finding(scopes: &'static str, response: &Result<ProbeResponse, RequestError>) -> Finding {
    let status = match response {
        Ok(response) => response.status,
        Err(error) => return Finding::failed(scopes, format!("unknown: {error}")),
    };
    match status {
        200..=299 | 400 | 404 | 409 | 422 => Finding::ok(scopes, "klaviyo_api_key may do this"),
        401 => Finding::failed(scopes, "Klaviyo does not know klaviyo_api_key"),
        403 => Finding::failed(
            scopes,
            "klaviyo_api_key lacks a scope: create a key that has all of them",
        ),
        429 => Finding::warning(
            scopes,
            "unknown: Klaviyo is throttling; check again in a minute",
        ),
        _ => Finding::failed(scopes, format!("unknown: Klaviyo answered {status}")),
    }
}

/// Interprets the response to the list's probe: whether the list exists, and whether its opt-in
/// process agrees with `CONFIRM_OPTIN`.
fn list_finding(
    id: &ListId,
    response: &Result<ProbeResponse, RequestError>,
    confirm_optin: bool,
) -> Finding {
    let id = id.as_str();
    let body = match response {
        Ok(ProbeResponse { status: 200, body }) => body,
        Ok(ProbeResponse { status: 403, .. }) => {
            return Finding::warning(
                "list",
                format!("{id} cannot be checked: klaviyo_api_key lacks lists:read"),
            );
        }
        Ok(ProbeResponse { status: 404, .. }) => {
            return Finding::failed(
                "list",
                format!("{id} does not exist in this Klaviyo account"),
            );
        }
        _ => {
            let finding = scope_finding("list", response);
            return Finding {
                detail: format!("{id}: {}", finding.detail).into(),
                ..finding
            };
        }
    };
    match (parse_opt_in(body), confirm_optin) {
        (Some(OptIn::Double), true) => Finding::ok(
            "list",
            format!("{id} has double opt-in: everyone is asked to confirm"),
        ),
        (Some(OptIn::Single), true) => Finding::warning(
            "list",
            format!(
                "{id} has single opt-in, so nobody is asked to confirm although CONFIRM_OPTIN is true"
            ),
        ),
        (Some(_), false) => Finding::ok(
            "list",
            format!("{id} exists; CONFIRM_OPTIN is false, so people are subscribed immediately"),
        ),
        _ => Finding::warning(
            "list",
            format!("{id} exists, but Klaviyo does not say how it opts in"),
        ),
    }
}
